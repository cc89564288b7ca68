"""Measures an artifact where it stands: start, first inference, percentiles, memory, coverage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgemm.errors import InputError


@dataclass(frozen=True, slots=True)
class Measurement:
    """Times of one artifact on one machine."""

    backend: str
    delegates: tuple[str, ...]
    coverage: dict[str, Any]
    threads: int
    init_ms: float
    """From the path to a model that is ready."""
    first_ms: float
    """The first inference, which warms caches and packs weights."""
    p50_ms: float
    p90_ms: float
    p99_ms: float
    runs: int
    rss_mb: float
    """Resident memory of the process after the runs, in 10^6 bytes."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, times rounded to 0.1 us."""
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return {**rounded, "delegates": list(self.delegates)}


def bench(
    path: str | Path,
    *,
    delegate: str | tuple[str, ...] = "auto",
    threads: int = 1,
    runs: int = 200,
    progress: Callable[[str, int, int], None] | None = None,
) -> Measurement:
    """Times `runs` inferences on zeros, tensors in place.

    Raises:
        InputError: `runs` or `threads` below 1.
    """
    import edgemm

    if runs < 1 or threads < 1:
        raise InputError(f"runs and threads must be at least 1, not {runs} and {threads}")
    began = time.perf_counter_ns()
    with edgemm.load(path, delegate=delegate, threads=threads) as model:
        backend = model.backend
        init_ms = (time.perf_counter_ns() - began) / 1e6
        for index, spec in enumerate(backend.inputs):
            backend.input_buffer(index)[...] = spec.zero_point
        times = np.empty(runs + 1, np.int64)
        for turn in range(runs + 1):
            start = time.perf_counter_ns()
            backend.run()
            times[turn] = time.perf_counter_ns() - start
            if progress is not None and turn % 16 == 0:
                progress("timing", turn, runs)
        p50, p90, p99 = np.percentile(times[1:] / 1e6, (50, 90, 99))
        coverage = {**asdict(model.coverage), "remaining": dict(model.coverage.remaining)}
        return Measurement(
            f"{backend.name} {backend.version}",
            tuple(model.delegates),
            coverage,
            threads,
            init_ms,
            float(times[0]) / 1e6,
            float(p50),
            float(p90),
            float(p99),
            runs,
            resident_mb(),
        )


def resident_mb() -> float:
    """Resident memory of this process, 10^6 bytes; 0.0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    import resource

    return pages * resource.getpagesize() / 1e6
