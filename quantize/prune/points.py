"""What a network loses when one of its widths is pruned alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgemm.errors import InputError

FRACTIONS = (0.25, 0.5, 0.75)
"""Of a width's channels that are removed, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Point:
    """One width with a part of it removed, all others whole."""

    layers: tuple[str, ...]
    kind: str
    before: int
    after: int
    score: float
    macs: float
    """The fraction of the network's MACs that is left."""
    accuracy: float | None = None
    """0..1 of the first output, where right answers are known."""
    agreement: float | None = None
    """0..1: how often the best class is that of the whole network, where an output has classes."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What each width costs when it is pruned alone."""

    score: float
    """Of the whole network."""
    points: tuple[Point, ...]
    """In the order of the network; of each width, the smallest removal first."""
    notes: tuple[str, ...]
    measure: str = "score"
    """What the score is."""
    accuracy: float | None = None
    """0..1, of the whole network, where right answers are known."""

    def lost(self, point: Point) -> float:
        """What a removal costs, in the score's unit; below 0 where the score got better."""
        return self.score - point.score

    def to_json(self) -> dict[str, Any]:
        """A plain dict for a JSON file."""
        return {
            "measure": self.measure, "score": self.score,
            **({} if self.accuracy is None else {"accuracy": self.accuracy}),
            "points": [_point(each) for each in self.points], "notes": list(self.notes),
        }  # fmt: skip


def _point(each: Point) -> dict[str, Any]:
    known = {"accuracy": each.accuracy, "agreement": each.agreement}
    return {
        "layers": list(each.layers), "kind": each.kind, "before": each.before, "after": each.after,
        "score": each.score, "macs": each.macs,
        **{name: value for name, value in known.items() if value is not None},
    }  # fmt: skip


def check_fractions(fractions: Sequence[float]) -> None:
    """Fractions of a width that are removed.

    Raises:
        InputError: there are none, or one is not between 0 and 1.
    """
    if not fractions or not all(0 < each < 1 for each in fractions):
        raise InputError(f"fractions are numbers between 0 and 1, not {list(fractions)}")


def nearest_counts(whole: int, allowed: Sequence[int], fractions: Sequence[float]) -> list[int]:
    """The counts nearest to what the fractions leave, largest first, each once.

    Args:
        allowed: counts that may be left, the whole not among them.
    """
    if not allowed:
        return []
    wanted = [whole * (1 - each) for each in sorted(fractions)]
    return list(dict.fromkeys(min(allowed, key=lambda count: abs(count - each)) for each in wanted))
