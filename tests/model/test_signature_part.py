"""Parts of several signatures: `lengths.tflite` adds x to what was before, 2 or 4 numbers at a time, and reads it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs

import edgemm
from edgemm.artifact import read_artifact
from edgemm.artifact.trust import is_trusted
from edgemm.card import InputCard, ModelCard, StatePair
from edgemm.errors import ArtifactError, CardError, DelegateMissing, InputError
from edgemm.litert_runtime import find_litert
from edgemm.model.load import load_part
from edgemm.model.part import Part
from edgemm.model.signature_model import SignatureModel

pytestmark = pytest.mark.device
needs(find_litert)
ASSETS = Path(__file__).parents[1] / "assets"
LENGTHS = ASSETS / "lengths.tflite"
CARD = ModelCard(states=(StatePair("after", "before"),))


@pytest.fixture
def model() -> Iterator[SignatureModel]:
    with load_part(LENGTHS, card=CARD) as opened:
        assert isinstance(opened, SignatureModel)
        yield opened


@pytest.fixture
def part(model: SignatureModel) -> Iterator[Part]:
    with model.part() as made:
        yield made


def step(part: Part, *numbers: float) -> list[float]:
    """In the signature that is as long as the numbers: what is kept after the step."""
    found = part.step({"x": np.array([numbers], np.float32)}, signature=f"step_{len(numbers)}")
    return [float(each) - 7 for each in found.real("y")[0]]


def read(part: Part) -> list[float]:
    return [float(each) - 7 for each in part.step({}, signature="read").real("y")[0]]


def test_a_file_says_its_signatures(model: SignatureModel, part: Part) -> None:
    assert model.signatures == part.signatures == ("step_2", "step_4", "read")
    assert [spec.shape for spec in part.specs("step_4")[0]] == [(1, 4), (1, 4)]
    assert [spec.name for spec in part.specs("read")[0]] == ["before"]


def test_each_signature_runs(part: Part) -> None:
    assert step(part, 1, 2) == [1, 2]
    part.reset()
    assert step(part, 1, 2, 3, 4) == [1, 2, 3, 4]


def test_a_step_that_names_none_runs_the_first(part: Part) -> None:
    found = part.step({"x": np.array([[1, 2]], np.float32)})
    np.testing.assert_array_equal(found.real("y"), [[8, 9]])


def test_what_is_remembered_is_told_in_arrays_of_its_own(part: Part) -> None:
    assert part.states()["before"].tolist() == [[0, 0]]  # of the first signature
    step(part, 1, 2, 3, 4)
    told = part.states()["before"]
    step(part, 10, 10, 10, 10)
    assert told.tolist() == [[1, 2, 3, 4]]


def test_a_state_goes_on_in_a_longer_signature_and_is_empty_behind(part: Part) -> None:
    step(part, 1, 2)
    assert step(part, 10, 10, 10, 10) == [11, 12, 10, 10]
    assert step(part, 1, 1, 1, 1) == [12, 13, 11, 11]


def test_what_was_in_a_signature_before_is_not_seen_again(part: Part) -> None:
    step(part, 9, 9, 9, 9)
    part.reset()
    step(part, 1, 2)
    assert step(part, 0, 0, 0, 0) == [1, 2, 0, 0]


def test_a_signature_may_read_a_state_and_leave_it(part: Part) -> None:
    assert read(part) == [0, 0, 0, 0]
    step(part, 1, 2, 3, 4)
    assert read(part) == read(part) == [1, 2, 3, 4]
    assert step(part, 1, 1, 1, 1) == [2, 3, 4, 5]


def test_a_longer_state_does_not_go_into_a_shorter_signature(part: Part) -> None:
    step(part, 1, 2, 3, 4)
    with pytest.raises(InputError, match=r"'before': expected one that fits into \[1, 2\].*Reset it first"):
        step(part, 1, 1)
    assert step(part, 0, 0, 0, 0) == [1, 2, 3, 4]
    part.reset(["before"])
    assert step(part, 1, 1) == [1, 1]


def test_a_snapshot_goes_back_to_a_shorter_signature(part: Part) -> None:
    step(part, 1, 2)
    then = part.snapshot()
    for _ in range(2):
        step(part, 5, 5, 5, 5)
        part.restore(then)
        assert step(part, 1, 1) == [2, 3]
        part.restore(then)


def test_a_state_of_the_first_step_is_kept_over_signatures() -> None:
    card = ModelCard(states=(StatePair("after", "before", "first-run"),))
    with load_part(LENGTHS, card=card) as model, model.part() as part:
        assert step(part, 1, 2) == [1, 2]
        assert step(part, 5, 5, 5, 5) == [6, 7, 5, 5]
        assert step(part, 1, 1) == [2, 3]
        part.reset()
        assert step(part, 3, 3) == [3, 3]
        assert step(part, 1, 1) == [4, 4]


def test_without_states_all_is_fed_and_given() -> None:
    with load_part(LENGTHS) as model, model.part() as part:
        feeds = {"x": np.ones((1, 4), np.float32), "before": np.full((1, 4), 2, np.float32)}
        found = part.step(feeds, signature="step_4")
        assert sorted(found) == ["after", "y"]
        np.testing.assert_array_equal(found.real("after"), np.full((1, 4), 3))


def test_a_held_input_goes_into_the_signatures_that_it_fits(part: Part) -> None:
    held = np.array([[1, 2, 3, 4]], np.float32)
    part.hold({"x": held})
    held[:] = 99
    found = part.step({}, signature="step_4")
    np.testing.assert_array_equal(found.real("y") - 7, [[1, 2, 3, 4]])
    assert read(part) == [1, 2, 3, 4]
    part.reset(["before"])
    with pytest.raises(InputError, match=r"'x': expected float32\[1, 2\], found float32\[1, 4\]"):
        part.step({}, signature="step_2")
    with pytest.raises(InputError, match="hold: expected some of x; found 'y'"):
        part.hold({"y": np.zeros((1, 2), np.float32)})
    with pytest.raises(InputError, match=r"'x': expected float32\[1, 2\], found float32\[1, 3\]"):
        part.hold({"x": np.zeros((1, 3), np.float32)})


def test_a_constant_stands_in_each_signature_that_has_it() -> None:
    card = CARD.with_(inputs=(InputCard("x", value=3.0), InputCard("before")))
    with load_part(LENGTHS, card=card) as model, model.part() as part:
        part.step({}, signature="step_2")
        part.step({}, signature="step_4")
        assert read(part) == [6, 6, 3, 3]


@pytest.mark.parametrize(
    ("feeds", "signature", "said"),
    [
        (
            {"x": np.ones((1, 2), np.float32)},
            "step_8",
            "signature: expected one of 'step_2', 'step_4', 'read'",
        ),
        ({}, "step_4", "inputs of signature 'step_4': expected x; found none"),
        ({"x": np.ones((1, 2), np.float32)}, "read", "inputs of signature 'read': expected none; found x"),
        (
            {"x": np.ones((1, 2), np.float32)},
            "step_4",
            r"'x': expected float32\[1, 4\], found float32\[1, 2\]",
        ),
        ({"x": np.full((1, 2), np.inf, np.float32)}, "step_2", "expected finite numbers"),
    ],
)
def test_wrong_feeds_are_told_and_change_nothing(
    part: Part, feeds: dict[str, Any], signature: str, said: str
) -> None:
    step(part, 1, 2)
    with pytest.raises(InputError, match=said):
        part.step(feeds, signature=signature)
    assert read(part) == [1, 2, 0, 0]


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (StatePair("after", "nowhere"), "'nowhere' of the card is in no signature of the file"),
        (StatePair("nothing", "before"), "'nothing' of the card is in no signature of the file"),
        (StatePair("after", "before", "grow"), "expected replace or first-run where all sizes are fixed"),
    ],
)
def test_states_that_do_not_fit_are_told_when_it_is_loaded(pair: StatePair, said: str) -> None:
    with pytest.raises(CardError, match=said):
        load_part(LENGTHS, card=ModelCard(states=(pair,)))


def test_parts_of_one_model_do_not_touch(model: SignatureModel) -> None:
    with model.part() as one, model.part() as other:
        step(one, 1, 2)
        kept = other.step({"x": np.full((1, 2), 50, np.float32)}, signature="step_2").real("y")
        assert step(one, 1, 1) == [2, 3]
        np.testing.assert_array_equal(kept, [[57, 57]])
        assert read(other) == [50, 50, 0, 0]


def test_parts_in_threads_give_what_they_give_alone(model: SignatureModel) -> None:
    found: dict[int, list[float]] = {}

    def walk(seed: int) -> None:
        with model.part() as part:
            for at in range(30):
                step(part, seed, at)
            for at in range(30):
                found[seed] = step(part, seed, at, seed, 1)

    threads = [threading.Thread(target=walk, args=(seed,)) for seed in range(1, 5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == {seed: [60 * seed, 2 * sum(range(30)), 30 * seed, 30] for seed in range(1, 5)}


def test_closing_while_a_part_runs_waits_and_then_refuses(model: SignatureModel) -> None:
    part, begun, seen = model.part(), threading.Event(), []

    def walk() -> None:
        try:
            for _ in range(1_000_000):
                step(part, 1, 2)
                begun.set()
        except InputError as error:
            seen.append(str(error))

    thread = threading.Thread(target=walk)
    thread.start()
    assert begun.wait(20)
    model.close()
    model.close()
    thread.join(20)
    assert seen == ["the model is closed: load it again"]
    with pytest.raises(InputError, match=r"the model lengths\.tflite is closed"):
        model.part()


def test_a_closed_part_says_so(part: Part) -> None:
    part.close()
    part.close()
    for use in (lambda: read(part), part.snapshot, part.reset, lambda: part.reorder([0])):
        with pytest.raises(InputError, match="the part is closed: begin a new one of its model"):
            use()


def test_a_plain_model_runs_the_first_signature() -> None:
    with edgemm.load(LENGTHS) as model:
        assert [spec.shape for spec in model.inputs] == [(1, 2), (1, 2)]


def test_an_accelerator_does_not_take_several_signatures() -> None:
    with pytest.raises(DelegateMissing):
        load_part(LENGTHS, delegate="edgetpu")


def test_a_file_of_unknown_origin_is_probed_as_a_part(tmp_path: Path) -> None:
    (tmp_path / "good.tflite").write_bytes(LENGTHS.read_bytes() + bytes(4))  # another hash
    artifact = read_artifact(tmp_path / "good.tflite")
    load_part(artifact.path).close()
    assert is_trusted(artifact, open_sizes=True)
    assert not is_trusted(artifact)


def test_memory_is_flat_over_thousands_of_steps(part: Part) -> None:
    def megabytes() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    def steps(count: int) -> None:
        for _ in range(count):
            part.reset()
            step(part, 1, 2)
            step(part, 1, 2, 3, 4)
            part.restore(part.snapshot())

    steps(500)
    before = megabytes()
    steps(5000)
    assert megabytes() - before < 4


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    good = LENGTHS.read_bytes()
    for seed in range(3):
        bad = bytearray(good)
        rng = np.random.default_rng(seed)
        for at in rng.integers(8, len(bad), len(bad) // 3):
            bad[at] = rng.integers(256)
        (tmp_path / f"{seed}.tflite").write_bytes(bad)
        with pytest.raises(ArtifactError):
            load_part(tmp_path / f"{seed}.tflite")
