"""Timing two or more ways of doing the same thing, fairly: in turns, in one process."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgemm.instructions import instructions


def interleaved(
    functions: Mapping[str, Callable[[], Any]],
    rounds: int,
    *,
    repeats: int = 1,
    clock: Callable[[], int] = time.process_time_ns,
) -> dict[str, float]:
    """Median time of one call of each function, in seconds.

    The functions take turns, so that a machine that is busy or warm for a while is so for all. Each is
    called three times before anything is timed, and the garbage collector is off. The default
    clock is the CPU time of the whole process: other processes and waiting do not count, worker threads do.

    Args:
        functions: name -> what to time.
        rounds: turns of each function.
        repeats: calls in one turn, timed together: more than 1 for functions of a few microseconds.
        clock: nanoseconds; `time.perf_counter_ns` for wall-clock time.
    """
    turns: dict[str, list[int]] = {name: [] for name in functions}
    for function in functions.values():
        for _ in range(3):
            function()
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, function in functions.items():
                start = clock()
                for _ in range(repeats):
                    function()
                turns[name].append(clock() - start)
    finally:
        if was_on:
            gc.enable()
    return {name: statistics.median(spent) / repeats * 1e-9 for name, spent in turns.items()}


def in_child(module: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What `python -m module --measure` prints as JSON, with settings that a process takes at its start."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--measure"],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def instruction_set() -> str:
    """What of this processor the speed of int8 hangs on: "AVX2", "AVX2 AVX512 VNNI", or its kind."""
    return str(instructions())
