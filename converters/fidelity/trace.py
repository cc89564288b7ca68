"""What the axes of a value mean, followed through the graph: channels of a layer, classes, parts that were joined.

A softmax makes classes of an axis. A Concat along the channels of layers makes parts: the boxes and scores of a
detector's head. A Concat along positions (anchors of several scales) does not: what it joins is alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm.converters.fidelity.axes import Shape, carried, cut_from, permuted
from edgemm.converters.fidelity.meaning import NOTHING, Kind, Trace, chosen, moved, shape_of, unbounded
from edgemm.quantize.functions import is_known

if TYPE_CHECKING:
    import onnx_ir as ir


Traces = Mapping[str, Trace]
Rule = Callable[["ir.Node", Trace, Traces], Trace]

MAX_UNKNOWN = 8
"""Values whose axes are unknown are parts where a Concat joins no more of them; more are steps of one sequence."""


def trace(model: ir.Model) -> dict[str, Trace]:
    """Value name -> what is known of it; what is not there is unknown.

    Args:
        model: canonical, its shapes static.
    """
    known: dict[str, Trace] = {}
    for node in model.graph:
        rule = RULES.get(node.op_type) if is_known(node) else None
        if rule is None or any(shape_of(value) is None for value in node.outputs):
            continue
        first = node.inputs[0] if node.inputs else None
        before = known.get(str(first.name), NOTHING) if first is not None else NOTHING
        if node.op_type == "Split":
            known |= _split(node, before)
        else:
            known[str(node.outputs[0].name)] = rule(node, before, known)
    return known


def _shapes(node: ir.Node) -> tuple[Shape, Shape] | None:
    old, new = shape_of(node.inputs[0]), shape_of(node.outputs[0])
    return None if old is None or new is None else (old, new)


def _constant(node: ir.Node, index: int) -> Any:
    value = node.inputs[index] if index < len(node.inputs) else None
    return None if value is None or value.const_value is None else value.const_value.numpy()


def _layer(axis: int) -> Rule:
    def rule(node: ir.Node, before: Trace, known: Traces) -> Trace:
        rank = len(shape_of(node.outputs[0]) or ())
        return Trace(channels=frozenset({axis % rank})) if rank > 1 else NOTHING

    return rule


def _matmul(node: ir.Node, before: Trace, known: Traces) -> Trace:
    return _layer(-1)(node, before, known) if _constant(node, 1) is not None else NOTHING


def _softmax(node: ir.Node, before: Trace, known: Traces) -> Trace:
    shape = shape_of(node.outputs[0]) or ()
    axis = int(node.attributes.get_int("axis", -1)) % max(len(shape), 1)
    if not shape or shape[axis] < 2:
        return NOTHING
    return Trace(classes=axis, channels=frozenset({axis}), bounded=node.op_type == "Softmax")


def _argmax(node: ir.Node, before: Trace, known: Traces) -> Trace:
    """Of channels: numbers of classes. Of positions: numbers like others, a neighbour is nearly right."""
    axis = int(node.attributes.get_int("axis", 0)) % max(len(shape_of(node.inputs[0]) or ()), 1)
    return Trace(numbered=axis in before.channels)


def _sigmoid(node: ir.Node, before: Trace, known: Traces) -> Trace:
    kinds = tuple(each._replace(bounded=True) for each in before.kinds)
    return replace(before, classes=None, kinds=kinds, bounded=True)


def _log(node: ir.Node, before: Trace, known: Traces) -> Trace:
    """Keeps the order, so classes stay classes."""
    return replace(unbounded(before), classes=before.classes)


def _same(node: ir.Node, before: Trace, known: Traces) -> Trace:
    return before


def _pointwise(node: ir.Node, before: Trace, known: Traces) -> Trace:
    return unbounded(before)


def _features(node: ir.Node, before: Trace, known: Traces) -> Trace:
    """What follows is taken for features, whose parts mean the same kind of thing."""
    return Trace(channels=before.channels, features=True)


def _spatial(node: ir.Node, before: Trace, known: Traces) -> Trace:
    """Neighbours are mixed; the axes that this leaves as long as they were mean what they did."""
    shapes = _shapes(node)
    axes = (before.classes, before.axis)
    if shapes is None or any(axis is not None and shapes[0][axis] != shapes[1][axis] for axis in axes):
        return Trace(channels=before.channels, features=before.features)
    return replace(unbounded(before), classes=before.classes)


def _binary(node: ir.Node, before: Trace, known: Traces) -> Trace:
    """What is of the output's shape decides; two such are a sum of features, where both are computed."""
    shape = shape_of(node.outputs[0])
    whole = [
        value
        for value in node.inputs
        if value is not None and value.const_value is None and shape_of(value) == shape
    ]
    traces = [known.get(str(value.name), NOTHING) for value in whole]
    if len(traces) != 1:
        return Trace(channels=frozenset().union(*(each.channels for each in traces)), features=True)
    factors = [known.get(str(value.name), NOTHING) for value in node.inputs if value is not None]
    shares = node.op_type == "Mul" and all(each.bounded for each in factors)
    return replace(traces[0], classes=None) if shares else unbounded(traces[0])


def _transpose(node: ir.Node, before: Trace, known: Traces) -> Trace:
    rank = len(shape_of(node.outputs[0]) or ())
    order = node.attributes.get_ints("perm") or tuple(reversed(range(rank)))
    channels = frozenset(permuted(axis, order) for axis in before.channels)
    return moved(before, lambda axis: permuted(axis, order), channels)


def _reshape(node: ir.Node, before: Trace, known: Traces) -> Trace:
    shapes = _shapes(node)
    if shapes is None:
        return NOTHING
    old, new = shapes
    return moved(before, lambda axis: carried(axis, old, new), cut_from(before.channels, old, new))


