"""Whose voice or face it is."""

from __future__ import annotations

from dataclasses import dataclass

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True, eq=False)
class Identity(Result):
    """Whose voice or face it is, of those that have a name (`edgemm.Enrolled`)."""

    label: str
    """The name that is meant, or the nearest one."""
    score: float
    """-1..1: the similarity to what is enrolled under that name."""
    detected: bool = True
    """False where the similarity stays under the threshold: then it is nobody that is known."""
