"""Parts of seeded networks in both formats: a snapshot, what is held, and what a part cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

import edgemm
from edgemm.card import InputCard, ModelCard, OutputCard, StatePair

CHUNK, WIDTH, VOCABULARY = 4, 12, 9


def networks() -> tuple[Any, Any, Any]:
    """Encoder (a causal convolution with a cache, then a GRU), decoder (an embedding and a GRU), joiner."""
    torch = package("torch")
    nn = torch.nn
    torch.manual_seed(7)

    class Encoder(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Conv1d(CHUNK, WIDTH, 3)
            self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)

        def forward(self, frame: Any, past: Any, hidden: Any) -> Any:
            seen = torch.cat([past, frame], 1)
            mixed = self.mix(seen.transpose(1, 2)).transpose(1, 2)
            out, hidden = self.gru(torch.tanh(mixed), hidden)
            return {"out": out, "past_out": seen[:, -2:], "hidden_out": hidden}

    class Predictor(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Linear(VOCABULARY, WIDTH)
            self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)

        def forward(self, word: Any, hidden: Any) -> Any:
            out, hidden = self.gru(self.table(word), hidden)
            return {"out": out, "hidden_out": hidden}

    class Joiner(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(WIDTH, VOCABULARY)

        def forward(self, heard: Any, said: Any) -> Any:
            return {"scores": self.last(torch.tanh(heard + said)) * 6.0}

    made = (Encoder().eval(), Predictor().eval(), Joiner().eval())
    with torch.no_grad():
        for module in made:
            for weights in module.parameters():
                weights.mul_(4.0)  # so that the words differ
    return made


SHAPES: Mapping[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "encoder": (("frame", (1, 1, CHUNK)), ("past", (1, 2, CHUNK)), ("hidden", (1, 1, WIDTH))),
    "decoder": (("word", (1, 1, VOCABULARY)), ("hidden", (1, 1, WIDTH))),
    "joiner": (("heard", (1, 1, WIDTH)), ("said", (1, 1, WIDTH))),
}
OUTPUTS = {
    "encoder": ("out", "past_out", "hidden_out"),
    "decoder": ("out", "hidden_out"),
    "joiner": ("scores",),
}


def one_hot(word: int) -> npt.NDArray[np.float32]:
    return np.asarray(np.eye(VOCABULARY)[word].reshape(1, 1, VOCABULARY), np.float32)


@pytest.fixture(scope="module")
def modules() -> tuple[Any, Any, Any]:
    return networks()


@pytest.fixture(scope="module", params=[".onnx", ".tflite"])
def files(
    request: pytest.FixtureRequest, modules: tuple[Any, Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    import torch

    from edgemm.converters import convert

    made = {}
    for role, module in zip(SHAPES, modules, strict=True):
        inputs = SHAPES[role]
        states = tuple(StatePair(f"{name}_out", name) for name, _ in inputs if f"{name}_out" in OUTPUTS[role])
        card = ModelCard(
            inputs=tuple(InputCard(name, "tensor", shape) for name, shape in inputs),
            outputs=tuple(OutputCard(name) for name in OUTPUTS[role]),
            states=states,
        )
        made[role] = tmp_path_factory.mktemp(role) / f"{role}{request.param}"
        example = tuple(torch.zeros(shape) for _, shape in inputs)
        convert(module, example_inputs=example, output=made[role], card=card, scheme="float")
    return made


@pytest.mark.slow
def test_a_part_goes_back_to_a_snapshot(files: dict[str, Path]) -> None:
    with edgemm.load(files["decoder"]) as model:
        part = model.part()
        part.step({"word": one_hot(3)})
        before = part.snapshot()
        once = part.step({"word": one_hot(5)}).real("out").copy()
        part.step({"word": one_hot(1)})
        part.restore(before)
        np.testing.assert_array_equal(part.step({"word": one_hot(5)}).real("out"), once)
        part.reset()
        assert not np.array_equal(part.step({"word": one_hot(5)}).real("out"), once)
        part.close()


@pytest.mark.slow
def test_what_is_held_need_not_be_fed(files: dict[str, Path]) -> None:
    heard, said = (np.full((1, 1, WIDTH), value, np.float32) for value in (0.3, -0.7))
    with edgemm.load(files["joiner"]) as model:
        part, other = model.part(), model.part()
        expected = part.step({"heard": heard, "said": said}).real("scores").copy()
        part.hold({"heard": heard})
        other.step({"heard": said, "said": said})  # of the same model
        np.testing.assert_array_equal(part.step({"said": said}).real("scores"), expected)
        with pytest.raises(edgemm.InputError, match=r"inputs: expected said \(held: heard\); found"):
            part.step({"heard": heard, "said": said})
        with pytest.raises(edgemm.InputError, match="hold: expected some of heard, said; found 'x'"):
            part.hold({"x": said})
        with pytest.raises(edgemm.InputError, match="states: expected some of none; found x"):
            part.reset(["x"])


@pytest.mark.slow
def test_what_a_part_cannot_do_is_said(files: dict[str, Path]) -> None:
    with edgemm.load(files["decoder"]) as model, edgemm.load(files["joiner"]) as other:
        part = model.part()
        for wrong in (np.zeros(1), None, ["word"]):
            with pytest.raises(edgemm.InputError, match="expected a mapping, name -> array"):
                part.step(wrong)  # type: ignore[arg-type]
        with pytest.raises(edgemm.InputError, match="output: expected one of out; found 'nope'"):
            part.step({"word": one_hot(1)}).real("nope")
        with pytest.raises(
            edgemm.InputError, match=r"snapshot: expected the states hidden .* of this model, found none"
        ):
            part.restore(other.part().snapshot())
        part.close()
        for use in (part.snapshot, part.reset, lambda: part.hold({"word": one_hot(1)})):
            with pytest.raises(edgemm.InputError, match="the part is closed"):
                use()
