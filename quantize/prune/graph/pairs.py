"""Two layers, one behind the other, fitted together where channels between them are removed.

Least squares on the second layer alone leaves the channels between as they were. Here their filters change too, so
that a few of them do the work of many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.fusion import bounds
from edgemm.quantize.prune.graph.aims import Aim
from edgemm.quantize.prune.graph.features import Array, Consumer, bias_place
from edgemm.quantize.prune.graph.trace import is_constant

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A layer, and the one in front of it, whose output nothing else reads."""

    front: Consumer
    back: Consumer
    limits: tuple[float, float]
    """Of the Relu or Clip between them."""


@dataclass(slots=True)
class PairRows:
    """What the front layer reads, and where the back layer reads the front layer's output."""

    front: list[Array] = field(default_factory=list)
    """[places, features] of each sample."""
    taps: list[Places] = field(default_factory=list)
    """[rows, taps] of each sample: the number of a place above, -1 in the padding."""
    results: list[Array] = field(default_factory=list)
    others: list[Array] = field(default_factory=list)

    def add(self, front: Array, taps: Places, results: Array, other: Array | None) -> None:
        """Of one sample."""
        before = sum(len(each) for each in self.front)
        self.front.append(front)
        self.taps.append(np.where(taps < 0, -1, taps + before))
        self.results.append(results)
        if other is not None:
            self.others.append(other)


def pair_of(aim: Aim, consumers: Mapping[ir.Node, Consumer]) -> Pair | None:
    """The layer of an aim with the one in front of it; None where they cannot be fitted together."""
    back = aim.consumer
    if not back.whole or back.layer.node.op_type not in ("Conv", "Gemm", "MatMul"):
        return None
    limits, value = (-np.inf, np.inf), back.source
    found = _alone(value)
    if found is not None and (between := bounds(found)) is not None and found.inputs[0] is not None:
        limits, value = between, found.inputs[0]
        found = _alone(value)
    front = None if found is None else consumers.get(found)
    if front is None or not front.whole or bias_place(front.layer) is None or not _same_kind(front, back):
        return None
    own = front.layer.node.op_type != "MatMul" and is_constant(front.layer.node.inputs[1])
    return Pair(front, back, limits) if own else None


def _alone(value: ir.Value) -> ir.Node | None:
    """What computes a value that only one node reads."""
    return None if value.is_graph_output() or len(value.uses()) != 1 else value.producer()


def _same_kind(front: Consumer, back: Consumer) -> bool:
    """Both convolutions, or both fully connected: then a place of one is a place of the other."""
    return (front.layer.node.op_type == "Conv") == (back.layer.node.op_type == "Conv")


def places_between(pair: Pair, places: Places) -> tuple[Places, Places]:
    """The places of the front layer's output that the back layer reads, and [rows, taps] which of them."""
    sources = pair.back.sources(places)
    used = np.unique(sources[sources >= 0])
    return used, np.where(sources < 0, -1, np.searchsorted(used, sources))


def joined(rows: Sequence[Array]) -> Array:
    """Of all samples."""
    return np.concatenate(rows)
