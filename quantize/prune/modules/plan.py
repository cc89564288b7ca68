"""In which order parts of a network go, and how many of each family are left after so many steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from edgemm.quantize.prune.modules.families import Family
from edgemm.quantize.prune.modules.importance import Scores

Scope = Literal["global", "uniform"]
Left = tuple[int, ...]
"""For each family, how many are left."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step further: a family goes down to the next smaller count."""

    family: int
    left: int


def allowed(family: Family, multiple_of: int) -> list[int]:
    """Counts that a family may have, largest first: what it has, then multiples; below one multiple, any but zero.
    Heads are not counted in multiples."""
    count = family.count
    step = 1 if family.kind == "heads" or count < multiple_of else multiple_of
    return [count, *(each for each in range(count - 1, family.least - 1, -1) if each % step == 0)]


def ordered(family: Family, scores: Scores) -> list[list[int]]:
    """For each set, its numbers, least important first."""
    return [sorted(numbers, key=lambda each: (scores[each], each)) for numbers in family.sets]


def order_moves(families: Sequence[Family], scores: Scores, scope: Scope, multiple_of: int) -> list[Move]:
    """All steps down to the smallest network. "uniform": all families at the same pace; "global": the least important
    channels of the whole network first."""
    keyed: list[tuple[float, int, Move]] = []
    for index, family in enumerate(families):
        if any(number not in scores for numbers in family.sets for number in numbers):
            continue
        counts = allowed(family, multiple_of)
        ranked = np.sort(
            np.array([[scores[each] for each in numbers] for numbers in ordered(family, scores)]), axis=1
        )
        costs = ranked.mean(0)
        reached = 0.0
        for before, after in pairwise(counts):
            pace = 1 - (before + after) / 2 / family.count
            lost = float(costs[family.count - before : family.count - after].mean())
            reached = max(reached, pace if scope == "uniform" else lost)
            keyed.append((reached, index, Move(index, after)))
    return [move for _, _, move in sorted(keyed, key=lambda each: (each[0], each[1], -each[2].left))]


def after(families: Sequence[Family], moves: Sequence[Move]) -> Left:
    """How many of each family are left when these moves were made."""
    left = [family.count for family in families]
    for move in moves:
        left[move.family] = min(left[move.family], move.left)
    return tuple(left)


def gone(families: Sequence[Family], scores: Scores, left: Left) -> frozenset[int]:
    """The numbers that are removed, the least important of each set."""
    return frozenset(
        number
        for family, count in zip(families, left, strict=True)
        if count < family.count
        for numbers in ordered(family, scores)
        for number in numbers[: family.count - count]
    )
