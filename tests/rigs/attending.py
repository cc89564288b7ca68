"""Networks that look at one place alone, so that what their maps must show is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.artifact import write_artifact
from edgemm.card import ModelCard

LABELS = ("there", "not there")


def attending(where: npt.NDArray[np.floating[Any]], gain: float, bias: float, name: str) -> bytes:
    """An .onnx file: float32[shape of `where`] -> logits [1, 2], gain * sum(x * where) + bias against 0."""
    from onnx import TensorProto, checker, helper, numpy_helper

    shape: Sequence[int] = where.shape
    constants = {
        "where": where.astype(np.float32),
        "gain": np.array([[gain, 0.0]], np.float32),
        "bias": np.array([[bias, 0.0]], np.float32),
        "flat": np.array([1, -1], np.int64),
    }
    nodes = [
        helper.make_node("Mul", [name, "where"], ["seen"]),
        helper.make_node("Reshape", ["seen", "flat"], ["row"]),
        helper.make_node("ReduceSum", ["row"], ["sum"], keepdims=1),
        helper.make_node("MatMul", ["sum", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "attending",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(array, each) for each, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def written(folder: Path, content: bytes, card: ModelCard) -> Path:
    """The file with its card."""
    path = folder / "attending.onnx"
    write_artifact(path, content, card)
    return path
