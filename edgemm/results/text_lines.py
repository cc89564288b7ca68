"""Lines of text in a picture."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.results.result import Result, jsonable


def _no_quads() -> npt.NDArray[np.float32]:
    return np.zeros((0, 4, 2), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class TextLines(Result):
    """Lines of text in a picture, in the order in which they are read."""

    lines: tuple[str, ...] = ()
    """What each says."""
    scores: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    """float32[n], 0..1: the mean probability of each line's characters."""
    quads_xy: npt.NDArray[np.float32] = field(default_factory=_no_quads)
    """float32[n, 4, 2] in pixels of the source frame: where each line begins above, ends above, ends below, begins
    below, as it is read. A line may reach beyond the picture."""
    rows: tuple[int, ...] = ()
    """How many of the lines stand side by side, row after row."""

    @property
    def text(self) -> str:
        """All lines: a line break between rows, a space within them."""
        at, found = 0, []
        for count in self.rows or (1,) * len(self.lines):
            found.append(" ".join(self.lines[at : at + count]))
            at += count
        return "\n".join(found)

    def to_json(self) -> dict[str, Any]:
        """As of every result, and `text`."""
        return {
            "text": self.text,
            **{each.name: jsonable(getattr(self, each.name)) for each in fields(self)},
        }
