"""Makes axes non-negative and writes default axes out."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import (
    array_of,
    bypass,
    constant,
    data_of,
    graph_of,
    input_of,
    nodes_of,
    set_ints,
    shape_of,
)
from edgemm.errors import UnsupportedOperator

DEFAULT_AXIS: dict[str, int | None] = {
    "ArgMax": 0,
    "ArgMin": 0,
    "Concat": None,
    "Gather": 0,
    "GatherElements": 0,
    "Hardmax": -1,
    "LayerNormalization": -1,
    "LogSoftmax": -1,
    "LpNormalization": -1,
    "Softmax": -1,
    "Split": 0,
    "TopK": -1,
}
"""Operators with one axis attribute -> its default (None: it must be given)."""

REDUCTIONS = tuple(
    f"Reduce{kind}"
    for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
)


def normalize_axes(model: ir.Model) -> int:
    """`axis` is there and not negative; reductions name their axes, sorted and not negative.

    Precondition: opset 13..17, shapes are static.

    Returns:
        How many changed.

    Raises:
        UnsupportedOperator: the axes of a ReduceSum are computed.
    """
    single = sum(_single(node) for node in nodes_of(model, *DEFAULT_AXIS))
    return single + sum(_reduction(node) for node in nodes_of(model, *REDUCTIONS))


def _single(node: ir.Node) -> bool:
    rank = len(shape_of(data_of(node)))
    default = DEFAULT_AXIS[node.op_type]
    axis = node.attributes.get_int("axis", 0 if default is None else default)
    if "axis" in node.attributes and axis >= 0:
        return False
    node.attributes.add(ir.AttrInt64("axis", axis % rank))
    return True


def reduction_axes(node: ir.Node) -> tuple[int, ...]:
    """The axes of a reduction, sorted, not negative; all of them when it names none."""
    rank = len(shape_of(data_of(node)))
    if node.op_type != "ReduceSum":
        found = tuple(node.attributes.get_ints("axes") or ())
    elif input_of(node, 1) is None:
        found = ()
    else:
        array = array_of(input_of(node, 1))
        if array is None:
            raise UnsupportedOperator(
                f"node {node.name!r}: ReduceSum with computed axes. Export with fixed shapes"
            )
        found = tuple(int(axis) for axis in array.reshape(-1))
    return tuple(sorted(axis % rank for axis in found)) or tuple(range(rank))


def _reduction(node: ir.Node) -> bool:
    axes = reduction_axes(node)
    if node.op_type != "ReduceSum":
        return set_ints(node, axes=axes)
    found = array_of(input_of(node, 1))
    noop = node.attributes.pop("noop_with_empty_axes", None)
    if noop is not None and noop.as_int() == 1 and (found is None or not found.size):
        draft = Draft(node)
        return bypass(node, data_of(node)) or draft.becomes(draft.copy(data_of(node)))
    if found is not None and tuple(found.reshape(-1)) == axes:
        return False
    node.resize_inputs(2)
    node.replace_input_with(1, constant(graph_of(node), f"{node.name}_axes", np.array(axes, np.int64)))
    return True
