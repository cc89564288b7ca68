"""Limits on the process in which the probe runs a file: time, memory, output, and the life of its parent."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

OUTPUT_BYTES = 1 << 20
"""What the process may print, or write into any file."""
TOO_LARGE = signal.SIGUSR1
"""What a process is killed with that takes more memory than it may."""
LOW_LIMIT = "the limit on this process's memory (`ulimit -v`) is low"
PATIENCE = 4
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one probe."""

    first_s: float
    """Processor time for opening the file and the first run."""
    memory_bytes: int
    """Address space beyond what the process has once the runtime is imported."""

    @property
    def later_s(self) -> float:
        """For each further run, unless the first one took long."""
        return max(self.first_s / 6, 0.01)


def leaves_less_than(memory_bytes: int) -> bool:
    """True where a limit that this process was started with (`ulimit -v`) leaves less memory than a file may need."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return soft != resource.RLIM_INFINITY and soft < _address_space(os.getpid()) + memory_bytes


def set_limits(limits: Limits) -> None:
    """Sets the limits, as far as the system has them."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGALRM, signal.SIGPROF, signal.SIGXCPU, TOO_LARGE, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    memory = min(_address_space(os.getpid()) + limits.memory_bytes, sys.maxsize)
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: OUTPUT_BYTES,
        resource.RLIMIT_CPU: int(10 * limits.first_s) + 1,
        resource.RLIMIT_AS: memory,
    }
    for kind, bound in bounds.items():
        now, hard = resource.getrlimit(kind)
        known = [each for each in (bound, now, hard) if each != resource.RLIM_INFINITY]
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (min(known), hard))
    with suppress(OSError):  # it is the first to go when memory ends
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def allow(seconds: float) -> None:
    """From now on, so much processor time, and `PATIENCE` times as long by the clock; 0 takes the limit away.

    What uses up the one is killed by SIGPROF, and is to blame; what uses up the other is killed by SIGALRM: the machine
    is busy, or the process waits for ever.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)


def used_of(seconds: float) -> float:
    """Of what `allow` gave, the processor seconds that were used."""
    return seconds - signal.getitimer(signal.ITIMER_PROF)[0]


@contextmanager
def unlimited_but_watched(limits: Limits) -> Iterator[None]:
    """Inside, memory has no limit, but a process watches that kills this one when it takes more than it may.

    For what failed under the limit and did not say why: outside of the probe, an allocation would have succeeded.
    """
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = _address_space(os.getpid()) + limits.memory_bytes
    watched, watch = os.getpid(), os.fork()
    if not watch:
        _watch(watched, bound)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))
        os.kill(watch, signal.SIGKILL)
        os.waitpid(watch, 0)


def _watch(watched: int, bound: int) -> None:
    """The process that watches; never returns. Pages fill at a few GB a second: a look each millisecond will do."""
    try:
        die_with(watched)
        while _address_space(watched) <= bound:
            time.sleep(0.001)
        os.kill(watched, TOO_LARGE)
    finally:
        os._exit(0)


def _address_space(process: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[0]) * resource.getpagesize()


def die_with(parent: int) -> None:
    """This process is killed when the one that forked it ends (which has no other thread)."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def too_large(memory_bytes: int) -> str:
    """For a file that asks for more memory than its size allows."""
    return (
        f"it needs more than {memory_bytes >> 20} MB of memory, too much for a model of its size; it is not loaded. "
        "If you trust it, allow more with EDGEMM_PROBE_MEMORY_MB"
    )
