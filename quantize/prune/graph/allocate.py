"""How much of each group goes: the path from the whole network to the smallest, the cheapest loss first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgemm.quantize.prune.graph.cost import Costs, Counts
from edgemm.quantize.prune.graph.groups import Group
from edgemm.quantize.prune.graph.rank import Ranking

AHEAD = 4
"""Steps that are looked ahead: a later one may save more for what it costs."""


@dataclass(frozen=True, slots=True)
class State:
    """How many channels of each group are gone."""

    removed: tuple[int, ...]

    def gone(self, rankings: Sequence[Ranking]) -> list[int]:
        """The channels."""
        return [
            column
            for ranking, count in zip(rankings, self.removed, strict=True)
            for column in ranking.order[:count]
        ]


def multiple_of(group: Group, multiple: int) -> int:
    """Columns are removed in so many at once: kernels like multiples of 8, and a narrow layer cannot spare 8."""
    channels = len(group.columns) * group.width
    while multiple > 1 and multiple * 8 > channels:
        multiple //= 2
    return group.step(multiple)


def least_of(group: Group, multiple: int) -> int:
    """Columns that always stay."""
    return max(1, multiple_of(group, multiple))


def stops(ranking: Ranking, multiple: int) -> list[int]:
    """Numbers of removed columns at which a multiple is left, 0 first."""
    total, step = len(ranking.group.columns), multiple_of(ranking.group, multiple)
    return [0] + [gone for gone in range(1, len(ranking.order) + 1) if (total - gone) % step == 0]


def path(
    rankings: Sequence[Ranking],
    costs: Costs,
    measure: Callable[[Counts], int],
    multiple: int,
) -> list[State]:
    """From nothing removed to all that can be, each time where the least error is paid for what is saved.

    Args:
        measure: what is saved, of sizes.
    """
    choices = [stops(ranking, multiple) for ranking in rankings]
    at = [0] * len(rankings)
    counts = costs.whole
    found = [State((0,) * len(rankings))]
    while True:
        now, best = measure(counts), None
        for group, ranking in enumerate(rankings):
            here = choices[group][at[group]]
            for there in choices[group][at[group] + 1 : at[group] + 1 + AHEAD]:
                saved = now - measure(costs.without(counts, ranking.order[here:there]))
                paid = float(ranking.errors[there] - ranking.errors[here])
                price = (paid + 1e-15) / saved if saved > 0 else float("inf")
                if best is None or price < best[0]:
                    best = (price, group)
        if best is None:
            return found
        group = best[1]
        before, at[group] = choices[group][at[group]], at[group] + 1
        counts = costs.without(counts, rankings[group].order[before : choices[group][at[group]]])
        found.append(State(tuple(choices[each][at[each]] for each in range(len(rankings)))))


def give_back(
    state: State,
    rankings: Sequence[Ranking],
    fits: Callable[[State], bool],
    multiple: int,
) -> State:
    """Puts back steps that are not needed to meet the target, the dearest first."""
    while True:
        options = []
        for group, ranking in enumerate(rankings):
            earlier = [stop for stop in stops(ranking, multiple) if stop < state.removed[group]]
            if earlier:
                removed = (*state.removed[:group], earlier[-1], *state.removed[group + 1 :])
                worth = float(ranking.errors[state.removed[group]] - ranking.errors[earlier[-1]])
                options.append((worth, State(removed)))
        options.sort(key=lambda each: -each[0])
        better = next((option for _, option in options if fits(option)), None)
        if better is None:
            return state
        state = better