def _concat(node: ir.Node, before: Trace, known: Traces) -> Trace:
    values = [value for value in node.inputs if value is not None]
    shapes = [shape_of(value) for value in values]
    if any(shape is None for shape in shapes):
        return NOTHING
    sizes = [shape for shape in shapes if shape is not None]
    axis = int(node.attributes.get_int("axis", 0)) % len(sizes[0])
    traces = [known.get(str(value.name), NOTHING) for value in values]
    channels = frozenset().union(*(each.channels for each in traces))
    whole = Trace(
        channels=channels,
        bounded=all(each.bounded for each in traces),
        features=all(each.features for each in traces),
    )
    if all(each.numbered for each in traces):
        return Trace(numbered=True)
    if axis in channels or (not channels and len(values) <= MAX_UNKNOWN):
        joined = [_kinds(*each, axis) for each in zip(values, traces, sizes, strict=True)]
        return replace(whole, axis=axis, kinds=tuple(kind for kinds in joined for kind in kinds))
    one = traces[0]
    alike = all((each.classes, each.axis) == (one.classes, one.axis) for each in traces)
    if not alike or axis in (one.classes, one.axis):
        return whole
    kinds = _alike(traces)
    return replace(whole, classes=one.classes, axis=one.axis if kinds else None, kinds=kinds)


def _kinds(value: ir.Value, found: Trace, shape: Shape, axis: int) -> tuple[Kind, ...]:
    if found.axis == axis and len(found.kinds) == shape[axis]:
        return found.kinds
    return (Kind(str(value.name), found.bounded),) * shape[axis]


def _alike(traces: Sequence[Trace]) -> tuple[Kind, ...]:
    """Parts of the first, where all are cut at the same places."""
    cuts = [_cuts(each.kinds) for each in traces]
    if any(each != cuts[0] for each in cuts):
        return ()
    return tuple(
        Kind(kinds[0].name, all(each.bounded for each in kinds))
        for kinds in zip(*(each.kinds for each in traces), strict=True)
    )


def _cuts(kinds: Sequence[Kind]) -> list[int]:
    order: dict[str, int] = {}
    return [order.setdefault(each.name, len(order)) for each in kinds]


def _slice(node: ir.Node, before: Trace, known: Traces) -> Trace:
    starts, ends, axes, steps = (_constant(node, index) for index in (1, 2, 3, 4))
    shapes = _shapes(node)
    if starts is None or ends is None or shapes is None:
        return NOTHING
    rank = len(shapes[0])
    axes = range(len(starts)) if axes is None else [int(each) % rank for each in axes]
    steps = [1] * len(starts) if steps is None else steps
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        size = shapes[0][axis]
        end = int(last) if step > 0 or last >= -size else None  # backwards, and past the beginning
        kept = range(size)[slice(int(first), end, int(step))]
        before = chosen(before, axis, kept, size)
    return before


def _gather(node: ir.Node, before: Trace, known: Traces) -> Trace:
    indices, shapes = _constant(node, 1), _shapes(node)
    if shapes is None:
        return NOTHING
    axis = int(node.attributes.get_int("axis", 0)) % len(shapes[0])
    rank = len(shapes[1]) - len(shapes[0])
    if rank == 0:
        size = shapes[0][axis]
        kept = None if indices is None else [int(each) % size for each in np.ravel(indices)]
        return chosen(before, axis, kept, size)
    if axis in (before.axis, before.classes):
        return Trace(bounded=before.bounded, numbered=before.numbered)
    return moved(before, lambda each: each + rank * (each > axis), frozenset())


def _split(node: ir.Node, before: Trace) -> dict[str, Trace]:
    shape = shape_of(node.inputs[0])
    sizes = [shape_of(value) for value in node.outputs]
    if shape is None:
        return {}
    axis = int(node.attributes.get_int("axis", 0)) % len(shape)
    edges = np.cumsum([0, *(size[axis] for size in sizes if size is not None)]).tolist()
    return {
        str(value.name): chosen(before, axis, range(first, last), shape[axis])
        for value, first, last in zip(node.outputs, edges[:-1], edges[1:], strict=True)
    }


_LAYERS: dict[str, Rule] = {
    "Conv": _layer(1),
    "ConvTranspose": _layer(1),
    "Gemm": _layer(-1),
    "MatMul": _matmul,
}
_REARRANGES = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
_POINTWISE = ("Clip", "Elu", "Exp", "FastGelu", "Gelu", "HardSwish", "LeakyRelu", "Neg", "Selu", "Softplus", "Sqrt",
              "Tanh")  # fmt: skip
_FEATURES = ("GlobalAveragePool", "GlobalMaxPool", "PRelu", "Relu")
_SPATIAL = ("AveragePool", "BatchNormalization", "DepthToSpace", "MaxPool", "Pad", "Resize")

RULES: dict[str, Rule] = {
    **_LAYERS,
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    **dict.fromkeys(("ArgMax", "ArgMin"), _argmax),
    **dict.fromkeys(("Cast", "Identity"), _same),
    **dict.fromkeys(_REARRANGES, _reshape),
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(_FEATURES, _features),
    **dict.fromkeys(_SPATIAL, _spatial),
    **dict.fromkeys(("Add", "Div", "Mul", "Pow", "Sub"), _binary),
    "Concat": _concat,
    "Gather": _gather,
    "Log": _log,
    **dict.fromkeys(("HardSigmoid", "Sigmoid"), _sigmoid),
    "Slice": _slice,
    "Split": _same,  # each output by itself: `_split`
    "Transpose": _transpose,
}
"""Operator -> what it makes of what is known of its input. Behind any other, nothing is known."""
