"""A word found in running sound."""

from __future__ import annotations

from dataclasses import dataclass

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True, eq=False)
class Keyword(Result):
    """A word found in running audio."""

    label: str
    """The word."""
    score: float
    """0..1, smoothed over the windows that the card asks for."""
    start_s: float
    """Start of the window that it was found in, seconds since the stream began."""
    end_s: float
    """End of that window, seconds."""
    detected: bool = True
    """False where the score stays under the card's threshold, or within its refractory time."""
