"""Activations, and arithmetic between tensors: channels go on, index by index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from edgemm.quantize.prune.graph.channels import Axes, Axis
from edgemm.quantize.prune.graph.trace import Operator, Trace, is_constant, shape_of


def pointwise(found: Trace, node: ir.Node) -> Sequence[Axes]:
    """Any number of operands, broadcast as NumPy does it; constants are cut along."""
    shape = shape_of(node.outputs[0])
    return [tuple(_axis(found, node, index, shape) for index in range(len(shape)))]


def _axis(found: Trace, node: ir.Node, index: int, shape: tuple[int, ...]) -> Axis:
    """One axis of the output."""
    computed: list[Axis] = []
    constants: list[tuple[int, int]] = []
    for number, value in enumerate(node.inputs):
        if value is None:
            continue
        sizes = shape_of(value)
        place = index - len(shape) + len(sizes)
        if place < 0:
            continue
        if sizes[place] == 1:  # the only one: it stays
            found.close(node, *([] if is_constant(value) else [found.of(value)[place]]))
            continue
        if is_constant(value):
            constants.append((number, place))
        else:
            computed.append(found.of(value)[place])
    axis = found.join(node, computed)
    for number, place in constants if axis is not None else ():
        whole = found.operands.get((node, number)) or (None,) * len(shape_of(node.inputs[number]))  # type: ignore[arg-type]
        found.operands[node, number] = (*whole[:place], axis, *whole[place + 1 :])
    return axis


ONE = (
    "Abs", "Acos", "Asin", "Atan", "BitShift", "Cast", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Elu", "Erf", "Exp",
    "FastGelu", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish",
    "Neg", "Not",
    "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign",
    "Sqrt", "Tan", "Tanh", "ThresholdedRelu",
)  # fmt: skip
SEVERAL = (
    "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod",
    "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor",
)  # fmt: skip
OPERATORS: Mapping[str, Operator] = dict.fromkeys((*ONE, *SEVERAL), pointwise)
