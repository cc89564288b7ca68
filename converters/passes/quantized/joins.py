"""Values of several grids that meet on one: each gets a change of grid of its own in front.

Integer kernels that join values want all of them on the grid of the result. The source had each on its own grid up to
there, for its other readers too, and changed the grid as it joined them.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import nodes_of, shape_of, sole_consumer
from edgemm.quantize.declared import copy, declared, saturates

JOINS = ("Concat", "Max", "Min")


def change_grids_at_joins(model: ir.Model) -> int:
    """In front of every operator that joins values, and whose result has a grid, the values on other grids get a Clip
    without limits, whose output has the grid of the result. On integers it changes the grid; on real numbers it is
    nothing, and no writer writes it.

    Precondition: grids stand on values, shapes are static.

    Returns:
        How many changes of grid were put in.
    """
    return sum(_change(node) for node in nodes_of(model, *JOINS))


def _change(node: ir.Node) -> int:
    told = _grid_behind(node)
    ends = declared(told) if told is not None else None
    if told is None or ends is None or not ends.step:
        return 0
    count, draft = 0, Draft(node)
    for index, value in enumerate(node.inputs):
        own = declared(value) if value is not None else None
        if value is not None and own is not None and own != ends:
            limits = [draft.constant(np.array(each, np.float32)) for each in (-np.inf, np.inf)]
            changed = draft.op("Clip", [value, *limits], shape_of(value), value.dtype)
            copy(told, changed)
            node.replace_input_with(index, changed)
            count += 1
    return count


def _grid_behind(node: ir.Node) -> ir.Value | None:
    """The value with the grid that the node's result is stored on."""
    output = node.outputs[0]
    if declared(output) is not None:
        return output
    after = sole_consumer(output)
    return after.outputs[0] if after is not None and saturates(after) else None
