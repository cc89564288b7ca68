"""Kinds of operators that cost alike, and what each node has to do."""

from __future__ import annotations

from math import prod

import onnx_ir as ir

from edgemm.costs.point import Work
from edgemm.quantize.cost import WEIGHTED, macs
from edgemm.quantize.functions import is_known

THIN = 8
"""Input channels of a convolution below which it costs more per product."""
LARGE = 25
"""Taps of a depthwise kernel above which runtimes have no kernel of their own."""
WIDE = 16
"""Channels of a group that fill a vector."""
ROWS = frozenset({"Gemm", "LayerNormalization", "LogSoftmax", "MatMul", "ReduceMean", "Softmax"})
"""Operators that work on the last dimension."""
PICTURE = "picture_"
"""Before the kind of an operator between convolutions, where a table has times for it."""
CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
KEEP_LAYOUT = frozenset(
    {"Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "HardSigmoid", "HardSwish", "LeakyRelu", "MaxPool",
     "Mul", "Relu", "Resize", "Sigmoid", "Sub", "Tanh", "Elu", "Gelu", "PRelu"}
)  # fmt: skip
SHAPES = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
BINARY = frozenset({"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"})
ALIKE = {
    "ReduceMin": "ReduceMax", "ReduceProd": "ReduceMax", "GlobalMaxPool": "GlobalAveragePool", "Max": "Add",
    "Min": "Add", "Sub": "Add", "LogSoftmax": "Softmax", "ReduceSum": "ReduceMean", "RNN": "GRU", "FastGelu": "Gelu",
    "PRelu": "LeakyRelu", "Abs": "Relu", "Neg": "Relu", "Clip": "Relu", "Elu": "Exp", "Log": "Exp", "Sin": "Exp",
    "Cos": "Exp", "SpaceToDepth": "DepthToSpace", "Tile": "Concat", "Expand": "Concat", "Split": "Slice",
    "LpNormalization": "Softmax", "InstanceNormalization": "LayerNormalization", "ArgMin": "ArgMax", "TopK": "ArgMax",
    "Erf": "Exp", "HardSigmoid": "HardSwish",
}  # fmt: skip
"""Operator -> one that costs about as much."""


def pictures(graph: ir.Graph) -> frozenset[str]:
    """Names of the nodes that work on what a convolution has made, moved nowhere in between: runtimes keep that in a
    layout of their own."""
    inside: set[str] = set()
    for node in graph:
        before = [
            made for value in node.inputs if value is not None and (made := value.producer()) is not None
        ]
        if node.op_type in CONVOLUTIONS or (
            node.op_type in KEEP_LAYOUT
            and any(made.op_type in CONVOLUTIONS or str(made.name) in inside for made in before)
        ):
            inside.add(str(node.name))
    return frozenset(inside)


def kind_of(node: ir.Node) -> str:
    """The kind of a node; its operator's name where it is one of its own."""
    op = node.op_type
    if op == "Conv":
        return _conv(node)
    if op == "ConvTranspose":
        return "conv_transpose"
    if op == "Gemm" or (op == "MatMul" and any(_is_constant(node, index) for index in (0, 1))):
        return "gemm"
    if op == "MatMul":
        return "matmul"
    if op in SHAPES:
        return "reshape"
    if op in BINARY and _broadcasts(node):
        return f"{ALIKE.get(op, op).lower()}_broadcast"
    if op == "ReduceMean" and not _over_last(node):
        return "reducemean_inner"
    if op == "Resize":
        return f"resize_{node.attributes.get_string('mode', 'nearest')}"
    if not is_known(node):
        return "other"
    return ALIKE.get(op, op).lower()


def work_of(node: ir.Node) -> Work:
    """What a node has to do."""
    moved = sum(size(value) for value in (*node.inputs, *node.outputs) if not constant(value))
    weights = sum(size(value) for value in node.inputs if constant(value))
    products = macs(node) if node.op_type in WEIGHTED or node.op_type in ("LSTM", "GRU", "RNN") else 0
    if node.op_type == "Conv" and _conv(node) == "conv_thin":
        moved = _taps(node) + size(node.outputs[0])
    if node.op_type in ("AveragePool", "MaxPool"):
        products = size(node.outputs[0]) * prod(node.attributes.get_ints("kernel_shape", (1,)))
    if node.op_type in ("Gather", "GatherND"):
        moved = 2 * sum(size(value) for value in node.outputs)
        weights = 0
    return Work(1, products, moved, weights, _rows(node))


def _rows(node: ir.Node) -> int:
    shape = shape_of(node.outputs[0])
    if node.op_type in ("Conv", "ConvTranspose"):
        return shape[0] * prod(shape[2:]) if len(shape) > 2 else 0
    if node.op_type in ROWS:
        read = shape_of(node.inputs[0])
        return prod(shape[:-1]) if node.op_type in ("Gemm", "MatMul") else prod(read[:-1])
    return 0


def constant(value: ir.Value | None) -> bool:
    """True for what is known before the model runs, or absent."""
    return value is None or value.const_value is not None


def shape_of(value: ir.Value | None) -> tuple[int, ...]:
    """The static shape; () where it is open."""
    if value is None or value.shape is None or not value.shape.is_static():
        return ()
    return tuple(value.shape.numpy())


def size(value: ir.Value | None) -> int:
    """Elements; 0 where there is no value, or it has an open shape."""
    if value is None or value.shape is None or not value.shape.is_static():
        return 0
    return prod(value.shape.numpy())


def _conv(node: ir.Node) -> str:
    weight = shape_of(node.inputs[1])
    groups = node.attributes.get_int("group", 1)
    if groups > 1 and weight[1] == 1:
        return "conv_depthwise" if prod(weight[2:]) <= LARGE else "conv_depthwise_large"
    if groups > 1:
        return "conv_grouped" if weight[1] < WIDE else "conv_grouped_wide"
    if weight[1] < THIN:
        return "conv_thin"
    return "conv_1x1" if prod(weight[2:]) == 1 else "conv"


def _taps(node: ir.Node) -> int:
    """Elements of the windows of a convolution, each written out: what runtimes do where they have no other way."""
    weight, written = shape_of(node.inputs[1]), size(node.outputs[0])
    return written // weight[0] * prod(weight[1:]) if weight and weight[0] else 0


def _is_constant(node: ir.Node, index: int) -> bool:
    value = node.inputs[index] if index < len(node.inputs) else None
    return value is not None and value.const_value is not None


def _broadcasts(node: ir.Node) -> bool:
    shapes = [shape_of(value) for value in node.inputs if value is not None]
    return len(set(shapes)) > 1


def _over_last(node: ir.Node) -> bool:
    rank = len(shape_of(node.inputs[0]))
    axes = node.attributes.get_ints("axes", None)
    if axes is None and len(node.inputs) > 1 and constant(node.inputs[1]) and node.inputs[1] is not None:
        held = node.inputs[1].const_value
        axes = held.numpy().reshape(-1).tolist() if held is not None else None
    return axes is not None and [axis % max(rank, 1) for axis in axes] == [rank - 1]
