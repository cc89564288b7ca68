"""Looks at the whole network once: what each layer reads, what it computes, and what the outputs are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.prune.graph.aims import Aim
from edgemm.quantize.prune.graph.features import Array
from edgemm.quantize.prune.graph.finite import check_values
from edgemm.quantize.prune.graph.moments import Moments
from edgemm.quantize.prune.graph.watch import Values, Watch, ends
from edgemm.quantize.reference import Sample

ROWS = 8192
"""Places of each layer that are looked at, over all samples."""
FEWEST = 4
"""Places of one sample at least."""
Tick = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(slots=True)
class Observed:
    """Of the network before anything is removed."""

    samples: Sequence[Sample]
    ends: tuple[str, ...]
    moments: dict[str, Moments] = field(default_factory=dict)
    """Layer -> moments of what it reads."""
    places: dict[str, list[npt.NDArray[np.int64]]] = field(default_factory=dict)
    """Layer -> of each sample, where it was looked at."""
    results: dict[str, list[Array]] = field(default_factory=dict)
    """Layer -> of each sample, what it is to be fitted to there."""
    outputs: list[Values] = field(default_factory=list)
    """Of each sample."""


def observe(
    model: ir.Model, aims: Sequence[Aim], samples: Sequence[Sample], seed: int, tick: Tick | None = None
) -> Observed:
    """Runs every sample once.

    Raises:
        InputError: what is computed is NaN, infinite, or beyond 1e15; the first such tensor is named.
    """
    found = Observed(samples, ends(model))
    rng = np.random.default_rng(seed)
    count = max(FEWEST, ROWS // max(len(samples), 1))
    names = [str(value.name) for each in aims for value in (each.consumer.source, each.value)]
    watch = Watch(model, [*names, *found.ends])
    for done, sample in enumerate(samples, 1):
        values = watch.run(sample)
        for name in dict.fromkeys((*names, *found.ends)):
            check_values(name, values[name], done - 1)
        for each in aims:
            _look(found, each, values, count, rng)
        found.outputs.append({name: values[name] for name in found.ends})
        if tick is not None:
            tick(done, len(samples))
    return found


def _look(found: Observed, aim: Aim, values: Values, count: int, rng: np.random.Generator) -> None:
    each = aim.consumer
    name = each.layer.name
    places = each.places(count, rng)
    rows = each.rows(values[str(each.source.name)], places)
    if name not in found.moments:
        found.moments[name] = Moments.of(rows.shape[1])
        found.places[name], found.results[name] = [], []
    found.moments[name].add(rows)
    found.places[name].append(places)
    found.results[name].append(each.results(values[str(aim.value.name)], places).copy())
