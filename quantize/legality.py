"""Which int8 form each operator has: one table, read by the planner and by the checker.

The forms are those of TFLite's 8-bit quantization specification
(ai.google.dev/edge/litert/models/quantization_spec); Q/DQ pairs in ONNX can express them all. The rules
are not pedantry: kernels that want one scale in and out do not look at the second, and
run silently wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import onnx_ir as ir

from edgemm.quantize.declared import saturates
from edgemm.quantize.functions import stays_float
from edgemm.quantize.fusion import FUSED_BOUNDS, bounds
from edgemm.quantize.grid import Grid, Range, symmetric
from edgemm.quantize.target import Target


class Form(Enum):
    """How an operator's grids hang together."""

    FREE = "free"
    """Each input and the output has its own grid; the operator rescales."""
    SAME = "same"
    """Inputs and outputs are on one grid; the operator only moves or picks numbers."""
    FIXED = "fixed"
    """The output's grid is prescribed, the input's is free."""
    FLOAT = "float"
    """No integer kernel."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A prescribed output grid."""

    scale: float
    zero_point: int
    reach: float
    """Largest absolute value: what a symmetric grid has to hold."""

    def grid(self, target: Target) -> Grid:
        """The grid itself, or the symmetric one that holds the same numbers."""
        if target.activations_symmetric:
            return symmetric(Range(-self.reach, self.reach))
        return Grid(np.array([self.scale], np.float32), self.zero_point)


@dataclass(frozen=True, slots=True)
class Rule:
    """The int8 form of one operator."""

    form: Form
    data: tuple[int, ...] | None = (0,)
    """Indices of the inputs that hold real numbers to compute with; None: all of them. Data, weight, bias and fill are
    the operands that may be stored on a grid; what the others hold (sizes, scales, places, limits, conditions) says
    what to do, and is read as it is."""
    weight: int | None = None
    """Index of the input that, being constant, is stored on a symmetric weight grid."""
    axis: int | None = None
    """Dimension of the weight along which a scale per channel is allowed."""
    bias: int | None = None
    """Index of the int32 bias."""
    constant: bool = False
    """The weight and the bias must be constants."""
    fill: int | None = None
    """Index of a constant that is written among the values of the output, and so stored on its grid."""
    fixed: Fixed | None = None
    moves: bool = False
    """It computes nothing: not worth a change to integers and back between two float operators."""
    dynamic: bool = False
    """There is a form with int8 weights whose activations are quantized while running."""
    joins: bool = False
    """Its inputs may be on other grids than its output where the target's kernel looks at the grid of each."""


_MOVES = Rule(Form.SAME, moves=True)
_PICKS = Rule(Form.SAME)
_UNARY = Rule(Form.FREE)
_SATURATES = Rule(Form.FREE, moves=True)
_BINARY = Rule(Form.FREE, data=(0, 1))

RULES: dict[str, Rule] = {
    # weights and int32 accumulators
    "Conv": Rule(Form.FREE, weight=1, axis=0, bias=2, constant=True, dynamic=True),
    "ConvTranspose": Rule(Form.FREE, weight=1, axis=1, bias=2, constant=True),
    "Gemm": Rule(Form.FREE, weight=1, axis=0, bias=2, constant=True, dynamic=True),
    "MatMul": Rule(Form.FREE, data=(0, 1), weight=1, dynamic=True),
    # arithmetic that rescales by itself: a residual sum needs no common scale
    "Add": _BINARY,
    "Sub": _BINARY,
    "Mul": _BINARY,
    "PRelu": _BINARY,
    "Relu": _UNARY,
    "LeakyRelu": _UNARY,
    "HardSwish": _UNARY,
    "GlobalAveragePool": _UNARY,
    "ReduceMean": _UNARY,
    # the value set of the output is known, and so its grid
    "Softmax": Rule(Form.FIXED, fixed=Fixed(1 / 256, -128, 1.0)),
    "Sigmoid": Rule(Form.FIXED, fixed=Fixed(1 / 256, -128, 1.0)),
    "Tanh": Rule(Form.FIXED, fixed=Fixed(1 / 128, 0, 1.0)),
    "LogSoftmax": Rule(Form.FIXED, fixed=Fixed(16 / 256, 127, 16.0)),
    # one grid in and out
    "AveragePool": _PICKS,
    "MaxPool": _PICKS,
    "GlobalMaxPool": _PICKS,
    "ReduceMax": _PICKS,
    "ReduceMin": _PICKS,
    "Resize": _PICKS,
    "Max": Rule(Form.SAME, data=None),
    "Min": Rule(Form.SAME, data=None),
    "Concat": Rule(Form.SAME, data=None, moves=True, joins=True),
    "Pad": Rule(Form.SAME, fill=2, moves=True),
    "ArgMax": _MOVES,
    "ArgMin": _MOVES,
    "DepthToSpace": _MOVES,
    "Expand": _MOVES,
    "Flatten": _MOVES,
    "Gather": _MOVES,
    "Identity": _MOVES,
    "Reshape": _MOVES,
    "Slice": _MOVES,
    "SpaceToDepth": _MOVES,
    "Split": _MOVES,
    "Squeeze": _MOVES,
    "Tile": _MOVES,
    "Transpose": _MOVES,
    "Unsqueeze": _MOVES,
}
"""ONNX operator -> rule. What is not here (Erf, Exp, Div, LayerNormalization, LSTM, ...) has no int8 kernel
that all our runtimes share, and computes in float."""

FLOAT = Rule(Form.FLOAT)


