"""`prune_graph`: the whole way, from a canonical graph and calibration data to a smaller graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import onnx_ir as ir

from edgemm.errors import InputError
from edgemm.quantize.prune.graph.aims import Aim, aims
from edgemm.quantize.prune.graph.allocate import State, give_back, least_of, path
from edgemm.quantize.prune.graph.compensate import Weights, compensate
from edgemm.quantize.prune.graph.cost import Costs, Counts, total_macs, total_parameters
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.features import Consumer, bias_place, consumer
from edgemm.quantize.prune.graph.groups import Group, groups_of
from edgemm.quantize.prune.graph.observe import Observed, observe
from edgemm.quantize.prune.graph.operators import OPERATORS
from edgemm.quantize.prune.graph.rank import Ranking, Reader, rank, rank_by_norm
from edgemm.quantize.prune.graph.trace import Trace, shape_of, trace
from edgemm.quantize.prune.graph.watch import Watch, output_error
from edgemm.quantize.prune.removal import PruneReport, Removal
from edgemm.quantize.prune.target import Target
from edgemm.quantize.reference import Sample, serialize

TRIED = 192
"""Samples on which one group's weight on the outputs is fitted, and as many on which it is measured."""
DEPTHS = (0.2, 0.5, 0.8)
"""Of the channels that a group can lose: where that is measured."""
REACH = 4
"""Layers behind a group that are fitted for that."""
WITHIN = 1.1
"""A latency target is met up to this factor: clocks are not steadier."""

