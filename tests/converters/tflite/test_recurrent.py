"""Recurrent layers in every form, as loops and unrolled, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgemm.converters.passes import canonicalize
from edgemm.converters.tflite import check_tflite, write_tflite
from edgemm.converters.tflite.schema import schema
from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.quantize import Reference, make_plan

Array = npt.NDArray[Any]
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
INPUT, HIDDEN, BATCH = 5, 6, 2


def normal(*shape: int, seed: int = 0, scale: float = 0.4) -> Array:
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def layer(
    kind: str,
    steps: int,
    *,
    direction: str = "forward",
    outputs: str = "y, h",
    layout: int = 0,
    lengths: list[int] | None = None,
    peepholes: bool = False,
    more: str = "",
) -> ir.Model:
    """One recurrent layer with initial states as inputs of the graph."""
    ways, rows = (2 if direction == "bidirectional" else 1), GATES[kind] * HIDDEN
    first, state = (BATCH, steps, INPUT), (ways, BATCH, HIDDEN)
    shapes = {"y": (steps, ways, BATCH, HIDDEN), "h": state, "c": state}
    if not layout:
        first = (steps, BATCH, INPUT)
    else:
        shapes = {"y": (BATCH, steps, ways, HIDDEN), "h": (BATCH, ways, HIDDEN), "c": (BATCH, ways, HIDDEN)}
    names = [each.strip() for each in outputs.split(",")]
    declared = ", ".join(f"float[{','.join(map(str, shapes[each]))}] {each}" for each in names if each)
    memory = ", c0" if kind == "LSTM" else ""
    inputs = f"float[{','.join(map(str, first))}] x, float[{','.join(map(str, shapes['h']))}] h0"
    inputs += f", float[{','.join(map(str, shapes['c']))}] c0" if memory else ""
    ends = "n" if lengths is not None else ""
    peep = ", p" if peepholes else ""
    text = f"""g ({inputs}) => ({declared}) {{
        {outputs} = {kind}<hidden_size={HIDDEN}, direction="{direction}", layout={layout}{more}>(
            x, w, r, b, {ends}, h0{memory}{peep}) }}"""
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    constants = {
        "w": normal(ways, rows, INPUT), "r": normal(ways, rows, HIDDEN), "b": normal(ways, 2 * rows),
    }  # fmt: skip
    if lengths is not None:
        constants["n"] = np.array(lengths, np.int32)
    if peepholes:
        constants["p"] = normal(ways, 3 * HIDDEN)
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    return model


def agree(model: ir.Model, run: Callable[..., Any], tolerance: float = 1e-5) -> bytes:
    """Holds the float file against onnxruntime, and gives its bytes."""
    file = write_tflite(model, make_plan(model, None, scheme="float"), keep_layout=True)
    check_tflite(file.payload)
    sample = {
        str(value.name): normal(*value.shape.numpy(), seed=3, scale=1.0)
        for value in model.graph.inputs
        if value.shape is not None
    }
    expected = Reference(model, optimize=False).run(sample)
    for found, truth in zip(run(file, sample), expected.values(), strict=True):
        assert found.shape == truth.shape
        np.testing.assert_allclose(found, truth, rtol=0, atol=tolerance)
    return file.payload


def loops(payload: bytes) -> int:
    """Subgraphs beside the main one."""
    return len(schema().ModelT.InitFromPackedBuf(payload, 0).subgraphs) - 1


@pytest.mark.parametrize(
    ("kind", "direction", "steps"),
    list(product(("LSTM", "GRU", "RNN"), ("forward", "reverse", "bidirectional"), (3, 9))),
)
def test_every_direction(run: Callable[..., Any], kind: str, direction: str, steps: int) -> None:
    outputs = "y, h, c" if kind == "LSTM" else "y, h"
    payload = agree(layer(kind, steps, direction=direction, outputs=outputs), run)
    ways = 2 if direction == "bidirectional" else 1
    assert loops(payload) == (2 * ways if steps > 4 else 0)


@pytest.mark.parametrize(("before_reset", "steps"), list(product((0, 1), (2, 7))))
def test_both_forms_of_the_reset_gate(run: Callable[..., Any], before_reset: int, steps: int) -> None:
    agree(layer("GRU", steps, more=f", linear_before_reset={before_reset}"), run)


@pytest.mark.parametrize("steps", [3, 6])
def test_peepholes(run: Callable[..., Any], steps: int) -> None:
    agree(layer("LSTM", steps, outputs="y, h, c", peepholes=True), run)


@pytest.mark.parametrize(("kind", "steps"), list(product(("LSTM", "GRU", "RNN"), (3, 6))))
def test_sequences_that_end_early(run: Callable[..., Any], kind: str, steps: int) -> None:
    agree(layer(kind, steps, lengths=[2, steps]), run)


def test_only_the_last_state_is_asked_for(run: Callable[..., Any]) -> None:
    payload = agree(layer("GRU", 8, outputs=", h"), run)
    model = schema().ModelT.InitFromPackedBuf(payload, 0)
    assert len(model.subgraphs[2].outputs) == 3  # step, state, inputs: no states are kept


@pytest.mark.parametrize("function", ["Relu", "Sigmoid"])
def test_other_functions(run: Callable[..., Any], function: str) -> None:
    agree(layer("RNN", 5, more=f', activations=["{function}"]'), run, 1e-4)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (", clip=1.0", "clip"),
        (', activations=["HardSigmoid"]', "the activation HardSigmoid, .*to .onnx, which takes all of them"),
    ],
)
def test_what_is_not_expressed_is_refused(more: str, reason: str) -> None:
    model = layer("RNN", 5, more=more)
    with pytest.raises(UnsupportedOperator, match=reason):
        write_tflite(model, make_plan(model, None, scheme="float"))


def test_the_activation_that_is_missing_is_named() -> None:
    model = layer("LSTM", 5, more=', activations=["Sigmoid", "Softsign", "Tanh"]')
    with pytest.raises(
        UnsupportedOperator, match="activation Softsign, of its activations Sigmoid, Softsign, Tanh"
    ):
        write_tflite(model, make_plan(model, None, scheme="float"))


@pytest.mark.parametrize(("kind", "target"), list(product(("LSTM", "GRU", "RNN"), ("cpu", "tflite-2.14"))))
def test_int8_weights_keep_the_states(run: Callable[..., Any], kind: str, target: str) -> None:
    model = layer(kind, 12)
    plan = make_plan(model, None, scheme="dynamic", target=target)
    file = write_tflite(model, plan, keep_layout=True)
    check_tflite(file.payload)
    shapes = {str(v.name): v.shape.numpy() for v in model.graph.inputs if v.shape is not None}
    sample = {name: normal(*shape, seed=3, scale=1.0) for name, shape in shapes.items()}
    truth = Reference(model).run(sample)["y"]
    found = run(file, sample)[0]
    assert 10 * np.log10(np.square(truth).sum() / np.square(found - truth).sum()) > 28  # dB, 6 units


def test_room_for_the_states_is_not_stored() -> None:
    short, long = (
        len(write_tflite(model, make_plan(model, None, scheme="float")).payload)
        for model in (layer("RNN", 8), layer("RNN", 800))
    )
    assert long - short < 1000  # bytes; the states of 792 steps take 38 kB


def test_a_second_call_starts_anew() -> None:
    model = layer("LSTM", 9)
    file = write_tflite(model, make_plan(model, None, scheme="float"), keep_layout=True)
    interpreter = Interpreter(model_content=file.payload, num_threads=1)
    interpreter.allocate_tensors()
    found = []
    for _ in range(2):
        for entry in interpreter.get_input_details():
            interpreter.set_tensor(entry["index"], normal(*entry["shape"]))
        interpreter.invoke()
        found.append([interpreter.get_tensor(entry["index"]) for entry in interpreter.get_output_details()])
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_checker_looks_into_loops() -> None:
    model = layer("RNN", 9)
    payload = write_tflite(model, make_plan(model, None, scheme="float")).payload
    broken = schema().ModelT.InitFromPackedBuf(payload, 0)
    broken.subgraphs[2].outputs = broken.subgraphs[2].outputs[::-1].copy()
    from edgemm.converters.tflite.builder import pack_model

    with pytest.raises(ConversionError, match="take or give other tensors"):
        check_tflite(pack_model(broken))