def rule_of(node: ir.Node) -> Rule:
    """The rule for a node, its operands considered: FLOAT where the int8 form does not cover them."""
    if node.domain not in ("", "ai.onnx") or stays_float(node):
        return FLOAT
    if node.op_type == "Clip":
        return _clip(node)
    rule = RULES.get(node.op_type, FLOAT)
    if not all(is_real(node.inputs[index]) for index in data_inputs(node, rule)):
        return FLOAT
    if _is_empty(node) or not activation_inputs(node, rule):
        return FLOAT  # no range is measured of what has no elements, and constants are copied as they are
    must = [index for index in (rule.weight, rule.bias) if rule.constant and index is not None]
    must += [rule.fill] if rule.fill is not None else []
    given = [value for index in must if (value := operand(node, index)) is not None]
    if not all(value.const_value is not None for value in given):
        return FLOAT
    return replace(rule, axis=1) if node.op_type == "MatMul" and _is_dense(node) else rule


def _is_dense(node: ir.Node) -> bool:
    """True where a MatMul has a constant matrix on the right: a dense layer, with a channel for each column."""
    weight = operand(node, 1)
    return is_constant(weight) and weight is not None and weight.shape is not None and len(weight.shape) == 2


def _is_empty(node: ir.Node) -> bool:
    """True when a tensor of the node has no elements."""
    values = [value for value in (*node.inputs, *node.outputs) if is_real(value)]
    return any(value.shape is not None and 0 in value.shape.dims for value in values if value is not None)


MIN_TABLE = 1024
"""Elements of an embedding that is worth storing in int8."""


RECURRENT = frozenset({"GRU", "LSTM", "RNN"})


def dynamic_weights(node: ir.Node) -> tuple[int, ...]:
    """Indices of the constants that the dynamic scheme stores in int8: weights, those of both products of a recurrent
    layer, and the table of an embedding; none for a node without such a form."""
    if node.domain not in ("", "ai.onnx"):
        return ()
    rule = rule_of(node)
    if rule.dynamic and rule.weight is not None:
        wanted: tuple[int, ...] = (rule.weight,)
    elif node.op_type in RECURRENT:
        wanted = (1, 2)
    elif node.op_type == "Gather" and _is_table(operand(node, 0)):
        wanted = (0,)
    else:
        return ()
    return wanted if all(is_constant(operand(node, index)) for index in wanted) else ()


def may_be_hybrid(node: ir.Node) -> bool:
    """True for a convolution that runtimes can compute with int8 weights on activations that it quantizes itself: over
    one dimension or two, in groups or dilated too, but not depthwise."""
    if node.op_type != "Conv" or not dynamic_weights(node):
        return False
    weight = operand(node, 1)
    if weight is None or weight.shape is None or len(weight.shape) not in (3, 4):
        return False
    return weight.shape[1] != 1 or node.attributes.get_int("group", 1) == 1


def _is_table(value: ir.Value | None) -> bool:
    if not is_real(value) or value is None or value.const_value is None:
        return False
    return value.const_value.size >= MIN_TABLE and len(value.const_value.shape) > 1


def _clip(node: ir.Node) -> Rule:
    """Clip to a ReLU's limits rescales; to the ends of its own grid it is that grid; to others it is a minimum and a
    maximum, which do not rescale."""
    limits = bounds(node)
    if limits is None or not is_real(node.inputs[0]):
        return FLOAT
    if saturates(node):
        return _SATURATES
    return _UNARY if limits in FUSED_BOUNDS else _PICKS


def operand(node: ir.Node, index: int | None) -> ir.Value | None:
    """The input at `index`, or None where the node has none."""
    return node.inputs[index] if index is not None and index < len(node.inputs) else None


def is_real(value: ir.Value | None) -> bool:
    """True for a float32 tensor."""
    return value is not None and value.dtype == ir.DataType.FLOAT


def data_inputs(node: ir.Node, rule: Rule) -> tuple[int, ...]:
    """Indices of the inputs that the rule counts as real numbers."""
    return tuple(range(len(node.inputs))) if rule.data is None else rule.data


def activation_inputs(node: ir.Node, rule: Rule) -> list[ir.Value]:
    """Those of them that are computed, not constant."""
    values = [node.inputs[index] for index in data_inputs(node, rule)]
    return [value for value in values if value is not None and value.const_value is None]


def may_differ(rule: Rule, target: Target) -> bool:
    """True where inputs of a node with one grid in and out may be on grids of their own."""
    return rule.joins and target.joins_any_grids


def around_zero(node: ir.Node, target: Target) -> ir.Value | None:
    """The computed right side of a product, where it must have zero point 0 on integers; None of any other node."""
    right = operand(node, 1) if node.op_type == "MatMul" and target.products_around_zero else None
    return None if is_constant(right) else right


def constant_inputs(node: ir.Node, rule: Rule) -> list[int]:
    """Indices of the constants among data and fill: those stored on a grid, weight and bias left out."""
    return [
        index
        for index in (*data_inputs(node, rule), *((rule.fill,) if rule.fill is not None else ()))
        if index not in (rule.weight, rule.bias)
        and is_real(value := operand(node, index))
        and is_constant(value)
    ]


def grid_operands(node: ir.Node, rule: Rule) -> frozenset[int]:
    """Indices of the inputs that may be stored on a grid where the node computes on integers."""
    if rule.form is Form.FLOAT:
        return frozenset()
    given = (rule.weight, rule.bias, rule.fill)
    return frozenset([*data_inputs(node, rule), *(index for index in given if index is not None)])


def is_constant(value: ir.Value | None) -> bool:
    """True when the value is known before the model runs."""
    return value is not None and value.const_value is not None
