"""Tensors that are known as parts of others along one axis.

A loop that fills a list writes one row after the other, each time into a copy of the whole list. Written out, only the
last copy is wanted, and it is the rows that were written: nothing is drawn before something else reads the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some rows of a value, in the layout of the file."""

    value: ir.Value
    size: int
    """Of the value along the axis."""
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A tensor, part after part along an axis."""

    axis: int
    parts: tuple[Part, ...]

    def cut(self, start: int, stop: int) -> Parts:
        """Its rows from `start` to before `stop`."""
        found, at = list[Part](), 0
        for part in self.parts:
            low, high = max(start - at, 0), min(stop - at, part.rows)
            if low < high:
                found.append(Part(part.value, part.size, part.start + low, part.start + high))
            at += part.rows
        return Parts(self.axis, tuple(found))


def joined(axis: int, each: Sequence[Parts]) -> Parts:
    """One after the other; what was next to each other is one part again."""
    found = list[Part]()
    for part in (part for parts in each for part in parts.parts):
        last = found[-1] if found else None
        if last is not None and last.value is part.value and last.stop == part.start:
            found[-1] = Part(part.value, part.size, last.start, part.stop)
        else:
            found.append(part)
    return Parts(axis, tuple(found))
