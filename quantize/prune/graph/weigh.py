"""Which channels of a group are needed least, and what the outputs lose with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgemm.quantize.prune.graph.allocate import least_of
from edgemm.quantize.prune.graph.compensate import Weights, compensate
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.features import bias_place
from edgemm.quantize.prune.graph.groups import Group
from edgemm.quantize.prune.graph.observe import Observed
from edgemm.quantize.prune.graph.rank import Ranking, Reader, rank, rank_by_norm
from edgemm.quantize.prune.graph.watch import Watch, output_error
from edgemm.quantize.prune.graph.work import Work

TRIED = 192
"""Samples on which one group's weight on the outputs is fitted, and as many on which it is measured."""
DEPTHS = (0.2, 0.5, 0.8)
"""Of the channels that a group can lose: where that is measured."""
REACH = 4
"""Layers behind a group that are fitted for that."""


def ranked(work: Work, seen: Observed) -> list[Ranking]:
    """The channels of each group, the least needed first."""
    norms = _norms(work) if work.settings.rank == "norm" else {}
    found = []
    for done, group in enumerate(work.groups, 1):
        least = least_of(group, work.settings.multiple)
        if work.settings.rank == "norm":
            found.append(rank_by_norm(group, norms, least))
        else:
            found.append(rank(group, _readers(work, group, seen), least))
        work.tell("ranking", done, len(work.groups))
    return found


def _readers(work: Work, group: Group, seen: Observed) -> list[Reader]:
    made = []
    mine = set(group.columns.tolist())
    for each in work.consumers:
        if each.layer.into is None:
            continue
        roots = work.found.channels.roots(each.layer.into)
        if mine.isdisjoint(roots.tolist()):
            continue
        centered = each.whole and bias_place(each.layer) is not None
        weight = each.layer.node.inputs[1]
        covariance = seen.moments[each.layer.name].covariance(centered=centered)
        matrix = each.matrix(weight.const_value.numpy())  # type: ignore[union-attr]
        made.append(Reader.of(each, matrix, covariance, roots))
    return made


def _norms(work: Work) -> Mapping[int, float]:
    """Channel -> mean absolute weight of what makes it, added up over the layers."""
    found: dict[int, float] = {}
    for layer in work.found.layers:
        weight = layer.node.inputs[1]
        if layer.out is None or weight is None or weight.const_value is None:
            continue
        array = np.abs(weight.const_value.numpy())
        axis = 1 if layer.node.op_type in ("MatMul", "ConvTranspose") else 0
        sums = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1).mean(axis=1)
        for root, norm in zip(work.found.channels.roots(layer.out).tolist(), sums.tolist(), strict=True):
            found[root] = found.get(root, 0.0) + norm
    return found


def weighed(work: Work, seen: Observed, rankings: Sequence[Ranking]) -> list[Ranking]:
    """The same with errors that the outputs feel: measured at a few depths, interpolated between them."""
    if work.settings.rank == "norm" or work.settings.spread == "even":
        return list(rankings)
    fitted, judged = divided(len(seen.samples))
    made = []
    for done, ranking in enumerate(rankings, 1):
        depths = sorted({max(1, round(share * len(ranking.order))) for share in DEPTHS})
        ratios = [_felt(work, seen, ranking, depth, fitted, judged) for depth in depths]
        scale = np.exp(np.interp(np.arange(len(ranking.errors)), depths, np.log(ratios)))
        errors = np.maximum.accumulate(ranking.errors * scale)
        made.append(replace(ranking, errors=errors))
        work.tell("measuring groups", done, len(rankings))
    return made


def _felt(
    work: Work, seen: Observed, ranking: Ranking, depth: int, fitted: Sequence[int], judged: Sequence[int]
) -> float:
    """Error of the outputs with so many channels of one group gone, over that of the layers right behind it."""
    gone, weights = ranking.order[:depth], Weights()
    if work.settings.compensate:
        weights = compensate(work.model, work.found, gone, work.aims, seen, numbers=fitted, reach=REACH)
    watch = Watch(cut(work.model, work.found, gone, weights), seen.ends)
    answers = [watch.run(seen.samples[number]) for number in judged]
    error = output_error([seen.outputs[number] for number in judged], answers)
    return max(error, 1e-12) / max(float(ranking.errors[depth]), 1e-12)


def divided(count: int) -> tuple[list[int], list[int]]:
    """Numbers of the samples that a trial is fitted on, and of those that it is judged on."""
    judged = range(2, count, 4) if count >= 8 else range(count)
    fitted = [number for number in range(count) if number not in judged] or list(judged)
    return _some(fitted), _some(list(judged))


def _some(numbers: list[int]) -> list[int]:
    chosen = np.unique(np.linspace(0, len(numbers) - 1, min(TRIED, len(numbers))).astype(int))
    return [numbers[index] for index in chosen]
