"""Runs the whole network once and gathers what each layer computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.quantize.prune.graph.compensate import JUDGED
from edgemm.quantize.prune.graph.finite import check_values
from edgemm.quantize.prune.graph.lowrank.layers import Splittable
from edgemm.quantize.prune.graph.lowrank.spectrum import Space, Spectrum
from edgemm.quantize.prune.graph.moments import Moments
from edgemm.quantize.prune.graph.observe import FEWEST
from edgemm.quantize.prune.graph.watch import Values, Watch, ends
from edgemm.quantize.reference import Sample

ROWS = 16384
"""Rows of a layer's output that are looked at, over all samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """Of the network as it is."""

    spectra: dict[str, Spectrum]
    """Layer -> what is lost by rank."""
    means: dict[str, npt.NDArray[np.float64]]
    """Layer -> [samples, outputs], its mean output of each sample."""
    inputs: dict[str, npt.NDArray[np.float32]]
    """Layer -> what it reads of the first sample."""
    outputs: list[Values]
    """Of each sample."""


def look(
    model: ir.Model, layers: Sequence[Splittable], samples: Sequence[Sample], seed: int,
    tell: Callable[[int, int], None],
) -> Looked:  # fmt: skip
    """Raises:
    InputError: a layer computes NaN, infinite numbers, or some beyond 1e15.
    """
    spaces = {each.name: Space.of(each.matrix) for each in layers}
    sums = {each.name: tuple(Moments.of(len(spaces[each.name].gram)) for _ in range(2)) for each in layers}
    means = {each.name: np.zeros((len(samples), each.matrix.shape[0])) for each in layers}
    rng = np.random.default_rng(seed)
    most = max(FEWEST, ROWS // len(samples))
    sources = {each.name: str(each.node.inputs[0].name) for each in layers}  # type: ignore[union-attr]
    results = {each.name: str(each.output.name) for each in layers}
    watch = Watch(model, [*sources.values(), *results.values(), *ends(model)])
    inputs, outputs = dict[str, npt.NDArray[np.float32]](), list[Values]()
    for number, sample in enumerate(samples):
        values = watch.run(sample)
        judged = number % JUDGED == JUDGED // 2 and len(samples) >= 2 * JUDGED
        for each in layers:
            check_values(results[each.name], values[results[each.name]], number)
            rows = each.rows(values[results[each.name]])
            rows = rows[np.sort(rng.permutation(len(rows))[:most])] if len(rows) > most else rows
            sums[each.name][int(judged)].add(spaces[each.name].rows(rows))  # type: ignore[arg-type]
            means[each.name][number] = rows.mean(axis=0, dtype=np.float64)
            if not number:
                inputs[each.name] = np.array(values[sources[each.name]])
        outputs.append({name: values[name] for name in ends(model)})
        tell(number + 1, len(samples))
    spectra = {
        each.name: Spectrum(spaces[each.name], *sums[each.name], centered=each.bias is not None)
        for each in layers
    }
    return Looked(spectra, means, inputs, outputs)
