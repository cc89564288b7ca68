"""Removes Clips whose limits are the ends of an integer grid, which saturates there by itself."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import bypass, data_of
from edgemm.quantize.declared import cuts, saturates
from edgemm.quantize.fusion import bounds
from edgemm.quantize.plan import Plan


def drop_saturating(model: ir.Model, plan: Plan) -> int:
    """Takes Clips to the ends of a grid away where what they read is stored on that grid, in place.

    What is stored on the grid of the source's and read by a Concat alone goes into it as it is: ONNX Runtime's integer
    Concat takes each input on a grid of its own. A real reader of a value that is not computed on integers would read
    it before it is stored: its Clip stays.

    Returns:
        How many went.
    """
    return sum(bypass(node, data_of(node)) for node in tuple(model.graph) if _is_idle(node, plan))


def _is_idle(node: ir.Node, plan: Plan) -> bool:
    if not saturates(node):
        return False
    if not plan.is_int8(str(node.name)):
        return not np.isfinite(bounds(node) or 0.0).any()
    source, output = data_of(node), node.outputs[0]
    stored, wanted = (plan.activations.get(str(value.name)) for value in (source, output))
    if stored is None or wanted is None:
        return False
    maker, readers = source.producer(), output.consumers()
    made_integer = maker is not None and plan.is_int8(str(maker.name))
    all_integer = not output.is_graph_output() and all(plan.is_int8(str(each.name)) for each in readers)
    if stored.same_as(wanted):
        return made_integer or all_integer
    joined = all_integer and all(each.op_type == "Concat" for each in readers)
    return joined and cuts(stored, bounds(node) or (0.0, 0.0))
