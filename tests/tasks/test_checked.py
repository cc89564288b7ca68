"""Tasks of other packages: what they give is checked, and the error names the task."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgemm.card import ModelCard
from edgemm.card import tasks as table
from edgemm.errors import CardError, EdgemmError
from edgemm.results import Embedding, Transcript
from edgemm.tasks import open_decoder
from edgemm.tasks.context import NOWHERE
from edgemm.tasks.decoder import HearsLevels, HearsOut, HearsSilence
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
GOOD = Embedding(np.zeros(1, np.float32))
SPECS = (TensorSpec("y", (1, 1), "float32"),)
OUTPUTS = Outputs.of(SPECS, {"y": np.zeros((1, 1), np.float32)})


class Gives:
    """A decoder that gives what it was made with."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def begin(self) -> int:
        return 7

    def decode(self, outputs: Outputs, context: Any, state: Any) -> Any:
        assert state == 7
        return self.value

    def end(self, context: Any, state: Any) -> Any:
        return self.value

    def whole(self, windows: Any, context: Any, stride_s: float) -> Any:
        return self.value


class HearsItOut(Gives):
    """One that is told of silences too."""

    tail_s, silence_s, by_level = 0.3, 0.7, True

    def quiet(self, context: Any, state: Any) -> Any:
        return self.value

    def joined(self, results: Any) -> Any:
        return results[0]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Any:
    """value -> the decoder of a task "birds" of another package."""

    def make(decoder: Any) -> Any:
        def load() -> Any:
            return lambda: SimpleNamespace(
                name="birds", version=1, Recipe=type(None), open=lambda card, recipe, specs: decoder
            )

        entry = SimpleNamespace(load=load, dist=SimpleNamespace(name="feathers", version="1.2"), value="f:B")
        monkeypatch.setattr(table, "_foreign", lambda: {"birds": entry})
        return open_decoder(ModelCard("m", task="birds"), SPECS)

    return make


def test_what_is_right_passes(opened: Any) -> None:
    def lazily() -> Iterable[Any]:
        yield GOOD
        yield GOOD

    decoder = opened(Gives([GOOD]))
    state = decoder.begin()
    assert list(decoder.decode(OUTPUTS, NOWHERE, state)) == [GOOD]
    assert list(decoder.end(NOWHERE, state)) == [GOOD]
    assert opened(Gives(GOOD)).whole([OUTPUTS], NOWHERE, 0.0) is GOOD
    assert len(list(opened(Gives(lazily())).decode(OUTPUTS, NOWHERE, 7))) == 2
    assert list(opened(Gives(())).decode(OUTPUTS, NOWHERE, 7)) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "None"),
        (GOOD, "one Embedding by itself"),
        ("words", "str"),
        ({"a": 1}, "dict"),
        (3, "int"),
        ([None], "None among them"),
        ([GOOD, "word"], "str among them"),
        ([[Transcript("x")]], "list among them"),
    ],
)
@pytest.mark.parametrize("method", ["decode", "end"])
def test_what_is_no_list_of_results_is_named(opened: Any, method: str, value: Any, found: str) -> None:
    decoder = opened(Gives(value))
    arguments = (OUTPUTS, NOWHERE, 7) if method == "decode" else (NOWHERE, 7)
    with pytest.raises(EdgemmError, match=f"task 'birds' of the package feathers 1.2: {method}.*{found}"):
        list(getattr(decoder, method)(*arguments))


@pytest.mark.parametrize(("value", "found"), [(None, "None"), ([GOOD], "list"), (np.zeros(2), "ndarray")])
def test_what_is_no_result_of_a_whole_input_is_named(opened: Any, value: Any, found: str) -> None:
    with pytest.raises(EdgemmError, match=rf"task 'birds' .*: whole\(\) .*found {found}"):
        opened(Gives(value)).whole([OUTPUTS], NOWHERE, 0.0)


@pytest.mark.parametrize(
    ("decoder", "lacks"), [(None, "begin, decode, end, whole"), (SimpleNamespace(begin=1), "decode")]
)
def test_what_is_no_decoder_is_named(opened: Any, decoder: Any, lacks: str) -> None:
    with pytest.raises(CardError, match=f"task 'birds' of the package feathers 1.2: open.*lacks .*{lacks}"):
        opened(decoder)


def test_our_own_are_not_looked_at(opened: Any) -> None:
    """They have tests, and the hot path stays as it is."""
    from edgemm.tasks.tensors.task import TensorsTask

    plain = open_decoder(ModelCard("m", task="tensors"), SPECS)
    assert type(plain) is type(TensorsTask().open(ModelCard("m"), TensorsTask.Recipe(), SPECS))


def test_a_decoder_that_is_told_of_silences_still_is(opened: Any) -> None:
    decoder = opened(HearsItOut([GOOD]))
    assert isinstance(decoder, HearsOut)
    assert isinstance(decoder, HearsSilence)
    assert isinstance(decoder, HearsLevels)
    assert decoder.by_level
    assert (decoder.tail_s, decoder.silence_s) == (0.3, 0.7)
    assert list(decoder.quiet(NOWHERE, 7)) == [GOOD]
    assert decoder.joined([GOOD]) is GOOD
    assert not isinstance(opened(Gives([])), HearsSilence | HearsLevels)
    with pytest.raises(EdgemmError, match=r"quiet\(\) must give a list of results"):
        list(opened(HearsItOut(GOOD)).quiet(NOWHERE, 7))
