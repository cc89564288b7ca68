"""What pruning removed, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["channels", "units", "heads", "rank"]


@dataclass(frozen=True, slots=True)
class Removal:
    """Of one layer: how many channels, recurrent units, attention heads or ranks it had, and how many are left."""

    layer: str
    kind: Kind
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.layer}: {self.before} -> {self.after} {self.kind}"


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What was removed, per layer, and the measures of the network before and after.

    `before` and `after` have the keys `macs` and `parameters` (counts), and `size` (bytes) and `ms` (milliseconds)
    where they were measured. `notes` are sentences for the reader: what could not be removed, and why.
    """

    removed: tuple[Removal, ...]
    before: Mapping[str, float]
    after: Mapping[str, float]
    notes: tuple[str, ...] = field(default=())

    def left(self, measure: str) -> float:
        """The fraction of a measure that is left."""
        return self.after[measure] / self.before[measure]

    def to_json(self) -> dict[str, object]:
        """A plain dict for a JSON file."""
        return {
            "removed": [
                {"layer": each.layer, "kind": each.kind, "before": each.before, "after": each.after}
                for each in self.removed
            ],
            "before": dict(self.before), "after": dict(self.after), "notes": list(self.notes),
        }  # fmt: skip
