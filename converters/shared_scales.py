"""Tensors whose parts are of unlike size and share one scale: the boxes and scores of a detector's head.

Looked for where parts meet: in Concats, and behind the last layers, those after which nothing is weighted any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.passes.rewrite import shape_of
from edgemm.converters.samples import Samples
from edgemm.quantize import Calibration
from edgemm.quantize.cost import RECURRENT, WEIGHTED
from edgemm.quantize.fusion import stored_output
from edgemm.quantize.legality import rule_of
from edgemm.quantize.plan import Plan
from edgemm.quantize.reference import Reference

UNLIKE = 16.0
"""Parts of one tensor whose ranges differ by more: the smaller keeps less than 16 of 256 steps."""

Reach = npt.NDArray[np.float64]
"""float64[channels]: the largest absolute value of each."""


@dataclass(frozen=True, slots=True)
class SharedScale:
    """A tensor whose parts have unlike ranges and one scale."""

    node: str
    """What writes it."""
    value: str
    ratio: float
    """Range of the tensor by that of its smallest part."""
    part: str
    """The smallest part: the name of a Concat's input or of a Split's output, or "channel 4"."""


def shared_scales(
    model: ir.Model, plan: Plan, samples: Samples, calibration: Calibration | None
) -> list[SharedScale]:
    """What one scale serves although its parts ask for several, in the graph's order."""
    reaches = channel_reaches(model, ends_of(model, plan), samples)
    found = []
    for node in model.graph:
        value = stored_output(node)
        parts: Sequence[tuple[str, float]] = ()
        if str(node.name) in reaches:
            parts = _parts(value, reaches[str(node.name)], channel_axis(node))
        elif node.op_type == "Concat" and calibration is not None and plan.is_int8(str(node.name)):
            parts = [(str(each.name), _reach(calibration, each)) for each in node.inputs if each is not None]
        ratio, name = _smallest(parts)
        if ratio > UNLIKE:
            found.append(SharedScale(str(node.name), str(value.name), ratio, name))
    return found


def ends_of(model: ir.Model, plan: Plan) -> list[ir.Node]:
    """The last integer layers, and the integer nodes that write outputs of the graph from something else."""
    last = [node for node in last_layers(model) if plan.is_int8(str(node.name))]
    behind = {id(each) for node in last for each in following(node)} | {id(node) for node in last}
    others = [
        node
        for node in model.graph
        if id(node) not in behind
        and stored_output(node).is_graph_output()
        and plan.is_int8(str(node.name))
        and node.op_type != "Concat"
    ]
    return [*last, *others]


def last_layers(model: ir.Model) -> list[ir.Node]:
    """Convolutions and fully connected layers behind which there is no other, nor a recurrent one."""
    weighted = WEIGHTED | set(RECURRENT)
    return [
        node
        for node in model.graph
        if node.op_type in WEIGHTED and not any(each.op_type in weighted for each in following(node))
    ]


def following(node: ir.Node) -> list[ir.Node]:
    """All nodes that what it computes reaches."""
    found: dict[int, ir.Node] = {}
    waiting = [node]
    while waiting:
        for value in waiting.pop().outputs:
            fresh = [each for each in value.consumers() if id(each) not in found]
            found |= {id(each): each for each in fresh}
            waiting += fresh
    return list(found.values())


def channel_axis(node: ir.Node) -> int:
    """Of what a node writes, the batch counted."""
    return -1 if node.op_type == "MatMul" or rule_of(node).weight is None else 1


def channel_reaches(
    model: ir.Model, nodes: Sequence[ir.Node], samples: Samples, check: Callable[[], None] = lambda: None
) -> Mapping[str, Reach]:
    """Node name -> the reach of each channel of what it writes; none for what has no channels.

    Args:
        check: called for each sample; ends the search by raising.
    """
    kept = [node for node in nodes if len(stored_output(node).shape or ()) > 1]
    if not kept:
        return {}
    values = {str(stored_output(node).name): node for node in kept}
    copy = model.clone()
    copy.graph.outputs.clear()
    copy.graph.outputs.extend(v for node in copy.graph for v in node.outputs if str(v.name) in values)
    reference = Reference(copy, optimize=False)
    found: dict[str, Reach] = {}
    for sample in samples.inputs:
        check()
        for name, array in reference.run(sample).items():
            node = values[name]
            rows = np.moveaxis(array, channel_axis(node), 0).reshape(array.shape[channel_axis(node)], -1)
            reach = np.abs(rows).max(axis=1).astype(np.float64)
            found[str(node.name)] = np.maximum(found.get(str(node.name), reach), reach)
    return found


def _parts(value: ir.Value, reach: Reach, axis: int) -> list[tuple[str, float]]:
    """What a Split makes of the channels, where it alone reads them and its parts are unlike; else each channel."""
    channels = [(f"channel {index}", float(size)) for index, size in enumerate(reach)]
    readers = value.consumers()
    if value.is_graph_output() or len(readers) != 1 or readers[0].op_type != "Split":
        return channels
    split, rank = readers[0], len(value.shape or ())
    if split.attributes.get_int("axis", 0) % rank != axis % rank:
        return channels
    edges = np.cumsum([0, *(shape_of(each)[axis] for each in split.outputs)])
    parts = [
        (str(each.name), float(reach[first:last].max()))
        for each, first, last in zip(split.outputs, edges[:-1], edges[1:], strict=True)
    ]
    return parts if _smallest(parts)[0] > UNLIKE else channels


def _smallest(parts: Sequence[tuple[str, float]]) -> tuple[float, str]:
    """How much larger the largest part is, and the smallest one; parts that are always 0 do not count."""
    known = [(name, reach) for name, reach in parts if reach > 0]
    if len(known) < 2:
        return 1.0, ""
    name, least = min(known, key=lambda each: each[1])
    return max(reach for _, reach in known) / least, name


def _reach(calibration: Calibration, value: ir.Value) -> float:
    ends = calibration.ranges.get(str(value.name))
    return 0.0 if ends is None else max(abs(ends.low), abs(ends.high))
