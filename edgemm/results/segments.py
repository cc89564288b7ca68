"""Where somebody speaks."""

from __future__ import annotations

from dataclasses import dataclass

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech."""

    begin_s: float
    """Seconds since the stream began, padding included."""
    end_s: float
    """Seconds since the stream began, padding included; so far, where it goes on."""
    score: float
    """0..1: mean probability of speech from its beginning to its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments(Result):
    """Where somebody speaks."""

    segments: tuple[Segment, ...]
    """In order. On a stream one: it has begun, or it is over; of a whole recording all."""
    final: bool = True
    """False for speech that goes on, whose end a later result tells."""
