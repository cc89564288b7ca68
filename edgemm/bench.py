"""Measures a model on this machine: start, first inference, percentiles after warm-up, memory, coverage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from edgemm.backends.backend import Coverage
from edgemm.errors import InputError

WARM_UP = 10
"""Inferences after the first one that are not counted."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Times of one model on one machine. Percentiles are of `runs` inferences after the warm-up."""

    backend: str
    delegates: tuple[str, ...]
    coverage: Coverage
    threads: int
    init_ms: float
    """From the path to a model that is ready."""
    first_ms: float
    """The first inference, which warms caches and packs weights."""
    p10_ms: float
    p50_ms: float
    """The median."""
    p90_ms: float
    p99_ms: float
    warmup_runs: int
    """Inferences that were not counted, the first included."""
    runs: int
    """Inferences that were."""
    rss_mb: float
    """Resident memory of the process after the runs, in 10^6 bytes."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, times rounded to 0.1 us."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}
        coverage = {**asdict(self.coverage), "remaining": dict(self.coverage.remaining)}
        return {**rounded, "delegates": list(self.delegates), "coverage": coverage}

    def rows(self) -> list[tuple[str, str]]:
        """What was measured and its value with the unit, for a table."""
        return [
            ("runtime", self.backend),
            ("runs on", ", ".join(self.delegates)),
            ("coverage", str(self.coverage)),
            ("threads", str(self.threads)),
            ("load", f"{self.init_ms:.1f} ms"),
            ("first inference", f"{self.first_ms:.3f} ms"),
            ("median", f"{self.p50_ms:.3f} ms"),
            ("p10 to p90", f"{self.p10_ms:.3f} to {self.p90_ms:.3f} ms"),
            ("p99", f"{self.p99_ms:.3f} ms"),
            ("counted", f"{self.runs} inferences, after {self.warmup_runs} of warm-up"),
            (
                "memory",
                f"{self.rss_mb:.0f} MB (the whole process)" if self.rss_mb else "not told by this system",
            ),
        ]


def bench(
    path: str | Path,
    *,
    delegate: str | tuple[str, ...] = "auto",
    threads: int = 1,
    runs: int = 200,
    progress: Callable[[str, int, int], None] | None = None,
) -> Measurement:
    """Times `runs` inferences on zeros after a warm-up, tensors in place.

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
        warmup = 1 + WARM_UP
        times = np.empty(warmup + runs, np.int64)
        for turn in range(len(times)):
            start = time.perf_counter_ns()
            backend.run()
            times[turn] = time.perf_counter_ns() - start
            if progress is not None and turn % 16 == 0:
                progress("timing", turn, len(times))
        p10, p50, p90, p99 = (float(each) for each in np.percentile(times[warmup:] / 1e6, (10, 50, 90, 99)))
        return Measurement(
            backend=f"{backend.name} {backend.version}",
            delegates=tuple(model.delegates),
            coverage=model.coverage,
            threads=threads,
            init_ms=init_ms,
            first_ms=float(times[0]) / 1e6,
            p10_ms=p10,
            p50_ms=p50,
            p90_ms=p90,
            p99_ms=p99,
            warmup_runs=warmup,
            runs=runs,
            rss_mb=resident_mb(),
        )


def resident_mb() -> float:
    """Resident memory of this process, 10^6 bytes; 0.0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    import resource

    return pages * resource.getpagesize() / 1e6
