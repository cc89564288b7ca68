"""Parts of fixed sizes, in both formats: `total` adds up what it is fed, per row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm.card import ModelCard, StatePair
from edgemm.errors import CardError, InputError
from edgemm.litert_runtime import find_litert
from edgemm.model.load import load_part
from edgemm.model.part import Part
from edgemm.onnx_runtime import onnx_runtime

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
FORMATS = ("tflite", "onnx")
SUMS = ModelCard(states=(StatePair("total", "before"),))
ONCE = ModelCard(states=(StatePair("total", "before", "first-run"),))


def opened(name: str, card: ModelCard) -> Iterator[Part]:
    needs(find_litert if name.endswith("tflite") else onnx_runtime)
    with load_part(ASSETS / name, card=card) as model, model.part() as part:
        yield part


@pytest.fixture(params=FORMATS)
def once(request: pytest.FixtureRequest) -> Iterator[Part]:
    yield from opened(f"total.{request.param}", ONCE)


@pytest.fixture
def rows() -> Iterator[Part]:
    yield from opened("total_rows.tflite", SUMS)


def fed(part: Part, number: float) -> None:
    part.step({"x": np.full(part.inputs[0].shape, number, np.float32)})


def before(part: Part) -> list[float]:
    return [float(each) for each in next(iter(part.snapshot().states.values()))[:, 0]]


def test_the_first_step_gives_a_state_that_is_kept(once: Part) -> None:
    for number in (1, 2, 3):
        fed(once, number)
        assert before(once) == [1]
    once.reset()
    assert before(once) == [0]
    fed(once, 5)
    fed(once, 6)
    assert before(once) == [5]


def test_a_snapshot_of_the_start_knows_that_nothing_was_given(once: Part) -> None:
    start = once.snapshot()
    fed(once, 1)
    given = once.snapshot()
    once.restore(start)
    fed(once, 2)
    assert before(once) == [2]
    once.restore(given)
    fed(once, 3)
    assert before(once) == [1]


def test_a_state_forgotten_by_name_is_given_anew(once: Part) -> None:
    fed(once, 1)
    once.reset(["before"])
    fed(once, 2)
    assert before(once) == [2]


def test_rows_are_beams(rows: Part) -> None:
    rows.step({"x": np.array([[1, 0], [2, 0], [3, 0]], np.float32)})
    rows.reorder([2, 0, 0])
    assert before(rows) == [3, 1, 1]
    fed(rows, 10)
    assert before(rows) == [13, 11, 11]


@pytest.mark.parametrize(
    ("order", "said"),
    [([0, 1], "expected 3, as state 'before' of this file has; found 2"), ([0, 1, 3], "numbers from 0 to 2")],
)
def test_rows_that_the_file_has_not_are_refused(rows: Part, order: list[int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        rows.reorder(order)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_fixed_does_not_grow(suffix: str) -> None:
    needs(find_litert if suffix == "tflite" else onnx_runtime)
    card = ModelCard(states=(StatePair("total", "before", "grow"),))
    with pytest.raises(CardError, match=r"grow|an open dimension"):
        load_part(ASSETS / f"total.{suffix}", card=card).part()
