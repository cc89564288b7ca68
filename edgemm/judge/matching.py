"""Which box found which thing: overlap of boxes, COCO's greedy matching, and the largest possible one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def overlaps(boxes: Boxes, others: Boxes, crowd: Flags | None = None) -> npt.NDArray[np.float64]:
    """Intersection over union of all pairs; with a crowd, intersection over the area of the box.

    Args:
        boxes: float64[n, 4], left, top, right, bottom.
        others: float64[m, 4].
        crowd: bool[m].

    Returns:
        float64[n, m], 0 where a box has no area.
    """
    near = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    sides = np.clip(near - np.maximum(boxes[:, None, :2], others[None, :, :2]), 0.0, None)
    shared = sides[..., 0] * sides[..., 1]
    own, their = (np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (boxes, others))
    whole = own[:, None] + their[None, :] - shared
    if crowd is not None:
        whole = np.where(crowd[None, :], own[:, None], whole)
    shares: npt.NDArray[np.float64] = np.zeros(shared.shape)
    np.divide(shared, whole, out=shares, where=shared > 0)
    return shares


def match(
    shares: npt.NDArray[np.float64], ignored: Flags, crowd: Flags, threshold: float
) -> tuple[Flags, Flags]:
    """What each box found, as COCO's evaluation decides it: the best box chooses first.

    A box takes the free thing that it overlaps most, of things that count before those that are ignored; of two
    equal overlaps the later thing. A crowd is never used up.

    Args:
        shares: [boxes, things], boxes with the best score first.
        ignored: [things]: what finds it is neither right nor wrong; crowds among them.
        crowd: [things].
        threshold: the least overlap.

    Returns:
        bool[boxes]: it found something; bool[boxes]: what it found is ignored.
    """
    found, none = np.zeros(len(shares), bool), np.zeros(len(shares), bool)
    free = np.ones(len(ignored), bool)
    least = min(threshold, 1 - 1e-10)
    for box, row in enumerate(shares):
        able = (free | crowd) & (row >= least)
        counting = able & ~ignored
        choice = counting if counting.any() else able
        if not choice.any():
            continue
        values = np.where(choice, row, -1.0)
        thing = len(values) - 1 - int(values[::-1].argmax())
        found[box], none[box] = True, ignored[thing]
        free[thing] = False
    return found, none


def most_pairs(able: Flags) -> int:
    """The largest number of pairs, each box and each thing in one at most (augmenting paths).

    Args:
        able: bool[boxes, things]: these two may be a pair.
    """
    taken = np.full(able.shape[1], -1)
    reach = [np.flatnonzero(row) for row in able]
    return sum(_augment(box, reach, taken) for box in range(len(able)))


def _augment(first: int, reach: list[npt.NDArray[Any]], taken: npt.NDArray[Any]) -> bool:
    """Gives `first` a thing, if need be by moving boxes that have one to another; False where that is not possible."""
    came_from: dict[int, int] = {}
    waiting = [first]
    for box in waiting:
        for thing in map(int, reach[box]):
            if thing in came_from:
                continue
            came_from[thing] = box
            if taken[thing] < 0:
                _move(thing, came_from, taken)
                return True
            waiting.append(int(taken[thing]))
    return False


def _move(free: int, came_from: dict[int, int], taken: npt.NDArray[Any]) -> None:
    """Back along the chain: each box takes the thing that it reached, and leaves the one that it had."""
    while free >= 0:
        box = came_from[free]
        had = np.flatnonzero(taken == box)
        taken[free] = box
        free = int(had[0]) if len(had) else -1
