"""What is heard, any number of labels at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True)
class Tag:
    """One label over a stretch of running sound: a dog that barks, music."""

    label: str
    """Name of the class."""
    begin_s: float
    """Seconds since the stream began."""
    end_s: float
    """Seconds since the stream began; so far, where it goes on."""
    score: float
    """0..1: the highest in that time, smoothed as the card says."""


@dataclass(frozen=True, slots=True, eq=False)
class Tags(Result):
    """What is heard in a window of sound, any number of labels at once, and which of them began and ended."""

    labels: tuple[str, ...]
    """Names of the best classes, best first."""
    scores: npt.NDArray[np.float32]
    """float32[k], 0..1, of each entry of `labels`; each class stands for itself."""
    begin_s: float = 0.0
    """Start of the window, seconds since the stream began."""
    end_s: float = 0.0
    """End of the window, seconds."""
    begun: tuple[Tag, ...] = ()
    """Labels that this window made sure of, each told once; of a whole recording none."""
    ended: tuple[Tag, ...] = ()
    """Labels that are over; of a whole recording all that were heard, in the order of their beginnings."""

    @property
    def label(self) -> str:
        """Name of the best class; "" where there is none."""
        return self.labels[0] if self.labels else ""

    @property
    def score(self) -> float:
        """Of the best class, 0..1; 0 where there is none."""
        return float(self.scores[0]) if self.labels else 0.0
