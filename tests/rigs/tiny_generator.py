"""A generator whose answers are known by construction: the picture is its noise, brighter by the class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from needs import package

from edgemm.card import InputCard, LatentRecipe, ModelCard, OutputCard
from edgemm.tasks.picture import PictureRecipe

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = onnx.helper
numpy_helper = onnx.numpy_helper

SIDE, CLASSES = 4, 3


def write_generator(path: Path, label: str = "one-hot") -> Path:
    """noise float32[1, 16], and a class -> float32[1, 1, 4, 4]: noise + 10 x the number of the class.

    Args:
        label: "one-hot" (float32[1, 3]), "index" (int64[1]), or "" for none.
    """
    constants: dict[str, Any] = {"shape": np.array([1, 1, SIDE, SIDE], np.int64)}
    nodes = []
    inputs = [helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1, SIDE * SIDE])]
    last = "noise"
    if label == "one-hot":
        inputs.insert(0, helper.make_tensor_value_info("class", TensorProto.FLOAT, [1, CLASSES]))
        constants["tens"] = 10 * np.arange(CLASSES, dtype=np.float32)[:, None]
        nodes.append(helper.make_node("MatMul", ["class", "tens"], ["brighter"]))
    elif label == "index":
        inputs.insert(0, helper.make_tensor_value_info("class", TensorProto.INT64, [1]))
        constants["ten"] = np.array([10], np.float32)
        nodes.append(helper.make_node("Cast", ["class"], ["number"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", ["number", "ten"], ["brighter"]))
    if label:
        nodes.append(helper.make_node("Add", ["noise", "brighter"], ["sum"]))
        last = "sum"
    nodes.append(helper.make_node("Reshape", [last, "shape"], ["made"]))
    graph = helper.make_graph(
        nodes, "tiny", inputs,
        [helper.make_tensor_value_info("made", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def generator_card(label: str = "one-hot", noise: LatentRecipe | None = None, **changes: Any) -> ModelCard:
    """Of one of these: a pixel is 100 + the output's number."""
    inputs: tuple[InputCard, ...] = (
        InputCard("noise", latent=noise or LatentRecipe("uniform", low=0.0, high=5.0)),
    )
    if label:
        inputs = (*inputs, InputCard("class", latent=LatentRecipe(label)))  # type: ignore[arg-type]
    recipe = PictureRecipe(color="gray", scale=(1.0,), offset=(100.0,))
    card = ModelCard(
        task="picture", inputs=inputs, outputs=(OutputCard("made"),), recipe=recipe,
        labels=("low", "middle", "high") if label else (),
    )  # fmt: skip
    return card.with_(**changes)
