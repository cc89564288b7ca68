"""Measures a cost table on this machine: `edgemm bench --costs`."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from edgemm.backends import opener_of
from edgemm.backends.backend import Backend
from edgemm.costs.models import CostModel, cost_models, with_payloads
from edgemm.costs.point import DYNAMIC_UNSIGNED, INT8_UNSIGNED, Point
from edgemm.costs.table import FORMATS, CostTable
from edgemm.delegates import find_delegate
from edgemm.errors import EdgemmError, MissingDependency
from edgemm.instructions import instructions
from edgemm.runtime_noise import without_noise

ROUNDS = 3
"""Times that every model is opened and timed; the least of the medians counts."""
WITHIN_S = 100.0
"""Seconds after which no further round ends."""
ROUND_S = 0.02
"""Processor time that a model is run for in a round, once it is warm."""
FEWEST = 3
MOST = 400
"""Inferences in a round."""
X86_ONLY = (INT8_UNSIGNED, DYNAMIC_UNSIGNED)
"""Precisions that files for other processors do not have."""
LEAST_US = 0.01
NOTHING = "nothing"
"""Kind of the model that computes next to nothing: its time, that of a call, is taken off all others."""
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class _Timed:
    """What was seen of one model."""

    model: CostModel
    medians_us: list[float] = field(default_factory=list)
    delegated: bool = True


def measure_costs(
    *,
    models: Callable[[], Iterable[CostModel]] = with_payloads,
    rounds: int = ROUNDS,
    within_s: float = WITHIN_S,
    progress: Progress | None = None,
) -> CostTable:
    """Times the models that come with edgemm, in the formats whose runtime is installed, on one thread.

    Each is opened and timed `rounds` times, all models in turns, so that what else the machine does spoils no single
    one; where that is late, a model has the fewest inferences that give a median. The time is processor time of this
    process: what waits for others does not count.

    Args:
        models: gives them anew for each round.
        rounds: at most.
        within_s: seconds; a round that would end later is not begun, but the first.
        progress: called with the stage, and how many models are timed of how many.

    Raises:
        MissingDependency: neither runtime is installed.
    """
    runtimes = installed_runtimes()
    total = sum(
        _is_wanted(each, runtimes) for each in (cost_models() if models is with_payloads else models())
    )
    found: dict[str, _Timed] = {}
    began, done, made = time.monotonic(), 0, 0
    with _no_garbage():
        for turn in range(rounds):
            spent = time.monotonic() - began
            if turn and spent / turn * (turn + 1) > within_s:
                break
            made += 1
            for each in models():
                if not _is_wanted(each, runtimes):
                    continue
                if progress is not None:
                    progress("costs", done, total * rounds)
                late = time.monotonic() - began > within_s * (done + 1) / total
                _time_one(each, found.setdefault(each.file, _Timed(replace(each, payload=b""))), late=late)
                done += 1
    if progress is not None:
        progress("costs", total * rounds, total * rounds)
    return CostTable(
        str(instructions()),
        {format_: tuple(_points(format_, found)) for format_ in runtimes},
        machine=processor(),
        runtimes=runtimes,
        source=f"measured by `edgemm bench --costs`, the least of {made} medians of processor time",
    )


def installed_runtimes() -> dict[str, str]:
    """Format -> runtime and version, of those that can be imported.

    Raises:
        MissingDependency: of none.
    """
    from edgemm.litert_runtime import find_litert
    from edgemm.onnx_runtime import onnx_runtime

    finders: dict[str, Callable[[], str]] = {
        "tflite": lambda: str(find_litert()),
        "onnx": lambda: f"onnxruntime {onnx_runtime().__version__}",
    }
    found: dict[str, str] = {}
    missing: list[MissingDependency] = []
    for format_ in FORMATS:
        try:
            found[format_] = finders[format_]()
        except MissingDependency as e:
            missing.append(e)
    if not found:
        raise missing[0]
    return found


def _is_wanted(model: CostModel, runtimes: Mapping[str, str]) -> bool:
    return model.format in runtimes and (instructions().kind == "x86" or model.precision not in X86_ONLY)


def _time_one(model: CostModel, found: _Timed, *, late: bool) -> None:
    """One round; a model that the runtime refuses, being older than the operators in it, is left out."""
    try:
        with without_noise():
            backend = opener_of(model.format)(model.payload, find_delegate("cpu"), 1)
    except MissingDependency:
        raise
    except EdgemmError:
        return
    try:
        _feed(backend)
        found.medians_us.append(_median_us(backend.run, 0.0 if late else ROUND_S))
        found.delegated = not backend.coverage.remaining
    finally:
        backend.close()


def _feed(backend: Backend) -> None:
    """Numbers of middling size; small ones where they say places."""
    for index, spec in enumerate(backend.inputs):
        buffer = backend.input_buffer(index)
        real = np.dtype(spec.dtype).kind == "f"
        value: Any = 0.5 if real else spec.zero_point + 20 if spec.scale else 1
        buffer[...] = value
        del buffer


def _median_us(run: Callable[[], object], seconds: float) -> float:
    """Of one inference, warm; of the fewest where there is no time."""
    clock = time.process_time_ns
    times: list[int] = []
    run()
    run()
    spent = 0
    while len(times) < FEWEST or (spent < seconds * 1e9 and len(times) < MOST):
        began = clock()
        run()
        times.append(clock() - began)
        spent += times[-1]
    return median(times) / 1e3


def _points(format_: str, found: Mapping[str, _Timed]) -> Iterator[Point]:
    """Of one format; what a call takes by itself is taken off."""
    timed = {file: each for file, each in found.items() if each.model.format == format_ and each.medians_us}
    call_us = min(
        (min(each.medians_us) for each in timed.values() if each.model.kind == NOTHING), default=0.0
    )
    us = {file: max(min(each.medians_us) - call_us, LEAST_US) for file, each in timed.items()}
    for file, each in timed.items():
        model = each.model
        if model.kind == NOTHING or any(other not in us for other, _ in model.less):
            continue
        left = us[file] - sum(share * us[other] for other, share in model.less)
        yield Point(model.kind, model.precision, model.work, max(left, LEAST_US), each.delegated)


def processor() -> str:
    """The processor, as the kernel names it; "" where it does not."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    parts = [line.partition(":") for line in lines]
    named = {key.strip(): value.strip() for key, _, value in parts}
    board = Path("/proc/device-tree/model")
    if "model name" not in named and board.exists():
        return board.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    return named.get("model name", named.get("Hardware", ""))


@contextmanager
def _no_garbage() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
