"""The stop-watch that the benchmarks share."""

from __future__ import annotations

import gc
from itertools import count
from pathlib import Path

import pytest

from benchmarks.timing import instruction_set, interleaved


def test_medians_come_from_the_clock_and_are_of_one_call() -> None:
    ticks = count()
    clock_ns = [0]
    cost = {"cheap": 10, "dear": 1000}

    def work(name: str) -> None:
        clock_ns[0] += cost[name] * (50 if next(ticks) == 10 else 1)  # one outlier

    medians = interleaved(
        {name: lambda name=name: work(name) for name in cost},  # type: ignore[misc]
        rounds=5,
        repeats=4,
        clock=lambda: clock_ns[0],
    )
    assert medians == pytest.approx({"cheap": 10e-9, "dear": 1000e-9})


def test_functions_take_turns() -> None:
    calls: list[str] = []
    interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3)
    assert calls[-6:] == ["a", "b"] * 3


def test_the_collector_is_off_while_timing_and_on_again_after_a_failure() -> None:
    seen = []

    def fail() -> None:
        seen.append(gc.isenabled())
        if len(seen) == 4:
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised just above
        interleaved({"fail": fail}, rounds=1)
    assert seen[-1] is False
    assert gc.isenabled()


def test_the_instruction_set_is_named() -> None:
    """By the processor's own list where the kernel gives one."""
    named = instruction_set()
    assert named
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    assert ("VNNI" in named) == ("avx512_vnni" in flags or "avx_vnni" in flags)
