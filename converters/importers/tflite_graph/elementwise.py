"""Operators that compute each element by itself; they keep the layout that is there."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.importers.tflite_graph.file import Operator
from edgemm.converters.importers.tflite_graph.sketch import LIMITS, Perm, Sketch, identity

UNARY = {
    "ABS": "Abs", "CEIL": "Ceil", "COS": "Cos", "ELU": "Elu", "EXP": "Exp", "FLOOR": "Floor",
    "HARD_SWISH": "HardSwish", "LOG": "Log", "LOGICAL_NOT": "Not", "LOGISTIC": "Sigmoid", "NEG": "Neg",
    "RELU": "Relu", "ROUND": "Round", "SIGN": "Sign", "SIN": "Sin", "SQRT": "Sqrt", "TANH": "Tanh",
}  # fmt: skip
BINARY = {
    "ADD": "Add", "DIV": "Div", "EQUAL": "Equal", "GREATER": "Greater", "GREATER_EQUAL": "GreaterOrEqual",
    "LESS": "Less", "LESS_EQUAL": "LessOrEqual", "LOGICAL_AND": "And", "LOGICAL_OR": "Or", "MAXIMUM": "Max",
    "MINIMUM": "Min", "MUL": "Mul", "POW": "Pow", "PRELU": "PRelu", "SUB": "Sub",
}  # fmt: skip


def common_layout(sketch: Sketch, indexes: tuple[int, ...], rank: int) -> Perm:
    """The layout that most of the computed operands of full rank are in."""
    layouts = [
        sketch.layout(index)
        for index in indexes
        if len(sketch.shape(index)) == rank and sketch.held(index).value.const_value is None
    ]
    turned = [each for each in layouts if each != identity(rank)]
    return turned[0] if turned else identity(rank)


def operand(sketch: Sketch, index: int, perm: Perm) -> ir.Value:
    """An operand of an operator that broadcasts, in a layout of full rank."""
    shape, rank = sketch.shape(index), len(perm)
    if perm == identity(rank) or len(shape) == rank:
        return sketch.read(index, perm if len(shape) == rank else None)
    full = [*(1,) * (rank - len(shape)), *shape]
    content = sketch.data(index)
    if content is not None:
        return sketch.constant(content.reshape(full).transpose(perm), sketch.tensor(index).name)
    return sketch.node("Transpose", [sketch.reshape(sketch.read(index), full)], perm=list(perm))


def unary(sketch: Sketch, op: Operator) -> None:
    """A function of one argument."""
    held = sketch.held(op.inputs[0])
    sketch.write(op.outputs[0], sketch.node(UNARY[op.code], [held.value]), held.perm)


def binary(sketch: Sketch, op: Operator) -> None:
    """A function of two arguments, with broadcasting."""
    perm = common_layout(sketch, op.inputs, len(sketch.shape(op.outputs[0])))
    values = [operand(sketch, index, perm) for index in op.inputs]
    value = sketch.node(BINARY[op.code], values)
    sketch.write(op.outputs[0], value, perm, activation=op.option("fusedActivationFunction"))


def not_equal(sketch: Sketch, op: Operator) -> None:
    """NOT_EQUAL."""
    perm = common_layout(sketch, op.inputs, len(sketch.shape(op.outputs[0])))
    values = [operand(sketch, index, perm) for index in op.inputs]
    sketch.write(op.outputs[0], sketch.node("Not", [sketch.node("Equal", values)]), perm)


def squared_difference(sketch: Sketch, op: Operator) -> None:
    """SQUARED_DIFFERENCE."""
    perm = common_layout(sketch, op.inputs, len(sketch.shape(op.outputs[0])))
    found = sketch.node("Sub", [operand(sketch, index, perm) for index in op.inputs])
    sketch.write(op.outputs[0], sketch.node("Mul", [found, found]), perm)


def add_n(sketch: Sketch, op: Operator) -> None:
    """ADD_N."""
    perm = common_layout(sketch, op.inputs, len(sketch.shape(op.outputs[0])))
    value = operand(sketch, op.inputs[0], perm)
    for index in op.inputs[1:]:
        value = sketch.node("Add", [value, operand(sketch, index, perm)])
    sketch.write(op.outputs[0], value, perm)


def floor_div(sketch: Sketch, op: Operator) -> None:
    """FLOOR_DIV and FLOOR_MOD of real numbers, and of integers through real ones where they are small."""
    kind = sketch.tensor(op.outputs[0]).kind
    perm = common_layout(sketch, op.inputs, len(sketch.shape(op.outputs[0])))
    one, other = (operand(sketch, index, perm) for index in op.inputs)
    if op.code == "FLOOR_MOD" and kind != "float32":
        sketch.write(op.outputs[0], sketch.node("Mod", [one, other]), perm)
        return
    if kind != "float32":
        rest = sketch.node("Mod", [one, other])
        sketch.write(op.outputs[0], sketch.node("Div", [sketch.node("Sub", [one, rest]), other]), perm)
        return
    whole = sketch.node("Floor", [sketch.node("Div", [one, other])])
    if op.code == "FLOOR_MOD":
        whole = sketch.node("Sub", [one, sketch.node("Mul", [whole, other])])
    sketch.write(op.outputs[0], whole, perm)


def select(sketch: Sketch, op: Operator) -> None:
    """SELECT_V2, and SELECT whose condition has the operands' shape, or one element by row."""
    rank = len(sketch.shape(op.outputs[0]))
    condition = sketch.shape(op.inputs[0])
    if op.code == "SELECT" and len(condition) == 1 and rank > 1:
        value = sketch.reshape(sketch.read(op.inputs[0]), [-1, *(1,) * (rank - 1)])
        values = [value, *(sketch.read(index) for index in op.inputs[1:])]
        sketch.write(op.outputs[0], sketch.node("Where", values))
        return
    perm = common_layout(sketch, op.inputs, rank)
    values = [operand(sketch, index, perm) for index in op.inputs]
    sketch.write(op.outputs[0], sketch.node("Where", values), perm)


