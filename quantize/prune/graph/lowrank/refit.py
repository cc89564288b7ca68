"""Layers from the second of a pair of low rank on are fitted anew, as behind removed channels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.quantize.prune.graph.aims import Aim, aims
from edgemm.quantize.prune.graph.compensate import compensate
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.features import consumer
from edgemm.quantize.prune.graph.observe import FEWEST, ROWS, Observed
from edgemm.quantize.prune.graph.operators import OPERATORS
from edgemm.quantize.prune.graph.trace import trace
from edgemm.quantize.prune.graph.watch import Watch
from edgemm.quantize.reference import Sample


def refitted(
    model: ir.Model, made: ir.Model, split: Collection[str], samples: Sequence[Sample], seed: int,
    tell: Callable[[int, int], None],
) -> ir.Model:  # fmt: skip
    """The network with low ranks, its layers fitted to what they compute in the whole network.

    Args:
        model: the whole network.
        made: the same with these layers split, each second layer by the name of the one that it stands for.
    """
    found = trace(made, OPERATORS)
    names = {str(node.name) for node in model.graph}
    wanted = [
        each
        for each in aims([consumer(layer) for layer in found.layers])
        if each.consumer.layer.name in names
    ]
    seen = _seen(model, wanted, samples, seed)
    weights = compensate(made, found, (), wanted, seen, tell, begin=split)
    return cut(made, found, (), weights)


def _seen(model: ir.Model, wanted: Sequence[Aim], samples: Sequence[Sample], seed: int) -> Observed:
    """What the whole network computes where these aims look."""
    found = Observed(samples, ())
    rng = np.random.default_rng(seed)
    count = max(FEWEST, ROWS // len(samples))
    watch = Watch(model, [str(each.value.name) for each in wanted])
    for sample in samples:
        values = watch.run(sample)
        for each in wanted:
            places = each.consumer.places(count, rng)
            rows = each.consumer.results(values[str(each.value.name)], places).copy()
            found.places.setdefault(each.consumer.layer.name, []).append(places)
            found.results.setdefault(each.consumer.layer.name, []).append(rows)
    return found
