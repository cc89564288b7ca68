"""The place of the largest among stored integers is that among the numbers they stand for; nothing is dequantized."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgemm.converters.measure import run_artifact
from edgemm.converters.prepare import prepare
from edgemm.converters.samples import Samples
from edgemm.converters.tflite.schema import enum_names, schema
from edgemm.converters.written import Settings, write_plan
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.plan_check import check_plan

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'
SIZES = {(1, 0): "1,6,7", (2, 0): "1,5,7", (3, 0): "1,5,6", (1, 1): "1,1,6,7", (3, 1): "1,5,6,1"}


def prepared(text: str, kind: Any) -> tuple[ir.Model, Samples]:
    """A seeded graph; channels 1 and 3 of its convolution are equal, so that the highest scores often are."""
    proto = onnx.parser.parse_model(HEAD + text)
    generator = np.random.default_rng(0)
    weights = generator.standard_normal((5, 3, 3, 3)).astype(np.float32) * np.float32(0.3)
    weights[3] = weights[1]
    proto.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    samples = Samples(
        tuple({"x": generator.standard_normal((1, 3, 6, 7)).astype(np.float32)} for _ in range(8))
    )
    return prepare(ir.from_proto(proto), format_=kind).model, samples


def operators(payload: bytes) -> list[str]:
    model: Any = schema().ModelT.InitFromPackedBuf(payload, 0)
    names = enum_names("BuiltinOperator")
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    return [names[codes[each.opcodeIndex]] for each in model.subgraphs[0].operators]


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize(("axis", "keep"), SIZES)
def test_the_classes_are_those_of_the_numbers(kind: Any, op_type: str, axis: int, keep: int) -> None:
    text = f"""g (float[1,3,6,7] x) => (float[1,5,6,7] y, int64[{SIZES[axis, keep]}] k) {{
        y = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, w)
        k = {op_type}<axis={axis}, keepdims={keep}>(y)
    }}"""
    model, samples = prepared(text, kind)
    plan = make_plan(model, calibrate(model, samples.inputs), scheme="static")
    check_plan(model, plan)
    (pick,) = [str(node.name) for node in model.graph if node.op_type == op_type]
    assert plan.is_int8(pick)
    file = write_plan(model, plan, kind, Settings())
    for found in run_artifact(file, samples).outputs:
        chosen = found["y"].argmax(axis) if op_type == "ArgMax" else found["y"].argmin(axis)
        np.testing.assert_array_equal(found["k"], np.expand_dims(chosen, axis) if keep else chosen)


def test_nothing_is_dequantized_or_transposed() -> None:
    text = """g (float[1,3,6,7] x) => (int64[1,6,7] k) {
        y = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, w)
        k = ArgMax<axis=1, keepdims=0>(y)
    }"""
    model, samples = prepared(text, "tflite")
    plan = make_plan(model, calibrate(model, samples.inputs), scheme="static")
    assert operators(write_plan(model, plan, "tflite", Settings()).payload)[-2:] == ["CONV_2D", "ARG_MAX"]


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_scores_that_are_float_stay_so(kind: str) -> None:
    """They would be rounded for nothing, and near ones become equal."""
    text = """g (float[1,3,6,7] x) => (int64[1,6,7] k) {
        y = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, w)
        z = Sin(y)
        k = ArgMax<axis=1, keepdims=0>(z)
    }"""
    model, samples = prepared(text, kind)
    plan = make_plan(model, calibrate(model, samples.inputs), scheme="static")
    check_plan(model, plan)
    assert not plan.is_int8(next(str(node.name) for node in model.graph if node.op_type == "ArgMax"))
