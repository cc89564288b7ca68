"""How many channels each group loses, so that a target is met."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgemm.errors import InputError, LatencyMissed
from edgemm.quantize.prune.graph.allocate import State, give_back, path
from edgemm.quantize.prune.graph.cost import Counts, total_macs, total_parameters
from edgemm.quantize.prune.graph.cut import cut
from edgemm.quantize.prune.graph.rank import Ranking
from edgemm.quantize.prune.graph.work import Work
from edgemm.quantize.reference import serialize

WITHIN = 1.1
"""A latency target is met up to this factor: clocks are not steadier."""

TIMED = 3
"""Times that the whole network is measured: the fastest is the least disturbed."""


def chosen(work: Work, rankings: Sequence[Ranking]) -> State:
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


def _whole(work: Work) -> float:
    """What the target is a fraction of."""
    if work.settings.whole:
        return work.settings.whole
    if work.target.measure == "size":
        return float(len(serialize(work.model)))
    return float((total_parameters if work.target.measure == "parameters" else total_macs)(work.model))


def _measured(work: Work, measure: Callable[[Counts], int], counts: Counts) -> float:
    """What a target limits, of sizes; of the file, the bytes of its weights and all else."""
    if work.target.measure != "size":
        return measure(counts)
    gone = 4.0 * (total_parameters(work.model) - measure(counts))
    return len(serialize(work.model)) + work.settings.beside_bytes - gone


def _even(rankings: Sequence[Ranking]) -> list[State]:
    """The same fraction of every group, a little more each time."""
    found = []
    for share in np.linspace(0, 1, 201):
        counts = [min(round(share * len(each.group.columns)), len(each.order)) for each in rankings]
        found.append(State(tuple(counts)))
    return found


def _limits(work: Work) -> str:
    stops = ", ".join(f"{node} ({kind})" for node, kind in list(work.found.stopped.items())[:4])
    return (
        "Inputs, outputs and a few channels of each layer stay"
        + (f", and all channels before {stops}" if stops else "")
        + ". Prune less, or train a smaller network"
    )


def _within_ms(work: Work, rankings: Sequence[Ranking], states: Sequence[State]) -> State:
    """The largest network on the path that is fast enough, found by halving."""
    if work.latency is None:
        raise InputError("a target in milliseconds needs something that measures latency")

    def ms(index: int) -> float:
        """In turns with the whole network: what else the machine does then slows both, and is taken out."""
        models = [work.model, cut(work.model, work.found, states[index].gone(rankings))]
        beside, own = work.latency(models)  # type: ignore[misc]
        return whole * float(own) / float(beside)

    whole = min(float(work.latency([work.model])[0]) for _ in range(TIMED))
    if whole <= work.target.value:
        raise InputError(
            f"the target {work.target} is met without pruning: the network takes {whole:.3g} ms here. Give less"
        )
    low, high = 0, len(states) - 1
    fastest = ms(high)
    if fastest > work.target.value * WITHIN:
        raise LatencyMissed(
            f"the target {work.target} cannot be reached: the nearest measured here is ms={fastest:.3g} (the whole "
            f"network takes {whole:.3g} ms). {_limits(work)}"
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if ms(middle) <= work.target.value else (middle, high)
        work.tell("measuring latency", len(states) - (high - low), len(states))
    return states[high]
