"""What a layer is fitted to: its output in the whole network, or better, what comes of that.

Where a residual sum follows, the sum is what counts: the layer that is fitted last makes up for what the others have
lost. Where a Relu or a Clip follows, values beyond its limits count as at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgemm.quantize.fusion import bounds
from edgemm.quantize.prune.graph.features import Consumer
from edgemm.quantize.prune.graph.trace import is_constant, shape_of


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """Of one layer."""

    consumer: Consumer
    value: ir.Value
    """What the rows are taken of: the layer's output, the sum that it goes into, or its input."""
    other: ir.Value | None = None
    """The sum's other operand."""
    limits: tuple[float, float] = (-np.inf, np.inf)
    """Of what follows the value."""


def aims(consumers: Sequence[Consumer]) -> list[Aim]:
    """One for each layer, in the order in which they are to be fitted."""
    order = list(consumers)
    for each in consumers:
        rival = _rival(each, order)
        if rival is None or order.index(rival) < order.index(each) or _size(each) <= _size(rival):
            continue
        order.remove(each)  # the larger one comes last: it can make up for more
        order.insert(order.index(rival) + 1, each)
    return [_aim(each, {one.layer.node for one in order[:place]}) for place, each in enumerate(order)]


def _size(each: Consumer) -> int:
    return each.kernel[1] * each.taps


def _sum(each: Consumer) -> tuple[ir.Node, ir.Value] | None:
    """The sum that the layer's output goes into and nothing else, and its other operand."""
    value = each.result
    if not each.whole or value.is_graph_output() or len(value.uses()) != 1:
        return None
    node = value.consumers()[0]
    others = [other for other in node.inputs if other is not None and other is not value]
    if node.op_type != "Add" or len(others) != 1 or is_constant(others[0]):
        return None
    return (node, others[0]) if shape_of(others[0]) == shape_of(value) == shape_of(node.outputs[0]) else None


def _rival(each: Consumer, order: Sequence[Consumer]) -> Consumer | None:
    """The layer whose output is added to this one's."""
    found = _sum(each)
    if found is None:
        return None
    return next((one for one in order if one.result is found[1] and _sum(one) is not None), None)


def _aim(each: Consumer, before: set[ir.Node]) -> Aim:
    if not each.whole:
        return Aim(each, each.source)
    found = _sum(each)
    if found is not None and _made_of(found[1]) <= before:
        return Aim(each, found[0].outputs[0], found[1], _limits(found[0].outputs[0]))
    return Aim(each, each.result, None, _limits(each.result))


def _made_of(value: ir.Value) -> set[ir.Node]:
    """The layers behind a value."""
    seen: set[ir.Value] = {value}
    waiting, found = [value], set()
    for each in waiting:
        node = each.producer()
        if node is None:
            continue
        if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul") and _fitted(node):
            found.add(node)
        new = [one for one in node.inputs if one is not None and one not in seen]
        seen.update(new)
        waiting += new
    return found


def _fitted(node: ir.Node) -> bool:
    """Whether it is a layer that is fitted, not a depthwise one or a product of tensors."""
    return node.attributes.get_int("group", 1) == 1 and is_constant(node.inputs[1])


def _limits(value: ir.Value) -> tuple[float, float]:
    """What a Relu or Clip, the only reader, limits a value to."""
    if value.is_graph_output() or len(value.uses()) != 1:
        return -np.inf, np.inf
    return bounds(value.consumers()[0]) or (-np.inf, np.inf)
