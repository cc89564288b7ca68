"""Outputs of unusual kinds, in both formats and every scheme, against ONNX Runtime on the source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.artifact import read_artifact
from edgemm.backends import open_backend
from edgemm.converters import convert
from edgemm.errors import UnsupportedOperator

FLOAT, BOOL = TensorProto.FLOAT, TensorProto.BOOL
WEIGHT = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
LAYER = helper.make_node("Gemm", ["x", "w"], ["y"])
KINDS = {
    "x": (FLOAT, [1, 8]),
    "m": (BOOL, [1, 4]),
    "y": (FLOAT, [1, 4]),
    "b": (BOOL, [1, 4]),
    "w": (FLOAT, [8, 4]),
}


def save(path: Path, inputs: str, outputs: str, *nodes: onnx.NodeProto) -> Path:
    """Inputs and outputs by one letter each, as in KINDS."""
    ins, outs = ([helper.make_tensor_value_info(n, *KINDS[n]) for n in names] for names in (inputs, outputs))
    constants = [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(np.float32(0), "zero")]
    graph = helper.make_graph([LAYER, *nodes], "g", ins, outs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def samples(source: Path, count: int = 48) -> list[dict[str, Any]]:
    generator, found = np.random.default_rng(1), []
    inputs = onnx.load(source).graph.input
    for _ in range(count):
        drawn = {each.name: generator.uniform(-1, 1, KINDS[each.name][1]) for each in inputs}
        found.append({n: a > 0 if KINDS[n][0] == BOOL else a.astype(np.float32) for n, a in drawn.items()})
    return found


def answers(artifact: Path, names: Sequence[str], sample: dict[str, Any]) -> list[np.ndarray[Any, Any]]:
    backend = open_backend(read_artifact(artifact), delegate="cpu")
    for index, spec in enumerate(backend.inputs):
        backend.input_buffer(index)[...] = spec.quantize(sample[spec.name])
    backend.run()
    at = {spec.name: index for index, spec in enumerate(backend.outputs)}
    return [backend.outputs[at[n]].dequantize(backend.output_buffer(at[n]).copy()) for n in names]


GREATER = helper.make_node("Greater", ["y", "zero"], ["b"])
CASES = {
    "bool output": ("x", "yb", GREATER),
    "only a bool output": ("x", "b", GREATER),
    "bool in and out": ("xm", "yb", helper.make_node("Not", ["m"], ["b"])),
    "bool passed through": ("xm", "ym"),
    "output twice": ("x", "yy"),
    "input among the outputs": ("x", "yx"),
    "input twice among the outputs": ("x", "xyx"),
    "constant output": ("x", "yw"),
}


@pytest.mark.parametrize("scheme", ["float", "dynamic", "static"])
@pytest.mark.parametrize("form", ["tflite", "onnx"])
@pytest.mark.parametrize("case", CASES)
def test_it_answers_as_the_source(case: str, form: str, scheme: str, tmp_path: Path) -> None:
    inputs, outputs, *nodes = CASES[case]
    source = save(tmp_path / "m.onnx", inputs, outputs, *nodes)
    data, output = samples(source), tmp_path / f"out.{form}"
    done = convert(source, output=output, scheme=scheme, calibrate=data, gate="off")  # type: ignore[arg-type]
    truth = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"]).run(None, data[0])
    found = answers(output, [each.name for each in done.card.outputs], data[0])
    assert len(found) == len(truth) == len(outputs)
    for mine, expected in zip(found, truth, strict=True):
        assert mine.dtype == expected.dtype
        # 8 bits over the range of a few samples: some steps of 1/255 of it; float is exact but for the order of sums.
        limit = 1e-5 if scheme == "float" else 0.05 * float(np.ptp(expected.astype(np.float32)))
        assert np.abs(mine.astype(np.float32) - expected.astype(np.float32)).max() <= limit


@pytest.mark.parametrize("scheme", ["float", "static"])
@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_an_output_without_elements_is_refused(form: str, scheme: str, tmp_path: Path) -> None:
    source = save(tmp_path / "m.onnx", "x", "y", helper.make_node("Split", ["y"], ["a", "b0"], axis=1))
    proto = onnx.load(source)
    ends = numpy_helper.from_array(np.array([0], np.int64), "ends")
    proto.graph.initializer.append(ends)
    proto.graph.node.pop()
    proto.graph.node.append(helper.make_node("Slice", ["y", "ends", "ends"], ["o"]))
    proto.graph.output.append(helper.make_tensor_value_info("o", FLOAT, [0, 4]))
    onnx.save(proto, source)
    with pytest.raises(UnsupportedOperator, match=r"output 'o' has no elements.*Take it out"):
        convert(source, output=tmp_path / f"o.{form}", scheme=scheme, calibrate=samples(source))  # type: ignore[arg-type]
    assert [each.name for each in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_part_without_elements_inside_is_no_obstacle(form: str, tmp_path: Path) -> None:
    nodes = (
        helper.make_node("Slice", ["x", "ends", "ends", "axis"], ["none"]),
        helper.make_node("Concat", ["none", "x"], ["both"], axis=1),
        helper.make_node("Gemm", ["both", "w"], ["z"]),
    )
    proto = onnx.load(save(tmp_path / "m.onnx", "x", "y", *nodes))
    proto.graph.initializer.extend(
        numpy_helper.from_array(np.array([at], np.int64), name) for name, at in (("ends", 2), ("axis", 1))
    )
    proto.graph.output[0].name = "z"
    onnx.save(proto, tmp_path / "m.onnx")
    done = convert(
        tmp_path / "m.onnx",
        output=tmp_path / f"o.{form}",
        scheme="static",
        calibrate=samples(tmp_path / "m.onnx"),
        gate="off",
    )
    assert done.scheme == "static"
