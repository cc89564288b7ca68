"""What a command takes, with all the processes that it starts: processor time, and the peak of their memory together.

Processor time is that of the whole command, imports included, from the start of the interpreter to its end. Code is
compiled beforehand, as pip compiles what it installs.

Memory is what the kernel calls the proportional set: what processes share counts once, so that the figures of one
process and of several can be compared. It is looked at every `EVERY_S`, of all of them at one moment.
"""

from __future__ import annotations

import compileall
import os
import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

EVERY_S = 0.02


class Spent(NamedTuple):
    """What a process and its children took."""

    cpu_s: float
    peak_mb: float
    """Of all of them at one moment; memory that they share counts once. 2**20 bytes."""
    said: str = ""
    """What it wrote to its standard output."""


def spent(command: Sequence[str], timeout_s: float | None = None, *, watched: bool = True) -> Spent:
    """Runs a command to its end, on one thread.

    Args:
        watched: False: its memory is not looked at, which takes time of its own.

    Raises:
        CalledProcessError: it fails; its `stderr` is kept.
        TimeoutExpired: it takes longer than `timeout_s`.
    """
    before = _cpu_s()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    watch = _Watch(process.pid)
    if watched:
        watch.start()
    try:
        said, complained = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    finally:
        watch.ended.set()
        if watched:
            watch.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command), said, complained)
    return Spent(_cpu_s() - before, watch.peak_kb / 1024, said)


def compile_code() -> None:
    """Leaves the compiled form of edgemm's modules beside them."""
    import edgemm

    package = Path(edgemm.__file__).parent
    for folder in (package, package / "converters", package / "quantize"):  # the two are links in a checkout
        compileall.compile_dir(folder, quiet=2)


def _cpu_s() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Watch(threading.Thread):
    """Looks at the memory of a process and its children until it is told that they have ended."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.ended = threading.Event()
        self.peak_kb = 0

    def run(self) -> None:
        while not self.ended.is_set():
            self.peak_kb = max(self.peak_kb, held_kb(self._pid))
            time.sleep(EVERY_S)


def held_kb(pid: int) -> int:
    """The memory of a process and its children; 0 where it has ended."""
    return sum(map(_share_kb, with_children(pid)))


def with_children(pid: int) -> list[int]:
    """A process and all that it has started, and they."""
    found = [pid]
    for each in found:
        with suppress(OSError):
            for task in os.listdir(f"/proc/{each}/task"):
                found += map(int, Path(f"/proc/{each}/task/{task}/children").read_text().split())
    return found


def _share_kb(pid: int) -> int:
    """Its memory; of what it shares with others its part."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
