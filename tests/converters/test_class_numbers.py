"""A network that answers numbers of classes: their size means nothing, on data or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.cli.output import fidelity_rows
from edgemm.converters import convert


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """The class of each pixel, of 21; every number up to 20 comes up."""
    weight = np.random.default_rng(0).standard_normal((21, 3, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["classes"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("classes", TensorProto.INT64, [1, 16, 16])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    path = tmp_path / "classes.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("with_data", [False, True], ids=["noise", "data"])
def test_they_are_compared_as_classes(classes: Path, with_data: bool, suffix: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    data = [draw.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(16)] if with_data else None
    scheme: Any = "static" if with_data else "dynamic"
    done = convert(
        classes, output=tmp_path / f"y.{suffix}", calibrate=data, gate="off", repair="off", scheme=scheme
    )
    (one,) = done.fidelity.outputs
    assert one.top1_agreement is not None
    assert 0.9 < one.top1_agreement < 1.0
    row = fidelity_rows(done.fidelity)[0]
    assert row[1:4] == ("-", "-", f"{one.top1_agreement:.1%}")
