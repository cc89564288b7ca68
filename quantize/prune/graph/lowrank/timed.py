"""Only pairs of layers that were measured to be faster than the one layer that they replace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from edgemm.quantize.prune.graph.lowrank.budget import Choice, Ranks, chosen
from edgemm.quantize.prune.graph.lowrank.split import INPUT, Factors, alone, split
from edgemm.quantize.reference import Sample

FASTER = 0.95
"""Of the layer's time, at most: clocks are not steadier."""
LayerLatency = Callable[[Sequence[ir.Model], Sample], Sequence[float]]
"""Milliseconds of one inference of each graph on a sample, measured in turns."""
Make = Callable[[str, int], Factors]
"""Layer and rank -> its factors."""


@dataclass(slots=True, eq=False)
class Clock:
    """Measures layers against pairs in their place, each once."""

    latency: LayerLatency
    make: Make
    inputs: Mapping[str, np.ndarray]
    """Layer -> what it reads."""
    found: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    """Layer and rank -> milliseconds of the layer, and of the pair."""

    def is_faster(self, name: str, rank: int) -> bool:
        """Whether the pair is."""
        if (name, rank) not in self.found:
            factors = self.make(name, rank)
            one = alone(factors.layer)
            whole, pair = self.latency([one, split(one, {name: factors})], {INPUT: self.inputs[name]})
            self.found[name, rank] = float(whole), float(pair)
        whole, pair = self.found[name, rank]
        return pair <= FASTER * whole

    def said(self, name: str, rank: int) -> str:
        """Of a measurement, for the reader."""
        whole, pair = self.found[name, rank]
        return f"two layers of rank {rank} take {pair:.3g} ms, the layer {whole:.3g} ms"


def faster_ranks(
    choices: Sequence[Choice], fits: Callable[[Ranks], bool], clock: Clock, left: dict[str, str],
    tell: Callable[[int, int], None],
) -> tuple[dict[str, int], bool]:  # fmt: skip
    """Ranks with which every pair is faster than its layer, and whether the target is met.

    Args:
        left: layers that are not split, and why: those that are not faster are added.
    """
    now = []
    for done, each in enumerate(choices, 1):
        if clock.is_faster(each.layer.name, each.ranks[0]):
            now.append(each)
        else:
            left[each.layer.name] = f"it would not be faster: {clock.said(each.layer.name, each.ranks[0])}"
        tell(done, len(choices))
    while True:
        ranks, met = chosen(now, fits)
        slow = {name: rank for name, rank in ranks.items() if not clock.is_faster(name, rank)}
        if not slow:
            break
        now = [each.below(slow[each.layer.name]) if each.layer.name in slow else each for each in now]
    for each in now:
        if each.layer.name not in ranks:
            left[each.layer.name] = "the target is met without it"
    return ranks, met
