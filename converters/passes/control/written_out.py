"""What became of a loop: how often its body was written, and how large that is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WrittenOut:
    """A loop whose rounds stand one after the other now."""

    node: str
    """Of the source, as a message names it."""
    kind: str
    """Its operator: "Loop", "Scan", "WHILE"."""
    rounds: int
    operators: int
    """That stand for all rounds together."""

    def __str__(self) -> str:
        return f"{self.node}, a {self.kind} of {self.rounds} rounds, was written out as {self.operators} operators"
