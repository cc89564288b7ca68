"""A translator of a few hundred numbers, and what it writes computed by hand: an encoder that adds up what its tokens
mean, and a recurrent decoder. What it means is nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from needs import package

from edgemm.artifact.bundle import BundleAsset, BundleCard, BundlePart, write_bundle
from edgemm.card import InputCard, ModelCard, OutputCard, StatePair, TextRecipe
from edgemm.tasks.sequence import SequenceRecipe

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = package("onnx.helper")
numpy_helper = package("onnx.numpy_helper")

LETTERS = ("<pad>", *"abcdefgh")
WORDS = ("<pad>", "<begin>", "<end>", "ka", "lo", "mi", "nu", "pe", "so", "ti", "wa", "zu")
BEGIN, END = 1, 2
WIDTH, LENGTH, MOST = 16, 8, 6
Array = npt.NDArray[np.float32]


def _weights() -> dict[str, Array]:
    draw = np.random.default_rng(155)  # of many the surest of its words
    shapes = {"letters": (len(LETTERS), WIDTH), "words": (len(WORDS), WIDTH), "before": (WIDTH, WIDTH),
              "out": (WIDTH, len(WORDS))}  # fmt: skip
    made = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    made["before"] /= np.float32(WIDTH**0.5)
    made["out"][:, :3] = 0
    made["out"][:, END] = -0.2
    return made


@dataclass(frozen=True)
class Translator:
    """The weights."""

    weights: Mapping[str, Array] = field(default_factory=_weights)

    def meaning(self, text: str) -> Array:
        """float32[1, width] of a text."""
        ids = [LETTERS.index(each) for each in text]
        return np.asarray(np.tanh(self.weights["letters"][ids].sum(axis=0))[None])

    def steps(self, text: str, tokens: Sequence[int]) -> tuple[list[Array], list[Array]]:
        """States before, and scores after each of the tokens."""
        meaning, state = self.meaning(text), np.zeros((1, WIDTH), np.float32)
        states, scores = [], []
        for token in tokens:
            states.append(state)
            state = np.tanh(state @ self.weights["before"] + self.weights["words"][token] + meaning)
            scores.append(np.asarray(state @ self.weights["out"], np.float32))
        return states, scores

    def written(self, text: str) -> list[int]:
        """The tokens that it writes, without the end."""
        tokens = [BEGIN]
        while len(tokens) <= MOST:
            row = self.steps(text, tokens)[1][-1][0].copy()
            row[:2] = -np.inf
            if row.argmax() == END:
                break
            tokens.append(int(row.argmax()))
        return tokens[1:]

    def text(self, text: str) -> str:
        return " ".join(WORDS[each] for each in self.written(text))

    def changed(self, **weights: Array) -> Translator:
        return Translator({**self.weights, **weights})


RECIPE = SequenceRecipe(
    source=TextRecipe(tokenizer="characters", vocabulary="letters"),
    target=TextRecipe(tokenizer="words", vocabulary="words"),
    begin=(BEGIN,), end=(END,), suppressed=(0, 1), most_tokens=MOST,
    memory={"memory": "memory"},
)  # fmt: skip


def write_translator(
    path: Path,
    network: Translator,
    recipe: SequenceRecipe = RECIPE,
    *,
    length: int = LENGTH,
    card: ModelCard | None = None,
    **more: Any,
) -> Path:
    """Writes the bundle.

    Args:
        length: tokens of the source; 0: open, also in the decoder.
        card: of the decoder, other than its own.
        more: fields of the bundle's card.
    """
    folder = path.parent
    write_encoder(folder / "encoder.onnx", network, length)
    write_decoder(folder / "decoder.onnx", network, length)
    made = BundleCard(
        driver="sequence", name="tiny", recipe=recipe,
        parts={
            "encoder": BundlePart("encoder.onnx"),
            "decoder": BundlePart("decoder.onnx", card=card or decoder_card()),
        },
        assets={"letters": BundleAsset("letters.txt"), "words": BundleAsset("words.txt")}, **more,
    )  # fmt: skip
    files: dict[str, bytes | Path] = {
        "encoder.onnx": folder / "encoder.onnx", "decoder.onnx": folder / "decoder.onnx",
        "letters.txt": "\n".join(LETTERS).encode(), "words.txt": "\n".join(WORDS).encode(),
    }  # fmt: skip
    write_bundle(made, path, files=files).close()
    return path


def decoder_card(**pair: Any) -> ModelCard:
    return ModelCard(
        name="tiny-decoder",
        inputs=tuple(InputCard(name=each) for each in ("ids", "memory", "memory_mask", "past")),
        outputs=tuple(OutputCard(name=each) for each in ("logits", "present")),
        states=(StatePair(output="present", input="past", **pair),),
    )


def write_encoder(path: Path, network: Translator, length: int) -> None:
    """ids int32[1, T], mask float32[1, T] -> memory [1, T, width]: the meaning of each token."""
    size: Any = length or "source"
    nodes = [
        helper.make_node("Gather", ["letters", "ids"], ["found"]),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["found", "column"], ["memory"]),
    ]
    _save(
        path, nodes, {"ids": (TensorProto.INT32, [1, size]), "mask": (TensorProto.FLOAT, [1, size])},
        {"memory": [1, size, WIDTH]}, {"letters": network.weights["letters"], "last": np.array([2])},
    )  # fmt: skip


def write_decoder(path: Path, network: Translator, length: int) -> None:
    """ids int32[1, 1], memory, memory_mask [1, T], past [1, width] -> logits [1, words], present."""
    size: Any = length or "source"
    nodes = [
        helper.make_node("Unsqueeze", ["memory_mask", "middle"], ["row"]),
        helper.make_node("MatMul", ["row", "memory"], ["summed"]),
        helper.make_node("Squeeze", ["summed", "middle"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["meaning"]),
        helper.make_node("Gather", ["words", "ids"], ["said"]),
        helper.make_node("Squeeze", ["said", "middle"], ["word"]),
        helper.make_node("MatMul", ["past", "before"], ["kept"]),
        helper.make_node("Add", ["kept", "word"], ["new"]),
        helper.make_node("Add", ["new", "meaning"], ["all"]),
        helper.make_node("Tanh", ["all"], ["present"]),
        helper.make_node("MatMul", ["present", "out"], ["logits"]),
    ]
    real = TensorProto.FLOAT
    inputs: dict[str, Any] = {
        "ids": (TensorProto.INT32, [1, 1]), "memory": (real, [1, size, WIDTH]), "memory_mask": (real, [1, size]),
        "past": (real, [1, WIDTH]),
    }  # fmt: skip
    constants = {name: network.weights[name] for name in ("words", "before", "out")}
    _save(
        path, nodes, inputs, {"logits": [1, len(WORDS)], "present": [1, WIDTH]},
        {**constants, "middle": np.array([1])},
    )  # fmt: skip


def _save(
    path: Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, tuple[int, Sequence[Any]]],
    outputs: Mapping[str, Sequence[Any]],
    constants: Mapping[str, npt.NDArray[Any]],
) -> None:
    graph = helper.make_graph(
        nodes, path.stem,
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(each, name) for name, each in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
