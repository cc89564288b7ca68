"""A model of very many tensors, such as a decoder with the caches of its layers, has as many goldens as fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import edgemm
from edgemm.artifact import read_artifact
from edgemm.artifact.goldens import MAX_TENSORS
from edgemm.converters import convert

OUTPUTS = 300
"""Four goldens would have 1,204 arrays."""


def test_goldens_are_fewer_where_four_are_too_many(tmp_path: Path) -> None:
    def port(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2])

    names = [f"y{at}" for at in range(OUTPUTS)]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], [name]) for name in names], "many", [port("x")], [*map(port, names)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "many.onnx")
    samples = list(np.random.default_rng(0).normal(size=(8, 1, 2)).astype(np.float32))
    convert(tmp_path / "many.onnx", output=tmp_path / "out.onnx", calibrate=samples, scheme="float")
    with edgemm.load(tmp_path / "out.onnx") as loaded:
        outcomes = loaded.replay_goldens()
    assert len(outcomes) == OUTPUTS
    assert all(each.ok for each in outcomes)
    goldens = read_artifact(tmp_path / "out.onnx").goldens
    assert goldens is not None
    assert 1 <= len(goldens.inputs) <= MAX_TENSORS // (1 + OUTPUTS) == 3
