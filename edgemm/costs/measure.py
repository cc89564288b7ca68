"""Measures a cost table on this machine: `edgemm bench --costs`."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from edgemm.backends import BACKENDS, Opener
from edgemm.backends.backend import Backend
from edgemm.costs.models import CostModel, cost_models
from edgemm.costs.point import Point
from edgemm.costs.table import FORMATS, CostTable
from edgemm.delegates import find_delegate
from edgemm.errors import EdgemmError, MissingDependency
from edgemm.instructions import instructions

ROUNDS = 3
"""Times that every model is opened and timed; the least of the medians counts."""
ROUND_S = 0.02
"""Processor time that a model is run for in a round, once it is warm."""
FEWEST = 5
MOST = 400
"""Inferences in a round."""
LEAST_US = 0.01
_OPENERS: Mapping[str, Opener] = {str(format_): opener for format_, opener in BACKENDS.items()}
NOTHING = "nothing"
"""Kind of the model that computes next to nothing: its time, that of a call, is taken off all others."""
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class _Timed:
    """What was seen of one model."""

    medians_us: list[float] = field(default_factory=list)
    delegated: bool = True


def measure_costs(
    *, models: Sequence[CostModel] | None = None, rounds: int = ROUNDS, progress: Progress | None = None
) -> CostTable:
    """Times the models that come with edgemm, in the formats whose runtime is installed, on one thread.

    Each is opened and timed `rounds` times, all models in turns, so that what else the machine does spoils no single
    one. The time is processor time of this process: what waits for others does not count.

    Args:
        models: others than those.
        progress: called with the stage, and how many models are timed of how many.

    Raises:
        MissingDependency: neither runtime is installed.
    """
    wanted = cost_models() if models is None else models
    runtimes = installed_runtimes()
    wanted = [each for each in wanted if each.format in runtimes]
    found: dict[str, _Timed] = {each.file: _Timed() for each in wanted}
    total = len(wanted) * rounds
    with _no_garbage():
        for done in range(total):
            if progress is not None:
                progress("costs", done, total)
            _time_one(wanted[done % len(wanted)], found)
    if progress is not None:
        progress("costs", total, total)
    return CostTable(
        str(instructions()),
        {format_: tuple(_points(format_, wanted, found)) for format_ in runtimes},
        machine=processor(),
        runtimes=runtimes,
        source=f"measured, the least of {rounds} medians",
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


def _time_one(model: CostModel, found: dict[str, _Timed]) -> None:
    """One round; a model that the runtime refuses, being older than the operators in it, is left out."""
    try:
        backend = _OPENERS[model.format](model.payload, find_delegate("cpu"), 1)
    except MissingDependency:
        raise
    except EdgemmError:
        return
    try:
        _feed(backend)
        found[model.file].medians_us.append(_median_us(backend.run))
        found[model.file].delegated = not backend.coverage.remaining
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


def _median_us(run: Callable[[], object]) -> float:
    """Of one inference, warm."""
    clock = time.process_time_ns
    times: list[int] = []
    run()
    run()
    spent = 0
    while len(times) < FEWEST or (spent < ROUND_S * 1e9 and len(times) < MOST):
        began = clock()
        run()
        times.append(clock() - began)
        spent += times[-1]
    return median(times) / 1e3


def _points(format_: str, models: Sequence[CostModel], found: dict[str, _Timed]) -> Iterator[Point]:
    us = {name: min(each.medians_us) for name, each in found.items() if each.medians_us}
    nothing = min(
        (us[each.file] for each in models if _is_nothing(each, format_) and each.file in us), default=0.0
    )
    us = {name: max(each - nothing, LEAST_US) for name, each in us.items()}
    for model in models:
        if model.format != format_ or model.file not in us or model.kind == NOTHING:
            continue
        if any(file not in us for file, _ in model.less):
            continue
        left = us[model.file] - sum(share * us[file] for file, share in model.less)
        yield Point(model.kind, model.precision, model.work, max(left, LEAST_US), found[model.file].delegated)


def _is_nothing(model: CostModel, format_: str) -> bool:
    return model.kind == NOTHING and model.format == format_


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
