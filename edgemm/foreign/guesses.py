"""The words of a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Confidence = Literal["sure", "likely", "unsure"]


@dataclass(frozen=True, slots=True)
class Guess:
    """One thing that a card says without being told."""

    what: str
    """What is guessed."""
    confidence: Confidence
    """sure: nothing else is known to look like that. likely: most that look like that are it. unsure: other things look
    the same."""
    reason: str

    def sentence(self) -> str:
        """For people, without a full stop."""
        return f"{self.what} ({self.confidence}), since {self.reason}"


@dataclass(frozen=True, slots=True)
class Read:
    """How the outputs are probably read."""

    task: str
    section: Mapping[str, Any]
    """The task's recipe."""
    guess: Guess
    decode: Mapping[str, str] = field(default_factory=dict)
    """Output -> how its numbers are read; others are raw."""
    classes: int = 0
    """How many labels there are; 0 where it is not known."""
    letterbox: bool = False
    """The pictures were probably letterboxed, as for YOLO."""
