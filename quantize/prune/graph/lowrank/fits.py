"""Whether a network with low ranks meets a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import onnx_ir as ir

from edgemm.quantize.prune.graph.cost import total_macs, total_parameters
from edgemm.quantize.prune.graph.lowrank.budget import Ranks
from edgemm.quantize.prune.graph.work import Latency, Settings
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import serialize


@dataclass(slots=True, eq=False)
class Fits:
    """Called with the ranks of layers."""

    model: ir.Model
    target: Target
    settings: Settings
    split: Callable[[Ranks], ir.Model]
    latency: Latency
    _known: dict[tuple[tuple[str, int], ...], bool] = field(default_factory=dict)

    def __call__(self, ranks: Ranks) -> bool:
        """Each once."""
        key = tuple(sorted(ranks.items()))
        if key not in self._known:
            self._known[key] = self._met(self.split(ranks))
        return self._known[key]

    def _met(self, made: ir.Model) -> bool:
        if self.target.measure == "ms":
            return self.latency([made])[0] <= self.target.value
        return measured(made, self.target, self.settings) <= self.target.value * whole(
            self.model, self.target, self.settings
        )


def whole(model: ir.Model, target: Target, settings: Settings) -> float:
    """What a target is a fraction of."""
    return settings.whole or measured(model, target, Settings())


def measured(model: ir.Model, target: Target, settings: Settings) -> float:
    """MACs, parameters, or bytes with what stands beside the graph."""
    counts: dict[str, Callable[[ir.Model], float]] = {
        "macs": total_macs,
        "parameters": total_parameters,
        "size": lambda each: len(serialize(each)) + settings.beside_bytes,
    }
    return float(counts[target.measure](model))
