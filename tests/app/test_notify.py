"""What systemd hears."""

from __future__ import annotations

import os
from typing import Any

import pytest

from edgemm.app.notify import Notifier, Pulse

pytestmark = pytest.mark.device


def notifier(systemd: Any, watchdog_s: float | None = None) -> Notifier:
    watchdog = {} if watchdog_s is None else {"WATCHDOG_USEC": str(round(watchdog_s * 1e6))}
    return Notifier({"NOTIFY_SOCKET": systemd.address, **watchdog})


def test_a_state_goes_to_the_socket(systemd: Any) -> None:
    notifier(systemd).send(READY=1, STATUS="2 streams")
    assert systemd.received() == ["READY=1\nSTATUS=2 streams"]


def test_without_systemd_nothing_is_sent() -> None:
    Notifier({}).send(READY=1)
    assert Notifier({}).watchdog_s is None


def test_a_socket_that_is_gone_is_no_error(tmp_path: Any) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")}).send(READY=1)


@pytest.mark.parametrize(("pid", "expected"), [(os.getpid(), 10.0), (1, None)])
def test_the_watchdog_is_for_the_process_that_it_names(pid: int, expected: float | None) -> None:
    assert Notifier({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(pid)}).watchdog_s == expected


def test_ready_is_said_once_when_every_stream_has_given_a_result(systemd: Any) -> None:
    pulse = Pulse(["a", "b"], notifier(systemd))
    pulse.beat("a")
    assert systemd.received() == []
    for name in "bab":
        pulse.beat(name)
    assert systemd.received() == ["READY=1\nSTATUS=2 streams running"]


def test_the_watchdog_is_fed_only_while_every_stream_gives_results(systemd: Any) -> None:
    now = [0.0]
    pulse = Pulse(["a", "b"], notifier(systemd, watchdog_s=4), lambda: now[0])
    for name in "ab":
        pulse.beat(name)
    assert systemd.received()[-1] == "WATCHDOG=1"
    for _ in range(10):  # b hangs
        now[0] += 1
        pulse.beat("a")
    assert systemd.received() == []
    pulse.beat("b")
    assert systemd.received() == ["WATCHDOG=1"]


def test_the_watchdog_is_fed_four_times_as_often_as_it_asks(systemd: Any) -> None:
    now = [0.0]
    pulse = Pulse(["a"], notifier(systemd, watchdog_s=4), lambda: now[0])
    received = []
    for _ in range(100):
        now[0] += 0.125
        pulse.beat("a")
        received += systemd.received()
    assert len(received) == 1 + 13  # ready, then each second of 12.5


def test_a_socket_that_nobody_reads_holds_nothing_up(systemd: Any) -> None:
    channel = notifier(systemd)
    for number in range(1000):
        channel.send(STATUS=number)
    assert 1 <= len(systemd.received()) < 1000


def test_a_stream_that_has_ended_is_not_waited_for(systemd: Any) -> None:
    pulse = Pulse(["a", "b"], notifier(systemd, watchdog_s=4), lambda: 0.0)
    pulse.ended("b")
    pulse.beat("a")
    assert systemd.received() == ["READY=1\nSTATUS=1 streams running", "WATCHDOG=1"]
