"""Which rank each layer gets: always the step that loses the least for each MAC that it saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgemm.quantize.prune.graph.lowrank.layers import Splittable

NOTHING = 1e-7
"""Of what the outputs can lose: the rounding of float32."""
Ranks = Mapping[str, int]
"""Layer -> rank, of the layers that become two."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The ranks that one layer may get."""

    layer: Splittable
    ranks: tuple[int, ...]
    """Smallest first."""
    lost: Mapping[int, float]
    """Rank -> what the outputs lose with it."""

    def below(self, rank: int) -> Choice:
        """The same without this rank and those above it: the lower half of the others, to find soon one that is
        faster."""
        most = (self.ranks[0] + rank) // 2
        return replace(self, ranks=tuple(each for each in self.ranks if each <= most and each < rank))


def path(choices: Sequence[Choice]) -> list[dict[str, int]]:
    """From no layer split to every layer at its smallest rank."""
    at: dict[str, int] = {}
    found: list[dict[str, int]] = [{}]
    while True:
        best: tuple[float, str, int] | None = None
        for each in choices:
            now = at.get(each.layer.name, each.layer.full)
            had, lost = each.layer.saved(now), each.lost.get(now, 0.0)
            for rank in each.ranks:
                more = each.layer.saved(rank) - had
                if rank < now and more > 0:
                    paid = 0.0 if each.lost[rank] <= NOTHING else max(each.lost[rank] - lost, 0.0)
                    price = (paid + 1e-15) / more
                    if best is None or price < best[0]:
                        best = (price, each.layer.name, rank)
        if best is None:
            return found
        at = {**at, best[1]: best[2]}
        found.append(at)


def chosen(choices: Sequence[Choice], fits: Callable[[Ranks], bool]) -> tuple[dict[str, int], bool]:
    """The first ranks on the path that meet the target, and whether they do; else the last ones.

    Args:
        fits: whether a target is met; once it is, it is with smaller ranks too.
    """
    states = path(choices)
    if not fits(states[-1]):
        return states[-1], False
    low, high = -1, len(states) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(states[middle]) else (middle, high)
    return _raised(states[high], choices, fits), True


def _raised(
    ranks: dict[str, int], choices: Sequence[Choice], fits: Callable[[Ranks], bool]
) -> dict[str, int]:
    """Ranks as high as the target allows, of the layer that loses most first; its layers whole, where it does."""
    now = dict(ranks)
    for each in sorted(choices, key=lambda one: -one.lost.get(now.get(one.layer.name, 0), 0.0)):
        name = each.layer.name
        if name not in now or each.lost[now[name]] <= NOTHING:
            continue
        without = {other: rank for other, rank in now.items() if other != name}
        if fits(without):
            now = without
            continue
        enough = next((rank for rank in each.ranks if each.lost[rank] <= NOTHING), each.layer.full)
        higher = [rank for rank in each.ranks if now[name] <= rank <= enough]
        low, high = 0, len(higher)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits({**without, name: higher[middle]}) else (low, middle)
        now[name] = higher[low]
    return now
