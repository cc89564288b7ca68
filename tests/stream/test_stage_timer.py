"""The time of each stage."""

from __future__ import annotations

from typing import Protocol

import pytest

from edgemm.stream.clock import StageTimer

pytestmark = pytest.mark.device


class Time(Protocol):
    def now_ns(self) -> int: ...
    def pass_ms(self, ms: float) -> None: ...


def test_a_stage_ends_where_the_next_begins(time: Time) -> None:
    timer = StageTimer(time.now_ns)
    timer.start("preprocess")
    time.pass_ms(3)
    timer.start("infer")
    time.pass_ms(4)
    timer.stop()
    time.pass_ms(100)
    assert timer.take() == {"preprocess": 3.0, "infer": 4.0}


def test_a_stage_begun_twice_adds_up(time: Time) -> None:
    timer = StageTimer(time.now_ns)
    for _ in range(2):
        timer.start("infer")
        time.pass_ms(2)
    assert timer.take() == {"infer": 4.0}


def test_taking_ends_the_running_stage_and_begins_from_nothing(time: Time) -> None:
    timer = StageTimer(time.now_ns)
    timer.start("infer")
    timer.take()
    time.pass_ms(5)
    assert timer.take() == {}
