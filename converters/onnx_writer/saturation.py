"""Clips that an integer grid makes by itself."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.rewrite import bypass, data_of
from edgemm.quantize.declared import saturates
from edgemm.quantize.plan import Plan


def drop_saturating(model: ir.Model, plan: Plan) -> int:
    """Takes Clips to the ends of their own grid away where what they read is stored on that grid, in place.

    A real reader of a value that is not computed on integers would read it before it is stored: its Clip stays.

    Returns:
        How many went.
    """
    return sum(bypass(node, data_of(node)) for node in tuple(model.graph) if _is_idle(node, plan))


def _is_idle(node: ir.Node, plan: Plan) -> bool:
    if not saturates(node) or not plan.is_int8(str(node.name)):
        return False
    source, output = data_of(node), node.outputs[0]
    grids = [plan.activations.get(str(value.name)) for value in (source, output)]
    if grids[0] is None or grids[1] is None or not grids[0].same_as(grids[1]):
        return False
    maker = source.producer()
    if maker is not None and plan.is_int8(str(maker.name)):
        return True
    return not output.is_graph_output() and all(plan.is_int8(str(each.name)) for each in output.consumers())
