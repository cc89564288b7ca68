"""The time limit of a repair."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic


class OutOfTime(Exception):
    """The time limit ends a step in the middle: what it was about is dropped."""


@dataclass(slots=True)
class Clock:
    """A time limit. What runs for long asks it after each sample and each tensor."""

    deadline: float
    """time.monotonic()"""

    @classmethod
    def of(cls, seconds: float) -> Clock:
        """A limit that begins to run now."""
        return cls(cls.now() + seconds)

    @staticmethod
    def now() -> float:
        """time.monotonic()"""
        return monotonic()

    def check(self) -> None:
        """Raises OutOfTime where the limit has passed."""
        if self.now() > self.deadline:
            raise OutOfTime

    def on_sample(self, done: int, total: int) -> None:
        """The same, as a report of progress."""
        self.check()
