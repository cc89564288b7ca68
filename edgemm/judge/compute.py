"""What a model costs on this machine: time, processor time, energy, memory and storage. What the machine or the file
does not tell is None, never 0."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgemm.bench import bench
from edgemm.card.model_card import HistoryStep
from edgemm.child_process import Leash, cannot_start, command
from edgemm.errors import EdgemmError, MachineShortage
from edgemm.judge.energy import EnergyMeter
from edgemm.signals import check

SECONDS = 1.0
"""For so long inferences are run for processor time and energy, at least `LEAST_RUNS`."""
LEAST_RUNS = 3
_CHILD_S = 600
_BLOCK = 1 << 20


def measure_compute(path: str | Path, card: str | None = None, runs: int | None = None) -> dict[str, Any]:
    """Latency percentiles, processor time and energy of one inference on zeros (of a bundle, of one result of its first
    golden). Nothing else should run meanwhile.

    Args:
        runs: inferences that are counted for the percentiles; None: 200, or 20 of a bundle.

    Returns:
        `p10_ms`, `p50_ms`, `p90_ms`, `p99_ms`, `first_ms`, `load_ms`, `runs`, `processor_ms` (of all threads),
        `energy_mj` and `energy_of` (what the figure covers), `backend`, `delegates`; and `latency_why`, where it could
        not be measured, a sentence.

    Raises:
        EdgemmError: the model cannot be loaded.
    """
    try:
        found = bench(path, runs=runs, card=card)
    except EdgemmError as error:
        return {**dict.fromkeys(_MEASURED), "latency_why": str(error)}
    content = found.to_json()
    kept = {key: content[key] for key in ("p10_ms", "p50_ms", "p90_ms", "p99_ms", "first_ms", "runs")}
    return {
        **kept,
        "load_ms": content["init_ms"],
        **_effort(path, card),
        "backend": found.backend,
        "delegates": list(found.delegates),
        "latency_why": None,
    }


_MEASURED = (
    "p10_ms", "p50_ms", "p90_ms", "p99_ms", "first_ms", "runs", "load_ms", "processor_ms", "energy_mj", "energy_of",
    "backend", "delegates",
)  # fmt: skip


def _effort(path: str | Path, card: str | None) -> dict[str, Any]:
    """Processor time and energy of one inference, over many."""
    with _runner(path, card) as run:
        run()
        meter = EnergyMeter()
        count, began, processor_ns = 0, time.perf_counter(), time.process_time_ns()
        meter.start()
        while count < LEAST_RUNS or time.perf_counter() - began < SECONDS:
            run()
            count += 1
            if not count % 16:
                check()
                meter.sample()
        processor_ns = time.process_time_ns() - processor_ns
        joules = meter.stop()
    return {
        "processor_ms": round(processor_ns / 1e6 / count, 4),
        "energy_mj": None if joules is None else round(joules * 1000 / count, 4),
        "energy_of": meter.what,
    }


def _closed() -> None:
    """The model is closed: it holds no buffers of the backend any more."""


class _runner:
    """Opens a model, and gives a function that runs it once."""

    def __init__(self, path: str | Path, card: str | None) -> None:
        import edgemm
        from edgemm.artifact.bundle import is_bundle

        self._model: Any
        if is_bundle(path):
            self._model = edgemm.load_bundle(path)
            given = self._model.golden_input()
            self._run = lambda: self._model(given)
        else:
            self._model = edgemm.load(path) if card is None else edgemm.load(path, card=card)
            self._run = self._model.backend.run

    def __enter__(self) -> Any:
        return self._run

    def __exit__(self, *error: object) -> None:
        self._run = _closed
        self._model.close()


def measure_storage(path: str | Path) -> dict[str, Any]:
    """`file_bytes`, and `compressed_bytes`: each file by itself with zlib at level 9, as an update over a network would
    be. Of a folder the sum over its files."""
    where = Path(path)
    files = sorted(each for each in where.rglob("*") if each.is_file()) if where.is_dir() else [where]
    return {
        "file_bytes": sum(each.stat().st_size for each in files),
        "compressed_bytes": sum(_compressed(each) for each in files),
    }


def _compressed(file: Path) -> int:
    packer, size = zlib.compressobj(9), 0
    for block in _blocks(file):
        check()
        size += len(packer.compress(block))
    return size + len(packer.flush())


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def measure_memory(path: str | Path, card: str | None = None) -> dict[str, float | None]:
    """In a process of its own, which loads the model and runs it: `peak_mb`, its largest resident memory in 10^6 bytes,
    and `peak_model_mb`, what of it came after the packages were imported. None where the system does not tell, or the
    model cannot be run by itself."""
    arguments = [str(path), json.dumps(card)]
    try:
        with Leash() as leash:
            process = subprocess.Popen(
                command("edgemm.judge.compute:memory_child", *arguments, leash=leash),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=leash.passed,
            )  # fmt: skip
            leash.held()
            try:
                said, _ = process.communicate(timeout=_CHILD_S)
            except BaseException:
                process.kill()
                process.wait()
                raise
    except subprocess.TimeoutExpired:
        return {"peak_mb": None, "peak_model_mb": None}
    except OSError as error:
        raise MachineShortage(f"memory of {path}: {cannot_start(error)}") from error
    with suppress(ValueError, KeyError, TypeError, IndexError):
        found: Mapping[str, float] = json.loads(said.splitlines()[-1])
        return {"peak_mb": found["peak_mb"], "peak_model_mb": found["peak_model_mb"]}
    return {"peak_mb": None, "peak_model_mb": None}


def memory_child() -> int:
    """What `measure_memory` starts."""
    path, card = sys.argv[1], json.loads(sys.argv[2])
    from edgemm.backends import open_backend  # noqa: F401  what every model needs

    before = _peak_mb()
    with _runner(path, card) as run:
        for _ in range(LEAST_RUNS):
            run()
    peak = _peak_mb()
    told = {"peak_mb": round(peak, 3), "peak_model_mb": round(peak - before, 3)}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _peak_mb() -> float:
    """Largest resident memory of this process so far, 10^6 bytes. On Linux, what getrusage says begins with that of the
    process that started it."""
    with suppress(OSError, ValueError, StopIteration, IndexError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(each for each in lines if each.startswith("VmHWM:")).split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def training_seconds(history: Sequence[HistoryStep]) -> float | None:
    """The sum of the `seconds` that the steps of a card's history took; None where none of them says it."""
    said = [step.details.get("seconds") for step in history]
    known = [float(each) for each in said if isinstance(each, int | float) and not isinstance(each, bool)]
    return sum(known) if known else None
