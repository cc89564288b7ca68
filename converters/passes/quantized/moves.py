"""Operators that only move, pick or compare integers do the same to the real numbers that these stand for.

Quantizers leave a MaxPool or a Reshape between two integer layers on integers. A DequantizeLinear goes in front of it
and a QuantizeLinear behind it, and both meet their other halves.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.quantized.pairs import Scale, scale_of
from edgemm.converters.passes.rewrite import array_of, constant, graph_of, input_of

FIRST = (0,)
DATA: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(
        (
            "DepthToSpace",
            "Expand",
            "Flatten",
            "Gather",
            "GatherElements",
            "GatherND",
            "Identity",
            "MaxPool",
            "ReduceMax",
            "ReduceMin",
            "Reshape",
            "Resize",
            "Slice",
            "SpaceToDepth",
            "Split",
            "Squeeze",
            "Tile",
            "Transpose",
            "Unsqueeze",
        ),
        FIRST,
    ),
    "ArgMax": FIRST,
    "ArgMin": FIRST,
    "Clip": (0, 1, 2),
    "Concat": None,
    "Max": None,
    "Min": None,
    "Pad": (0, 2),
    "Where": (1, 2),
}
"""Operator -> the inputs that hold numbers; None: all. `f(scale * (q - zero))` is `scale * (f(q) - zero)`."""


def lift_moves(model: ir.Model) -> int:
    """Lets operators that move integers made by a QuantizeLinear move the real numbers instead.

    Precondition: nodes are in order, types are known.

    Returns:
        How many operators were lifted.
    """
    return sum(_lift(node) for node in tuple(model.graph) if node.domain == "" and node.op_type in DATA)


def _lift(node: ir.Node) -> bool:
    wanted = DATA[node.op_type]
    indices = range(len(node.inputs)) if wanted is None else wanted
    data = [(index, value) for index in indices if (value := input_of(node, index)) is not None]
    makers = [made for _, value in data if (made := _quantizer(value)) is not None]
    grids = {scale_of(made) for made in makers}
    known = all(_quantizer(value) is not None or array_of(value) is not None for _, value in data)
    if not makers or not known or len(grids) != 1 or None in grids:
        return False
    if node.op_type == "MaxPool" and len(node.outputs) > 1 and node.outputs[1].uses():
        return False
    if (
        node.op_type == "Pad"
        and len(data) == 1
        and node.attributes.get_string("mode", "constant") == "constant"
    ):
        _fill_with_zero(node, makers[0])
        data = [(index, value) for index in (0, 2) if (value := input_of(node, index)) is not None]
    draft = Draft(node)
    for index, value in data:
        node.replace_input_with(index, _real(draft, value, makers[0]))
    for output in node.outputs:
        if output.dtype != ir.DataType.INT64:
            _back(node, output, makers[0])
    return True


def _quantizer(value: ir.Value) -> ir.Node | None:
    node = value.producer()
    return node if node is not None and node.op_type == "QuantizeLinear" and node.domain == "" else None


def _fill_with_zero(node: ir.Node, maker: ir.Node) -> None:
    """A Pad without a fill writes the integer 0, whatever number that stands for."""
    dtype = maker.outputs[0].dtype or ir.DataType.UINT8
    node.resize_inputs(max(len(node.inputs), 3))
    fill = constant(graph_of(node), f"{node.name}_fill", np.zeros((), dtype.numpy()))
    node.replace_input_with(2, fill)


def _real(draft: Draft, value: ir.Value, maker: ir.Node) -> ir.Value:
    """What the integers stand for; a constant is folded right here."""
    grid, array = scale_of(maker), array_of(value)
    if array is not None and isinstance(grid, Scale):
        return draft.constant(((array.astype("int64") - grid.zero_point) * grid.scale).astype("float32"))
    shape = None if value.shape is None else tuple(value.shape.numpy())
    return draft.op("DequantizeLinear", [value, *maker.inputs[1:]], shape, ir.DataType.FLOAT)


def _back(node: ir.Node, output: ir.Value, maker: ir.Node) -> None:
    """The output is real; its readers get integers, under the old name."""
    integers = ir.Value(name=output.name, shape=output.shape, type=output.type)
    output.replace_all_uses_with(integers, replace_graph_outputs=True)
    given = {name: each.value for name, each in maker.attributes.items()}
    quantizer = ir.node("QuantizeLinear", [output, *maker.inputs[1:]], given, outputs=[integers])
    quantizer.name = f"{node.name}_{output.name}_QuantizeLinear"
    output.name, output.type = f"{output.name}_real", ir.TensorType(ir.DataType.FLOAT)
    graph_of(node).insert_after(node, quantizer)
