"""Measures a model on this machine: start, first inference, percentiles after warm-up, memory, coverage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.artifact.bundle import is_bundle
from edgemm.backends.backend import Coverage
from edgemm.errors import InputError
from edgemm.instructions import instructions

if TYPE_CHECKING:
    from edgemm import BundleModel
    from edgemm.artifact import Artifact
    from edgemm.card.fit import CardLike

RUNS, BUNDLE_RUNS = 200, 20
"""Inferences of a model, and results of a bundle, that are counted where nobody says how many."""
WARM_UP, BUNDLE_WARM_UP = 10, 2
"""Of them after the first one, not counted."""
Progress = Callable[[str, int, int], None]


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
    whole: bool = False
    """Of a bundle: a run is a whole result, not one inference."""
    sound_s: float = 0.0
    """Seconds of sound in the input of such a run; 0 where it is none."""
    instructions: str = ""
    """What of this processor int8 hangs on."""
    unsuited: str = ""
    """What is to be said of a file that was made for another processor; "" where nothing is."""

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
            ("processor", self.instructions),
            *([("made for another", self.unsuited)] if self.unsuited else []),
            ("runs on", ", ".join(self.delegates)),
            ("coverage", str(self.coverage)),
            ("threads", str(self.threads)),
            ("load", f"{self.init_ms:.1f} ms"),
            ("first inference", f"{self.first_ms:.3f} ms"),
            ("median", f"{self.p50_ms:.3f} ms"),
            ("p10 to p90", f"{self.p10_ms:.3f} to {self.p90_ms:.3f} ms"),
            ("p99", f"{self.p99_ms:.3f} ms"),
            *self._speed(),
            (
                "counted",
                f"{self.runs} {'results' if self.whole else 'inferences'}, after {self.warmup_runs} of warm-up",
            ),
            (
                "memory",
                f"{self.rss_mb:.0f} MB (the whole process)" if self.rss_mb else "not told by this system",
            ),
        ]

    def _speed(self) -> list[tuple[str, str]]:
        if not self.sound_s:
            return []
        return [("of real time", f"{self.p50_ms / 1000 / self.sound_s:.3g} x, {self.sound_s:.2f} s of sound")]


def bench(
    path: str | Path,
    *,
    delegate: str | tuple[str, ...] = "auto",
    threads: int = 1,
    runs: int | None = None,
    card: CardLike | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Times inferences on zeros after a warm-up, tensors in place; of a bundle, whole results for the input of its
    first golden.

    Args:
        runs: how many; None: 200 inferences, or 20 results of a bundle.
        card: of a file that carries none, or leaves sizes open; see `edgemm.load`.

    Raises:
        InputError: `runs` or `threads` below 1.
        CardError: a bundle without goldens.
    """
    import edgemm

    if (runs is not None and runs < 1) or threads < 1:
        raise InputError(f"runs and threads must be at least 1, not {runs} and {threads}")
    began = time.perf_counter_ns()
    if is_bundle(path):
        with edgemm.load_bundle(path, delegate=delegate, threads=threads) as bundle:
            init_ms = (time.perf_counter_ns() - began) / 1e6
            return _bench_bundle(bundle, threads, init_ms, runs or BUNDLE_RUNS, progress)
    with edgemm.load(path, delegate=delegate, threads=threads, card=card) as model:
        init_ms = (time.perf_counter_ns() - began) / 1e6
        backend = model.backend
        for index, spec in enumerate(backend.inputs):
            backend.input_buffer(index)[...] = spec.zero_point
        times = _times(backend.run, 1 + WARM_UP, runs or RUNS, progress)
        return _measurement(
            times,
            1 + WARM_UP,
            backend=f"{backend.name} {backend.version}",
            delegates=tuple(model.delegates),
            coverage=model.coverage,
            threads=threads,
            init_ms=init_ms,
            unsuited=_unsuited([model.artifact]),
        )


def _unsuited(artifacts: Iterable[Artifact]) -> str:
    """Each sentence once."""
    from edgemm.model.suits import unsuited

    said = [each.sentence for each in map(unsuited, artifacts) if each is not None]
    return "; ".join(dict.fromkeys(said))


def _bench_bundle(
    model: BundleModel, threads: int, init_ms: float, runs: int, progress: Progress | None
) -> Measurement:
    given = model.golden_input()
    backends = [each.backend for each in model.models.values()]
    samples = getattr(given, "samples", None)
    return _measurement(
        _times(lambda: model(given), 1 + BUNDLE_WARM_UP, runs, progress),
        1 + BUNDLE_WARM_UP,
        backend=", ".join(dict.fromkeys(f"{each.name} {each.version}" for each in backends)),
        delegates=model.delegates,
        coverage=model.coverage,
        threads=threads,
        init_ms=init_ms,
        whole=True,
        unsuited=_unsuited(each.artifact for each in model.models.values()),
        sound_s=0.0 if samples is None else len(samples) / given.sample_rate,
    )


def _times(
    run: Callable[[], object], warmup: int, runs: int, progress: Progress | None
) -> npt.NDArray[np.int64]:
    """Nanoseconds of each run, the warm-up first."""
    times = np.empty(warmup + runs, np.int64)
    for turn in range(len(times)):
        start = time.perf_counter_ns()
        run()
        times[turn] = time.perf_counter_ns() - start
        if progress is not None and turn % 16 == 0:
            progress("timing", turn, len(times))
    return times


def _measurement(times: npt.NDArray[np.int64], warmup: int, **known: Any) -> Measurement:
    p10, p50, p90, p99 = (float(each) for each in np.percentile(times[warmup:] / 1e6, (10, 50, 90, 99)))
    return Measurement(
        first_ms=float(times[0]) / 1e6,
        p10_ms=p10,
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        warmup_runs=warmup,
        runs=len(times) - warmup,
        rss_mb=resident_mb(),
        instructions=str(instructions()),
        **known,
    )


def resident_mb() -> float:
    """Resident memory of this process, 10^6 bytes; 0.0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    import resource

    return pages * resource.getpagesize() / 1e6
