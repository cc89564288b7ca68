"""New, running, closing, closed; and the threads that end with it."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from types import FrameType

import pytest

from edgemm.errors import EdgemmError, InputError
from edgemm.lifecycle import CLOSED, NEW, RUNNING, Lifecycle
from edgemm.worker import Worker, in_worker

pytestmark = pytest.mark.device

WAIT_S = 10


def fail() -> None:
    raise KeyError("on purpose")


def test_it_starts_once_and_never_after_its_end() -> None:
    life, done = Lifecycle("it", "make another"), []
    assert life.state == NEW
    assert [life.start(lambda: done.append("started")) for _ in range(2)] == [True, False]
    assert life.state == RUNNING
    life.close(lambda: done.append("ended"))
    life.close(lambda: done.append("ended twice"))
    assert not life.start(lambda: done.append("started again"))
    assert life.while_open(lambda: 1) is None
    assert (life.state, done) == (CLOSED, ["started", "ended"])
    with pytest.raises(InputError, match="it is closed: make another"):
        life.check()


def test_a_start_that_fails_may_be_tried_again() -> None:
    life = Lifecycle("it", "make another")
    with pytest.raises(KeyError):
        life.start(fail)
    assert life.start(lambda: None)


def test_who_closes_second_waits_for_the_first() -> None:
    life, closing, go_on, done = Lifecycle("it", ""), threading.Event(), threading.Event(), []

    def end() -> None:
        closing.set()
        go_on.wait(WAIT_S)
        done.append("first")

    first = threading.Thread(target=life.close, args=[end])

    def close_again() -> None:
        life.close(end)
        done.append("second")

    second = threading.Thread(target=close_again)
    first.start()
    assert closing.wait(WAIT_S)
    second.start()
    assert done == []
    go_on.set()
    for each in (first, second):
        each.join(WAIT_S)
    assert done == ["first", "second"]


@pytest.mark.parametrize("closes", ["a worker", "the closer itself"])
def test_a_thread_that_the_end_waits_for_does_not_wait_for_the_end(closes: str) -> None:
    life, done = Lifecycle("it", ""), threading.Event()

    def close_again() -> None:
        life.close(lambda: None)
        done.set()

    def end() -> None:
        if closes == "a worker":
            Worker("edgemm test", close_again).start()
        else:
            close_again()
        assert done.wait(WAIT_S)

    life.close(end)
    assert life.state == CLOSED


def test_an_end_that_fails_is_an_end() -> None:
    life = Lifecycle("it", "")
    with pytest.raises(KeyError):
        life.close(fail)
    life.close(lambda: None, 0)
    assert life.state == CLOSED


def test_a_worker_may_be_waited_for_before_while_and_after_it_runs() -> None:
    inside, leave, seen = threading.Event(), threading.Event(), []

    def run(word: str) -> None:
        seen.append((word, in_worker(), worker.join(0)))
        inside.set()
        leave.wait(WAIT_S)

    worker = Worker("edgemm test", run, "argument")
    assert worker.join(WAIT_S)
    worker.start()
    assert inside.wait(WAIT_S)
    assert not worker.join(0)
    leave.set()
    assert worker.join(WAIT_S)
    assert (seen, in_worker()) == ([("argument", True, False)], False)


class Interrupted(BaseException):
    """What a signal handler raises."""


def test_a_worker_runs_on_when_who_waits_for_it_is_interrupted() -> None:
    waits, leave = threading.Event(), threading.Event()

    def interrupt(_: int, frame: FrameType | None) -> None:
        """Only while it is waited for."""
        while frame is not None:
            if frame.f_code is Worker.join.__code__:
                waits.set()
                raise Interrupted
            frame = frame.f_back

    def run() -> None:
        while not waits.wait(0.01):
            signal.pthread_kill(main, signal.SIGUSR1)
        leave.wait(WAIT_S)

    main, before = threading.get_ident(), signal.signal(signal.SIGUSR1, interrupt)
    worker = Worker("edgemm test", run)
    try:
        worker.start()
        with pytest.raises(Interrupted):
            worker.join(WAIT_S)
        assert not worker.join(0)
        leave.set()
        assert worker.join(WAIT_S)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_in_a_forked_process_there_is_nothing_to_wait_for() -> None:
    leave = threading.Event()
    worker = Worker("edgemm test", leave.wait, WAIT_S)
    worker.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: a fork of a process with threads
        child = os.fork()
    if not child:
        ended = False
        try:
            ended = worker.join(WAIT_S)
        finally:
            os._exit(0 if ended else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    leave.set()
    assert worker.join(WAIT_S)


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_no_thread_to_be_had_is_a_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(self: threading.Thread) -> None:
        raise error

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(EdgemmError, match=r"thread 'edgemm test' cannot be started: .*ulimit -u"):
        Worker("edgemm test", print).start()
