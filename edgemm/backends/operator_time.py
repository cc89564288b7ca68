"""How long each kind of operator takes in a model: what a runtime tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

ROUNDS = 25
"""Rounds of inferences, of which the calmest counts."""
WARM_UP = 3
"""Inferences before the first round."""


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """All operators of one kind."""

    name: str
    """As the runtime calls it: what runs, which may be several operators of the file in one."""
    count: int
    """In the graph as it runs."""
    us: float
    """Microseconds of one inference, all of the kind together."""
    runs_on: str
    """"xnnpack", "cpu", or the execution provider."""


@dataclass(frozen=True, slots=True)
class OperatorTimes:
    """What a runtime tells of the operators of one model; the slowest kind is first."""

    operators: tuple[OperatorTime, ...] = ()
    runs: int = 0
    """Inferences that were timed."""
    told_by: str = ""
    """What took the times."""
    untold: str = ""
    """Why there are none; "" where there are."""

    @property
    def total_us(self) -> float:
        """Of one inference; what lies between operators is not counted."""
        return sum(each.us for each in self.operators)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; shares are of the operators' total, 0..1."""
        total = self.total_us
        return {
            "told_by": self.told_by,
            "untold": self.untold,
            "runs": self.runs,
            "total_us": round(total, 3),
            "operators": [
                {
                    "name": each.name,
                    "count": each.count,
                    "us": round(each.us, 3),
                    "share": round(each.us / total, 5) if total else 0.0,
                    "runs_on": each.runs_on,
                }
                for each in self.operators
            ],
        }


def over_rounds(rounds: Sequence[Iterable[OperatorTime]]) -> tuple[OperatorTime, ...]:
    """The round that took the least time, the slowest kind first: on a machine that is busy, profilers count the time
    in which others ran."""
    calmest = min(
        (tuple(each) for each in rounds), key=lambda kinds: sum(kind.us for kind in kinds), default=()
    )
    return tuple(sorted(calmest, key=lambda kind: (-kind.us, kind.name)))
