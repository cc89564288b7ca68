"""Words heard."""

from __future__ import annotations

from dataclasses import dataclass

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True)
class Word:
    """A word in running sound."""

    text: str
    """As the model writes it."""
    begin_s: float
    """Seconds since the stream began."""
    end_s: float
    """Seconds since the stream began."""
    confidence: float = 1.0
    """0..1: how probable its labels are where they are heard best, on average (geometric mean)."""


@dataclass(frozen=True, slots=True, eq=False)
class Transcript(Result):
    """Words heard."""

    text: str
    start_s: float = 0.0
    """Seconds since the stream began."""
    end_s: float = 0.0
    """Seconds since the stream began."""
    words: tuple[Word, ...] = ()
    """Each with its times; empty where the model tells none."""
    final: bool = True
    """False for what was understood so far, which the next result replaces."""
    confidence: float = 1.0
    """0..1: how probable what was written is, on average over its tokens or words (geometric mean)."""
