"""How long one inference takes on this machine, after warm-up, with its spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

WARM_UP = 3
"""Inferences that are not counted: the first ones fill caches and pack weights."""
COUNTED = 30
"""Inferences that are counted, where time allows."""
SECONDS = 1.0
"""After so long no further one is begun, once there are `FEWEST`."""
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Latency:
    """Times of single inferences, one thread."""

    median_ms: float
    p10_ms: float
    """A tenth of the inferences were faster."""
    p90_ms: float
    """A tenth were slower."""
    runs: int
    """How many were counted, warm-up left out."""

    def __str__(self) -> str:
        """ "0.42 ms (0.41 to 0.47)": the median, and p10 to p90."""
        return f"{self.median_ms:.3g} ms ({self.p10_ms:.3g} to {self.p90_ms:.3g})"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, rounded to 0.1 us."""
        times = {"median_ms": self.median_ms, "p10_ms": self.p10_ms, "p90_ms": self.p90_ms}
        return {**{key: round(value, 4) for key, value in times.items()}, "runs": self.runs}


NOT_MEASURED = Latency(0.0, 0.0, 0.0, 0)


def summarize(times_ns: Sequence[int]) -> Latency:
    """Of the times of inferences, in nanoseconds, warm-up left out."""
    p10, median, p90 = np.percentile(np.array(times_ns) / 1e6, (10, 50, 90))
    return Latency(float(median), float(p10), float(p90), len(times_ns))


def measure_latency(
    run_ns: Callable[[], int], *, warm: bool = False, clock_s: Callable[[], float] = monotonic
) -> Latency:
    """Runs until enough is known.

    Args:
        run_ns: one inference; gives its time in nanoseconds.
        warm: the model ran before: no warm-up.
        clock_s: seconds, monotonic.
    """
    began_s = clock_s()
    for _ in range(0 if warm else WARM_UP):
        run_ns()
    times: list[int] = []
    while len(times) < FEWEST or (len(times) < COUNTED and clock_s() - began_s < SECONDS):
        times.append(run_ns())
    return summarize(times)
