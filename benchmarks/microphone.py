"""What a microphone costs: processor time per second of sound, in the recorder and in `read()`.

Through the virtual microphone of the tests, 16 kHz in blocks of 20 ms; without PulseAudio there is nothing to
measure, and the result says so.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pulse import APT, RATE, missing, virtual_microphone

from benchmarks.timing import interleaved
from edgemm.capture import open_source
from edgemm.capture.sound.microphone_source import MicrophoneSource
from edgemm.capture.sound.pcm import Pcm
from edgemm.recorder.child import Account
from edgemm.recorder.ring import BlockRing

SECONDS = 20
LIMIT = 0.05
"""Share of one processor that reading a microphone may take, both processes together."""
BLOCK = RATE // 50


def run() -> dict[str, Any]:
    """The share of one processor; `ok` also needs sound without a gap."""
    name = "a microphone at 16 kHz: share of one processor"
    if lacking := missing():
        return {"name": name, "ok": True, "skipped": f"{lacking} is missing: {APT}"}
    with _microphone() as source:
        details = _measure(source)
    ratio = (details["recorder_ms_per_s"] + details["read_ms_per_s"]) / 1e3
    return {
        "name": name,
        "ratio": ratio,
        "limit": LIMIT,
        "ok": ratio <= LIMIT and details["gap_samples"] == 0,
        "details": {**details, **_parts()},
    }


@contextmanager
def _microphone() -> Iterator[MicrophoneSource]:
    with virtual_microphone(), open_source(f"microphone:?rate={RATE}") as source:
        if isinstance(source, MicrophoneSource):
            yield source


def _measure(source: MicrophoneSource) -> dict[str, float]:
    """Milliseconds of processor time per second of sound, ages in milliseconds, and what was lost."""
    source.read(5)
    ages, gaps, heard = [], 0, 0.0
    recorder, here = _spent_s(source.recorder_pid), time.process_time()
    while heard < SECONDS:
        block = source.read(5)
        if block is not None:
            ages.append((time.monotonic_ns() - block.captured_ns) / 1e6)
            gaps += block.gap_samples
            heard += len(block.samples) / block.sample_rate
    return {
        "recorder_ms_per_s": (_spent_s(source.recorder_pid) - recorder) * 1e3 / heard,
        "read_ms_per_s": (time.process_time() - here) * 1e3 / heard,
        "recorder_rss_mb": _resident_mb(source.recorder_pid),
        "age_p50_ms": float(np.percentile(ages, 50)),
        "age_p99_ms": float(np.percentile(ages, 99)),
        "gap_samples": gaps,
    }


def _parts() -> dict[str, float]:
    """Microseconds per block of what is ours: the ring in the callback, the account, the samples."""
    ring, account, pcm = BlockRing(100, BLOCK, 2), Account(RATE), Pcm("int16", 1)
    raw = bytes(2 * BLOCK)
    blocks = iter(range(10**9))

    def through_the_ring() -> None:
        ring.put(memoryview(raw), BLOCK, next(blocks) * 20_000_000, 20_000_000, False)
        slot = ring.take()
        if slot is not None:
            account.block(slot)

    spent = interleaved(
        {"ring_and_account": through_the_ring, "mono": lambda: pcm.mono(raw)}, 50, repeats=100
    )
    return {f"{name}_us": seconds * 1e6 for name, seconds in spent.items()}


def _spent_s(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int | None) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1e3


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
