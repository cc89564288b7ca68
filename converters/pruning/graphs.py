"""A graph is pruned with its data: low ranks first, where they are asked for, then channels, for one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from edgemm.converters.pipeline.work import Work
from edgemm.converters.pruning.disk import Budget
from edgemm.converters.pruning.turns import in_turns, written_float
from edgemm.converters.written import Format
from edgemm.errors import InputError
from edgemm.quantize.prune import graph
from edgemm.quantize.prune.graph.lowrank import Factored, factor_graph
from edgemm.quantize.prune.graph.lowrank.fits import whole
from edgemm.quantize.prune.removal import PruneReport
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import Sample


@dataclass(frozen=True, slots=True)
class Ways:
    """How a graph is pruned."""

    seed: int = 0
    runtime: Format = "onnx"
    low_rank: float | None = None
    """The energy that two layers in the place of one keep; None: no layer is replaced."""


def pruned_graph(
    work: Work, target: Target, keep: Sequence[str], ways: Ways, budget: Budget | None
) -> graph.Pruned:
    """Channels, heads and ranks are removed until the target is met.

    Raises:
        InputError: as `prune_graph` and `factor_graph`.
        LatencyMissed: as `prune_graph`.
    """
    model, data = work.prepared.model, work.calibration_data
    samples = data.inputs if data is not None else ()
    settings = graph.Settings(seed=ways.seed)
    if budget is not None:
        settings = replace(settings, whole=float(budget.whole), beside_bytes=budget.beside)

    def latency(models: Sequence[ir.Model], sample: Sample | None = None) -> list[float]:
        files = [written_float(each, ways.runtime) for each in models]
        return [each.median_ms for each in in_turns(files, samples[0] if sample is None else sample)]

    if ways.low_rank is None:
        return graph.prune_graph(
            model, samples, target, keep=keep, settings=settings, latency=latency, tell=work.tell
        )
    factored = factor_graph(
        model, samples, target, ways.low_rank, keep=keep, settings=settings, latency=latency, tell=work.tell
    )
    if factored.met:
        return graph.Pruned(factored.model, factored.report)
    if target.measure != "ms":
        settings = replace(settings, whole=whole(model, target, settings))
    try:
        rest = graph.prune_graph(
            factored.model, samples, target, keep=[*keep, *factored.added], settings=settings, latency=latency,
            tell=work.tell,
        )  # fmt: skip
    except InputError as error:
        raise InputError(f"with low ranks in {len(factored.added)} layers, {error}") from error
    return graph.Pruned(rest.model, _both(factored, rest.report))


def _both(first: Factored, then: PruneReport) -> PruneReport:
    """What was removed in two steps."""
    return PruneReport(
        (*first.report.removed, *then.removed), first.report.before, then.after,
        (*first.report.notes, *_of_the_source(first, then.notes)),
    )  # fmt: skip


def _of_the_source(first: Factored, notes: Sequence[str]) -> list[str]:
    """Without what is said of layers that the source does not have."""
    return [each for each in notes if not any(name in each for name in first.added)]
