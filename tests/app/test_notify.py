"""What systemd hears."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from edgemm.app.notify import Notifier, Watchdog

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
    assert not Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")}).send(READY=1)


@pytest.mark.parametrize(("pid", "expected"), [(os.getpid(), 10.0), (1, None)])
def test_the_watchdog_is_for_the_process_that_it_names(pid: int, expected: float | None) -> None:
    assert Notifier({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(pid)}).watchdog_s == expected


def test_ready_is_said_once_when_every_stream_has_worked(systemd: Any) -> None:
    work = {"a": 0, "b": 0}
    watchdog = Watchdog(lambda: work, notifier(systemd))
    watchdog.look()
    work["a"] = 1
    watchdog.look()
    assert systemd.received() == []
    work["b"] = 1
    watchdog.look()
    work.update(a=2, b=2)
    watchdog.look()
    assert systemd.received() == ["READY=1\nSTATUS=2 streams running"]


def test_a_stream_whose_source_is_waited_for_holds_nothing_up(systemd: Any) -> None:
    work, awaited = {"a": 0, "b": 0}, ["b"]
    watchdog = Watchdog(lambda: work, notifier(systemd, watchdog_s=4), lambda: awaited)
    watchdog.look()
    assert systemd.received() == []
    work["a"] = 1
    watchdog.look()
    assert systemd.received() == [
        "READY=1\nSTATUS=1 stream running; waiting for the source of b", "WATCHDOG=1"
    ]  # fmt: skip
    awaited.clear()  # b has come, and hangs
    work["a"] = 2
    watchdog.look()
    assert systemd.received() == []
    work["b"] = 1
    watchdog.look()
    assert systemd.received() == ["STATUS=2 streams running", "WATCHDOG=1"]


def test_a_program_that_waits_for_all_its_sources_is_ready(systemd: Any) -> None:
    watchdog = Watchdog(lambda: {"a": 0}, notifier(systemd, watchdog_s=4), lambda: ["a"])
    for _ in range(2):
        watchdog.look()
    ready, *alive = systemd.received()
    assert ready == "READY=1\nSTATUS=0 streams running; waiting for the source of a"
    assert alive == ["WATCHDOG=1"] * 2


def test_the_watchdog_is_fed_only_while_every_stream_works(systemd: Any) -> None:
    work = {"a": 1, "b": 1}
    watchdog = Watchdog(lambda: work, notifier(systemd, watchdog_s=4))
    watchdog.look()
    assert systemd.received()[-1] == "WATCHDOG=1"
    for _ in range(10):  # b hangs
        work["a"] += 1
        watchdog.look()
    assert systemd.received() == []
    work["b"] += 1
    watchdog.look()
    assert systemd.received() == ["WATCHDOG=1"]


def test_a_stream_that_has_ended_is_not_waited_for(systemd: Any) -> None:
    work = {"a": 1, "b": 1}
    watchdog = Watchdog(lambda: work, notifier(systemd, watchdog_s=4))
    watchdog.look()
    del work["b"]
    work["a"] = 2
    watchdog.look()
    assert systemd.received()[2:] == ["STATUS=1 stream running", "WATCHDOG=1"]


def test_ready_is_said_again_when_it_did_not_go_out(systemd: Any) -> None:
    channel = notifier(systemd)
    while channel.send(STATUS="filling the socket"):
        pass
    work = {"a": 1}
    watchdog = Watchdog(lambda: work, channel)
    watchdog.look()
    assert not any("READY" in each for each in systemd.received())
    work["a"] = 2
    watchdog.look()
    assert systemd.received() == ["READY=1\nSTATUS=1 stream running"]


def test_a_socket_that_failed_once_is_tried_again(systemd: Any, tmp_path: Any) -> None:
    channel = notifier(systemd)
    hidden = tmp_path / "hidden"
    (tmp_path / "notify").rename(hidden)
    assert not channel.send(WATCHDOG=1)
    hidden.rename(tmp_path / "notify")
    assert channel.send(WATCHDOG=1)


def test_a_thread_looks_while_it_lasts_and_the_end_is_told(systemd: Any) -> None:
    work = {"a": 1}
    messages: list[str] = []
    with Watchdog(lambda: work, notifier(systemd, watchdog_s=0.04)):
        while messages.count("WATCHDOG=1") < 3:
            work["a"] += 1
            messages += systemd.received()
    assert (messages + systemd.received())[-1] == "STOPPING=1"


def test_without_systemd_there_is_no_thread() -> None:
    before = threading.active_count()
    with Watchdog(lambda: {"a": 1}, Notifier({})):
        assert threading.active_count() == before
