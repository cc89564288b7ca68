"""Recurrent layers in static files: int8 weights, float states, held against the source in onnxruntime."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.converters.passes import canonicalize
from edgemm.converters.tflite import check_tflite, write_tflite
from edgemm.errors import UnsupportedOperator
from edgemm.quantize import Plan, Precision, calibrate, check_plan, explain_plan, make_plan

Array = npt.NDArray[Any]
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STEPS, INPUT, HIDDEN = 12, 48, 64
MIN_DB = 28.0
"""int8 input, weights and outputs of random layers leave 31 to 41 dB."""


def normal(*shape: int, seed: int = 0, scale: float = 0.15) -> Array:
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def network(kind: str) -> onnx.ModelProto:
    """A fully connected layer at each step, a recurrent one, and a fully connected one behind its last state."""
    text = f"""<ir_version: 8, opset_import: ["": 17]>
        g (float[{STEPS},{INPUT}] x) => (float[1,10] y) {{
            a = Gemm<transB=1>(x, w1)  b = Relu(a)  s = Reshape(b, steps)
            all, h{", c" if kind == "LSTM" else ""} = {kind}<hidden_size={HIDDEN}>(s, w, r, bias)
            f = Reshape(h, row)  y = Gemm<transB=1>(f, w2) }}"""
    rows = GATES[kind] * HIDDEN
    constants = {
        "w1": normal(INPUT, INPUT), "w2": normal(10, HIDDEN), "w": normal(1, rows, INPUT),
        "r": normal(1, rows, HIDDEN), "bias": normal(1, 2 * rows),
        "steps": np.array([STEPS, 1, INPUT]), "row": np.array([1, HIDDEN]),
    }  # fmt: skip
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(a, name) for name, a in constants.items())
    return proto


def samples() -> list[dict[str, Array]]:
    return [{"x": normal(STEPS, INPUT, seed=seed, scale=1.0)} for seed in range(16)]


def planned(kind: str, **options: Any) -> tuple[ir.Model, Plan]:
    model: ir.Model = ir.from_proto(network(kind))
    canonicalize(model)
    plan = make_plan(model, calibrate(model, samples()), scheme="static", **options)
    check_plan(model, plan)
    return model, plan


def the_layer(model: ir.Model) -> str:
    return next(str(node.name) for node in model.graph if node.op_type in GATES)


def run_onnx(payload: bytes) -> list[Array]:
    session = ort.InferenceSession(payload, providers=["CPUExecutionProvider"])
    return [session.run(None, sample)[0] for sample in samples()]


def run_tflite(file: Any) -> list[Array]:
    interpreter = Interpreter(model_content=file.payload, num_threads=1)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for sample in samples():
        interpreter.set_tensor(source, file.inputs[0].spec.quantize(sample["x"]))
        interpreter.invoke()
        found.append(file.outputs[0].spec.dequantize(interpreter.get_tensor(result)))
    return found


@pytest.mark.parametrize(("kind", "format_"), list(product(GATES, ("onnx", "tflite"))))
def test_a_static_file_is_small_and_true(kind: str, format_: str) -> None:
    source = network(kind).SerializeToString()
    model, plan = planned(kind)
    if format_ == "onnx":
        payload = write_onnx(model, plan).payload
        check_onnx(payload)
        found = run_onnx(payload)
    else:
        file = write_tflite(model, plan)
        check_tflite(file.payload)
        payload, found = file.payload, run_tflite(file)
    truth = np.stack(run_onnx(source)).astype(np.float64)
    noise = np.square(truth - np.stack(found)).sum()
    assert 10 * np.log10(np.square(truth).sum() / noise) > MIN_DB
    overhead = 16_000  # bytes: the graph itself, float biases, loops
    assert len(payload) < 0.26 * len(source) + overhead


@pytest.mark.parametrize("kind", GATES)
def test_the_plan_says_so(kind: str) -> None:
    model, plan = planned(kind)
    name = the_layer(model)
    assert plan.precision[name] is Precision.DYNAMIC
    assert {index for node, index in plan.weights if node == name} == {1, 2}
    assert f"{name} {kind}: int8 weights, float states" in plan.notes
    assert "int8 1x" in next(line for line in explain_plan(model, plan).splitlines() if line.startswith(name))


def test_its_grids_are_those_of_the_dynamic_scheme() -> None:
    model, plan = planned("GRU")
    other = make_plan(model, None, scheme="dynamic")
    name = the_layer(model)
    for index in (1, 2):
        assert plan.weights[name, index].same_as(other.weights[name, index])


@pytest.mark.parametrize(("target", "axis"), [("cpu", 1), ("tflite-2.14", None)])
def test_scales_run_along_the_gates_where_the_runtime_reads_them(target: str, axis: int | None) -> None:
    model, plan = planned("LSTM", target=target)
    assert {plan.weights[the_layer(model), index].axis for index in (1, 2)} == {axis}


def test_a_layer_that_shall_be_float_is() -> None:
    model, _ = planned("LSTM")
    name = the_layer(model)
    _, plan = planned("LSTM", float_nodes=[name])
    assert plan.precision[name] is Precision.FLOAT
    assert not any(node == name for node, _ in plan.weights)


def test_an_integer_only_target_still_refuses_it() -> None:
    with pytest.raises(UnsupportedOperator, match="LSTM has no int8 form"):
        planned("LSTM", target="coral")