def clip(sketch: Sketch, op: Operator) -> None:
    """RELU6, RELU_N1_TO_1, RELU_0_TO_1."""
    held = sketch.held(op.inputs[0])
    sketch.write(op.outputs[0], sketch.limited(held.value, *LIMITS[op.code]), held.perm)


def leaky_relu(sketch: Sketch, op: Operator) -> None:
    """LEAKY_RELU."""
    held = sketch.held(op.inputs[0])
    value = sketch.node("LeakyRelu", [held.value], alpha=float(op.option("alpha", 0.0)))
    sketch.write(op.outputs[0], value, held.perm)


def rsqrt(sketch: Sketch, op: Operator) -> None:
    """RSQRT."""
    held = sketch.held(op.inputs[0])
    root = sketch.node("Sqrt", [held.value])
    sketch.write(op.outputs[0], sketch.node("Reciprocal", [root]), held.perm)


def square(sketch: Sketch, op: Operator) -> None:
    """SQUARE."""
    held = sketch.held(op.inputs[0])
    sketch.write(op.outputs[0], sketch.node("Mul", [held.value, held.value]), held.perm)


def gelu(sketch: Sketch, op: Operator) -> None:
    """GELU, written out as exporters write it."""
    held = sketch.held(op.inputs[0])
    value = held.value

    def number(each: float) -> ir.Value:
        return sketch.constant(np.array(each, np.float32))

    if op.option("approximate", False):
        cube = sketch.node("Mul", [sketch.node("Mul", [value, value]), value])
        inner = sketch.node("Add", [value, sketch.node("Mul", [cube, number(0.044715)])])
        inside = sketch.node("Tanh", [sketch.node("Mul", [inner, number(np.sqrt(2 / np.pi))])])
    else:
        inside = sketch.node("Erf", [sketch.node("Div", [value, number(np.sqrt(2.0))])])
    raised = sketch.node("Add", [inside, number(1.0)])
    whole = sketch.node("Mul", [sketch.node("Mul", [value, raised]), number(0.5)])
    sketch.write(op.outputs[0], whole, held.perm)


def cast(sketch: Sketch, op: Operator) -> None:
    """CAST."""
    held = sketch.held(op.inputs[0])
    kind = sketch.tensor(op.outputs[0]).kind
    if kind not in ("float32", "int32", "int64", "bool", "int8", "uint8", "int16"):
        sketch.refuse(f"casts to {kind}", "Export the model without that type")
    to = ir.DataType.from_numpy(np.dtype(kind))
    sketch.write(op.outputs[0], sketch.node("Cast", [held.value], to=int(to)), held.perm)


def same(sketch: Sketch, op: Operator) -> None:
    """QUANTIZE, DEQUANTIZE, DENSIFY: real numbers stay what they are; a grid is drawn where the result has one."""
    held = sketch.held(op.inputs[0])
    if held.value.const_value is not None and not sketch.tensor(op.outputs[0]).on_grid:
        sketch.alias(op.outputs[0], held)
        return
    sketch.write(op.outputs[0], held.value, held.perm)


def softmax(sketch: Sketch, op: Operator) -> None:
    """SOFTMAX, LOG_SOFTMAX along the last axis."""
    value = sketch.read(op.inputs[0])
    beta = float(op.option("beta", 1.0))
    if op.code == "SOFTMAX" and beta != 1.0:
        value = sketch.node("Mul", [value, sketch.constant(np.array(beta, np.float32))])
    name = "Softmax" if op.code == "SOFTMAX" else "LogSoftmax"
    rank = len(sketch.shape(op.inputs[0]))
    sketch.write(op.outputs[0], sketch.node(name, [value], axis=rank - 1))


def l2_normalize(sketch: Sketch, op: Operator) -> None:
    """L2_NORMALIZATION along the last axis; what is shorter than 1e-6 is divided by that."""
    rank = len(sketch.shape(op.inputs[0]))
    source = sketch.read(op.inputs[0])
    length = sketch.node("ReduceL2", [source], axes=[rank - 1], keepdims=1)
    limited = sketch.node("Max", [length, sketch.constant(np.array(1e-6, np.float32))])
    value = sketch.node("Div", [source, limited])
    sketch.write(op.outputs[0], value, activation=op.option("fusedActivationFunction"))
