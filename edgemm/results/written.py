"""Text made by a model."""

from __future__ import annotations

from dataclasses import dataclass

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another text that was nearly written."""

    text: str
    score: float
    """0..1, as `Written.score`."""


@dataclass(frozen=True, slots=True, eq=False)
class Written(Result):
    """A text made by a model."""

    text: str
    score: float = 1.0
    """0..1: how probable its tokens are, on average (geometric mean)."""
    alternatives: tuple[Alternative, ...] = ()
    """The next best texts, where they are asked for."""
    ended: bool = True
    """False where the model had more to write than it may."""
    cut: bool = False
    """Whether the source had more tokens than the model takes, so that a part of it was left out."""
    final: bool = True
    """False for what is written so far, which the next result replaces."""