Latency = Callable[[Sequence[ir.Model]], Sequence[float]]
"""Milliseconds of one inference of each graph, measured in turns."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How channels are chosen; the other values are there to be compared with."""

    multiple: int = 8
    """So many channels, or a multiple, are left of a layer; fewer in layers of less than four times that."""
    seed: int = 0
    """Chooses the places of large tensors that are looked at."""
    rank: Literal["error", "norm"] = "error"
    """By the error that is left once the layers behind are compensated, or by the sum of the weights."""
    compensate: bool = True
    """Fit the layers behind anew."""
    spread: Literal["sensitivity", "even"] = "sensitivity"
    """Remove where it costs the outputs least, or the same fraction everywhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Pruned:
    """A smaller graph, and what was removed."""

    model: ir.Model
    report: PruneReport


@dataclass(slots=True)
class _Work:
    model: ir.Model
    found: Trace
    groups: tuple[Group, ...]
    costs: Costs
    consumers: list[Consumer]
    aims: list[Aim]
    settings: Settings
    target: Target
    latency: Latency | None
    tell: Callable[[str, int, int], None]


def prune_graph(
    model: ir.Model,
    samples: Sequence[Sample],
    target: Target,
    *,
    keep: Sequence[str] = (),
    settings: Settings | None = None,
    latency: Latency | None = None,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Pruned:
    """Removes channels and attention heads of a canonical float graph until the target is met.

    The graph given is left as it is. Inputs and outputs keep their sizes.

    Args:
        samples: calibration data: input name -> array.
        keep: layers (names of nodes) that keep all channels.
        latency: measures graphs; needed for a target in milliseconds.
        tell: called with (stage, done, total) as the work goes on.

    Raises:
        InputError: no samples, no such layer, nothing that can be removed, or a target that cannot be reached; the
            message names the nearest that can.
    """
    if not len(samples):
        raise InputError("pruning needs calibration data, found none. Give at least 64 samples")
    found = trace(model, OPERATORS)
    groups = groups_of(found, keep)
    if not groups:
        raise InputError("nothing can be removed: " + _why(found, keep))
    consumers = [consumer(each) for each in found.layers]
    work = _Work(
        model, found, groups, Costs(model, found), consumers, aims(consumers), settings or Settings(), target,
        latency, tell,
    )  # fmt: skip
    seen = observe(
        model, work.aims, samples, work.settings.seed, lambda done, total: tell("observing", done, total)
    )
    rankings = _weighed(work, seen, _ranked(work, seen))
    state = _chosen(work, rankings)
    gone = state.gone(rankings)
    weights = Weights()
    if work.settings.compensate:
        weights = compensate(
            model, found, gone, work.aims, seen, lambda done, total: tell("compensating", done, total)
        )
    made = cut(model, found, gone, weights)
    return Pruned(made, _report(work, gone, made))


def _why(found: Trace, keep: Sequence[str]) -> str:
    if not found.layers:
        return "the graph has no convolution and no fully connected layer"
    if keep:
        return "every layer that could lose channels is kept by name (--keep)"
    stops = ", ".join(f"{node} ({kind})" for node, kind in list(found.stopped.items())[:5])
    return "every channel reaches an output or an operator that needs all of them" + (
        f": {stops}" if stops else ""
    )


def _ranked(work: _Work, seen: Observed) -> list[Ranking]:
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


def _readers(work: _Work, group: Group, seen: Observed) -> list[Reader]:
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


def _norms(work: _Work) -> Mapping[int, float]:
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


def _weighed(work: _Work, seen: Observed, rankings: Sequence[Ranking]) -> list[Ranking]:
    """The same with errors that the outputs feel: measured at a few depths, interpolated between them."""
    if work.settings.rank == "norm" or work.settings.spread == "even":
        return list(rankings)
    fitted, judged = _divided(len(seen.samples))
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
    work: _Work, seen: Observed, ranking: Ranking, depth: int, fitted: Sequence[int], judged: Sequence[int]
) -> float:
    """Error of the outputs with so many channels of one group gone, over that of the layers right behind it."""
    gone, weights = ranking.order[:depth], Weights()
    if work.settings.compensate:
        weights = compensate(work.model, work.found, gone, work.aims, seen, numbers=fitted, reach=REACH)
    watch = Watch(cut(work.model, work.found, gone, weights), seen.ends)
    answers = [watch.run(seen.samples[number]) for number in judged]
    error = output_error([seen.outputs[number] for number in judged], answers)
    return max(error, 1e-12) / max(float(ranking.errors[depth]), 1e-12)


def _divided(count: int) -> tuple[list[int], list[int]]:
    """Numbers of the samples that a trial is fitted on, and of those that it is judged on."""
    judged = range(2, count, 4) if count >= 8 else range(count)
    fitted = [number for number in range(count) if number not in judged] or list(judged)
    return _some(fitted), _some(list(judged))


def _some(numbers: list[int]) -> list[int]:
    chosen = np.unique(np.linspace(0, len(numbers) - 1, min(TRIED, len(numbers))).astype(int))
    return [numbers[index] for index in chosen]


def _chosen(work: _Work, rankings: Sequence[Ranking]) -> State:
    """How far to go, so that the target is met."""
    multiple = work.settings.multiple
    measure = work.costs.parameters if work.target.measure in ("parameters", "size") else work.costs.macs
    states = (
        _even(rankings) if work.settings.spread == "even" else path(rankings, work.costs, measure, multiple)
    )
    if work.target.measure == "ms":
        return _within_ms(work, rankings, states)
    limit = work.target.value * _whole(work)

    def fits(state: State) -> bool:
        counts = work.costs.without(work.costs.whole, state.gone(rankings))
        return _measured(work, measure, counts) <= limit

    first = next((state for state in states if fits(state)), None)
    if first is None:
        least = work.costs.without(work.costs.whole, states[-1].gone(rankings))
        share = _measured(work, measure, least) / _whole(work)
        raise InputError(
            f"the target {work.target} cannot be reached: the nearest is {work.target.measure}="
            f"{np.ceil(share * 1000) / 1000:g}. {_limits(work)}"
        )
    if work.settings.spread == "even":
        return first
    return give_back(first, rankings, fits, multiple)


def _whole(work: _Work) -> float:
    """What the target is a fraction of."""
    if work.target.measure == "size":
        return float(len(serialize(work.model)))
    return float((total_parameters if work.target.measure == "parameters" else total_macs)(work.model))


def _measured(work: _Work, measure: Callable[[Counts], int], counts: Counts) -> float:
    """What a target limits, of sizes; of the file, the bytes of its weights and all else."""
    if work.target.measure != "size":
        return measure(counts)
    return len(serialize(work.model)) - 4.0 * (total_parameters(work.model) - measure(counts))


def _even(rankings: Sequence[Ranking]) -> list[State]:
    """The same fraction of every group, a little more each time."""
    found = []
    for share in np.linspace(0, 1, 201):
        counts = [min(round(share * len(each.group.columns)), len(each.order)) for each in rankings]
        found.append(State(tuple(counts)))
    return found


def _limits(work: _Work) -> str:
    stops = ", ".join(f"{node} ({kind})" for node, kind in list(work.found.stopped.items())[:4])
    return (
        "Inputs, outputs and a few channels of each layer stay"
        + (f", and all channels before {stops}" if stops else "")
        + ". Prune less, or train a smaller network"
    )


def _within_ms(work: _Work, rankings: Sequence[Ranking], states: Sequence[State]) -> State:
    """The largest network on the path that is fast enough, found by halving."""
    if work.latency is None:
        raise InputError("a target in milliseconds needs something that measures latency")

    def ms(index: int) -> float:
        models = [work.model, cut(work.model, work.found, states[index].gone(rankings))]
        return float(work.latency(models)[1])  # type: ignore[misc]

    whole = float(work.latency([work.model])[0])
    if whole <= work.target.value:
        raise InputError(
            f"the target {work.target} is met without pruning: the network takes {whole:.3g} ms here. Give less"
        )
    low, high = 0, len(states) - 1
    fastest = ms(high)
    if fastest > work.target.value * WITHIN:
        raise InputError(
            f"the target {work.target} cannot be reached: the nearest measured here is ms={fastest:.3g} (the whole "
            f"network takes {whole:.3g} ms). {_limits(work)}"
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if ms(middle) <= work.target.value else (middle, high)
        work.tell("measuring latency", len(states) - (high - low), len(states))
    return states[high]


def _report(work: _Work, gone: Sequence[int], made: ir.Model) -> PruneReport:
    removed = []
    lost = np.array(sorted(gone), np.int64)
    for group in work.groups:
        for layer in work.found.layers:
            if layer.name not in group.layers or layer.out is None:
                continue
            roots = work.found.channels.roots(layer.out)
            heads = group.width > 1 and layer.node.op_type in ("MatMul", "Gemm")
            if heads:
                roots = np.unique(roots)
            after = len(roots) - int(np.isin(roots, lost).sum())
            if after < len(roots):
                removed.append(Removal(layer.name, "heads" if heads else "channels", len(roots), after))
    names = {name for group in work.groups for name in group.layers}
    fixed = [each.name for each in work.found.layers if each.name not in names]
    notes = [f"not pruned, all of its channels are needed: {', '.join(fixed)}"] if fixed else []
    notes += [
        f"channels were not followed through {node} ({kind})" for node, kind in work.found.stopped.items()
    ]
    before, after_ = (
        {"macs": float(total_macs(each)), "parameters": float(total_parameters(each))}
        for each in (work.model, made)
    )
    order = {layer.name: number for number, layer in enumerate(work.found.layers)}
    removed.sort(key=lambda each: order[each.layer])
    return PruneReport(tuple(removed), before, after_, tuple(notes))


__all__ = ["Pruned", "Settings", "prune_graph", "shape_of"]
