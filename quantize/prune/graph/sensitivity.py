"""What a graph loses when one group of its channels is pruned alone, the layers behind it fitted anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from edgemm.quantize.prune.graph.allocate import stops
from edgemm.quantize.prune.graph.compensate import compensate
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.groups import Group
from edgemm.quantize.prune.graph.observe import Observed
from edgemm.quantize.prune.graph.prune import begun, seen_by
from edgemm.quantize.prune.graph.rank import Ranking
from edgemm.quantize.prune.graph.weigh import REACH, ranked
from edgemm.quantize.prune.graph.work import Settings, Work
from edgemm.quantize.prune.points import FRACTIONS, Point, check_fractions, nearest_counts
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import Sample

NO_AIM = Target("macs", 0.5)
"""Nothing is aimed at: this is not looked at."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a pruned graph keeps."""

    score: float
    """Larger is better."""
    accuracy: float | None = None
    agreement: float | None = None


def graph_sensitivity(
    model: ir.Model,
    samples: Sequence[Sample],
    judge: Callable[[ir.Model], Judged],
    *,
    keep: Sequence[str] = (),
    fractions: Sequence[float] = FRACTIONS,
    settings: Settings | None = None,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> tuple[Point, ...]:
    """Prunes each group of a canonical graph alone, by some fractions, and has what is left judged.

    The graph given is left as it is.

    Args:
        samples: calibration data: input name -> array.
        judge: called with each pruned graph.
        keep: layers (names of nodes) that are left out.
        fractions: of a group's channels that are removed, each in (0, 1). The nearest count that is allowed is taken.
        tell: called with (stage, done, total) as the work goes on.

    Raises:
        InputError: no samples, no such layer, nothing that can be removed, or a fraction is out of range.
    """
    check_fractions(fractions)
    work = begun(model, samples, NO_AIM, keep, settings or Settings(), None, tell)
    seen = seen_by(work, samples)
    points: list[Point] = []
    rankings = ranked(work, seen)
    for done, ranking in enumerate(rankings, 1):
        counts = _counts(ranking, work.settings, fractions)
        points += [_point(work, seen, ranking, left, judge) for left in counts]
        tell("pruning each group alone", done, len(rankings))
    return tuple(points)


def _counts(ranking: Ranking, settings: Settings, fractions: Sequence[float]) -> list[int]:
    whole = len(ranking.group.columns)
    allowed = [whole - gone for gone in stops(ranking, settings.multiple)[1:]]
    return nearest_counts(whole, allowed, fractions)


def _point(
    work: Work, seen: Observed, ranking: Ranking, left: int, judge: Callable[[ir.Model], Judged]
) -> Point:
    whole = len(ranking.group.columns)
    gone = ranking.order[: whole - left]
    weights = compensate(work.model, work.found, gone, work.aims, seen, reach=REACH)
    found = judge(cut(work.model, work.found, gone, weights))
    macs = work.costs.macs(work.costs.without(work.costs.whole, gone)) / work.costs.macs(work.costs.whole)
    kind = _kind(work, ranking.group)
    return Point(ranking.group.layers, kind, whole, left, found.score, macs, found.accuracy, found.agreement)


def _kind(work: Work, group: Group) -> str:
    made_by = {layer.name: layer.node.op_type for layer in work.found.layers}
    return "heads" if group.width > 1 and made_by[group.name] in ("MatMul", "Gemm") else "channels"
