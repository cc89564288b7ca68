"""Where an axis goes when a tensor is only rearranged."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

Shape = tuple[int, ...]


def carried(axis: int, old: Shape, new: Shape) -> int | None:
    """The axis of `new` that holds exactly what `axis` of `old` did, after a reshape; None where there is none."""
    stride = math.prod(old[axis + 1 :])
    for index, size in enumerate(new):
        if size == old[axis] and size > 1 and math.prod(new[index + 1 :]) == stride:
            return index
    return None


def cut_from(axes: Collection[int], old: Shape, new: Shape) -> frozenset[int]:
    """The axes of `new` that hold nothing but (a part of) one of `axes` of `old`, after a reshape.

    [1, 24, 20] whose axis 1 becomes the last of [1, 20, 6, 4]: both 6 and 4 come from it.
    """
    found = set()
    for index, size in enumerate(new):
        low = math.prod(new[index + 1 :])
        for axis in axes:
            first = math.prod(old[axis + 1 :])
            if size > 1 and first <= low and low * size <= first * old[axis]:
                found.add(index)
    return frozenset(found)


def permuted(axis: int, order: Sequence[int]) -> int:
    """The axis of a Transpose's output that holds what `axis` of its input did."""
    return list(order).index(axis)
