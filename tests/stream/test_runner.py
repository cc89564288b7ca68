"""Several streams in one process."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

import edgemm
from edgemm.capture.files.paced import PacedSource
from edgemm.capture.files.pictures import PictureSource
from edgemm.errors import EdgemmError, InputError, MissingDependency, SourceLost
from edgemm.media import Captured
from edgemm.stream.budget import Budget
from edgemm.stream.item import Item
from edgemm.stream.lane import Lane, with_name
from edgemm.stream.runner import Runner
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]


class Model:
    """Gives out the sessions that it was made with."""

    def __init__(self, *sessions: Any) -> None:
        self.sessions = list(sessions)

    def session(self) -> Any:
        return self.sessions.pop(0)


def test_the_package_has_the_runner() -> None:
    assert edgemm.Runner is Runner


def test_items_of_all_streams_come_with_their_names(
    pictures: Make, speech: Make, sums: Make, balanced: Make
) -> None:
    with Runner() as runner:
        runner.add("seen", Model(sums()), pictures(5))
        runner.add("heard", Model(sums(window=80)), speech(800))
        names = Counter(name for name, _ in runner)
        summary = runner.summary()
    assert names == {"seen": 5, "heard": 19}
    assert (summary["seen"]["delivered"], summary["heard"]["samples"]["delivered"]) == (5, 800)
    for account in summary.values():
        balanced(account)


def test_each_stream_keeps_its_order(speech: Make, sums: Make) -> None:
    model = Model(sums(), sums())
    with Runner(threads=2) as runner:
        for seed, name in enumerate("ab"):
            runner.add(name, model, speech(8000, seed=seed))
        items = list(runner)
    for wanted in "ab":
        sequences = [item.sequence for name, item in items if name == wanted]
        assert sequences == list(range(99))


def test_no_more_models_work_at_once_than_there_are_threads(pictures: Make, sums: Make) -> None:
    lock, at_work, most = threading.Lock(), [0], [0]

    def work(item: Captured) -> None:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        threading.Event().wait(0.001)  # gives the others every chance
        with lock:
            at_work[0] -= 1

    with Runner(threads=2) as runner:
        for number in range(5):
            runner.add(str(number), Model(sums(before=work)), pictures(20))
        assert sum(1 for _ in runner) == 100
    assert 1 <= most[0] <= 2


def test_a_callback_gets_each_item_and_the_loop_too(pictures: Make, sums: Make) -> None:
    called: list[tuple[Item, bool]] = []
    main = threading.main_thread()
    with Runner() as runner:
        runner.add(
            "seen",
            Model(sums()),
            pictures(4),
            on_item=lambda item: called.append((item, threading.current_thread() is main)),
        )
        looped = [item for _, item in runner]
    assert looped == [item for item, _ in called]
    assert not any(in_main for _, in_main in called)


def test_an_error_names_its_stream_and_the_others_go_on(pictures: Make, speech: Make, sums: Make) -> None:
    with Runner() as runner:
        runner.add("bad", Model(sums()), pictures(2, bad=(0, 1)))
        runner.add("good", Model(sums(window=80)), speech(800))
        names: list[str] = []
        with pytest.raises(SourceLost, match="stream 'bad': none of the 2"):
            names.extend(name for name, _ in runner)
        names.extend(name for name, _ in runner)
    assert names == ["good"] * 19


def test_an_error_in_a_callback_is_raised_in_the_loop(pictures: Make, sums: Make) -> None:
    def fail(item: Item) -> None:
        raise KeyError("no such door")

    with Runner() as runner:
        runner.add("seen", Model(sums()), pictures(1), on_item=fail)
        with pytest.raises(EdgemmError, match="stream 'seen': KeyError: 'no such door'") as caught:
            list(runner)
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_error_keeps_its_kind_and_what_it_carries() -> None:
    named = with_name("seen", MissingDependency("OpenCV", "vision"))
    assert isinstance(named, MissingDependency)
    assert named.install_command == 'pip install "edgemm[vision]"'
    assert str(named).startswith("stream 'seen': OpenCV is not installed")
    assert named.exit_code == 8


def test_a_signal_handler_may_stop_it_and_what_was_read_still_comes(
    pictures: Make, sums: Make, balanced: Make
) -> None:
    with Runner() as runner:
        runner.add("a", Model(sums()), pictures(3, loop=True))
        before = signal.signal(signal.SIGUSR1, lambda *_: runner.stop())
        try:
            taken = 0
            for _ in runner:
                taken += 1
                if taken == 5:
                    signal.raise_signal(signal.SIGUSR1)
        finally:
            signal.signal(signal.SIGUSR1, before)
        summary = runner.summary()["a"]
    assert summary["captured"] == summary["delivered"] == taken
    balanced(summary)


def test_what_a_shared_source_holds_for_a_slow_stream_still_comes_after_stop(
    speech: Make, sums: Make, balanced: Make
) -> None:
    with speech(80_000, block_ms=1) as source, Runner() as runner:
        for name in "ab":
            runner.add(name, Model(sums(window=8)), source)
        for taken, _ in enumerate(runner):
            if taken == 40:
                runner.stop()
        summaries = runner.summary()
    read = max(summary["samples"]["captured"] for summary in summaries.values())
    for summary in summaries.values():
        balanced(summary)
        assert summary["samples"]["captured"] == summary["samples"]["delivered"] == read


def test_leaving_early_closes_everything(pictures: Make, sums: Make, balanced: Make) -> None:
    session = sums()
    with Runner() as runner:
        runner.add("a", Model(session), pictures(3, loop=True))
        next(runner)
    runner.close()
    summary = runner.summary()["a"]
    assert summary["delivered"] == 1
    assert summary["in_flight"] == 0
    assert session.closed == 1
    assert list(runner) == []
    balanced(summary)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("edgemm")]


def test_the_age_counts_until_the_loop_takes_the_item(pictures: Make, sums: Make, time: Any) -> None:
    ready: SimpleQueue[Any] = SimpleQueue()
    stream = Stream(sums(), pictures(2), Budget(100, on_late="drop"), now_ns=time.now_ns)
    lane = Lane("a", stream, None, ready)
    lane.start()
    assert ready.get(timeout=10) is lane
    time.pass_ms(1000)  # the loop is busy elsewhere
    assert lane.take() is None
    assert ready.get(timeout=10) is lane
    item = lane.take()
    lane.close(10)
    assert item is not None
    assert item.age_ms == 3.5
    assert stream.ledger.summary()["dropped"] == {"late": 1}


def test_a_stream_may_join_later(pictures: Make, sums: Make) -> None:
    with Runner() as runner:
        runner.add("a", Model(sums()), pictures(3))
        first = next(runner)
        runner.add("b", Model(sums()), pictures(2))
        names = Counter([first[0], *(name for name, _ in runner)])
    assert names == {"a": 3, "b": 2}


@pytest.mark.parametrize("policy", ["newest", "all"])
def test_a_signal_ends_a_loop_that_waits(tmp_path: Path, pictures: Make, sums: Make, policy: Any) -> None:
    pictures(2)
    paths = sorted(str(path) for path in tmp_path.glob("*.png"))
    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, lambda *_: runner.stop())
    try:
        with PacedSource(PictureSource("slow", paths, fps=0.1)) as source, Runner() as runner:
            runner.add("a", Model(sums()), source, Budget(policy=policy))  # the second is due in ten seconds
            next(runner)
            threading.Thread(target=signal.pthread_kill, args=[main, signal.SIGUSR1]).start()
            assert list(runner) == []
            assert runner.summary()["a"]["dropped"] == {}
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_threads_take_turns_faster_while_it_runs(pictures: Make, sums: Make) -> None:
    with Runner() as runner:
        runner.add("a", Model(sums()), pictures(3))
        next(runner)
        assert sys.getswitchinterval() == pytest.approx(5e-5)
    assert sys.getswitchinterval() == pytest.approx(5e-3)


def test_a_switch_interval_that_somebody_chose_is_kept(pictures: Make, sums: Make) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    try:
        with Runner() as runner:
            runner.add("a", Model(sums()), pictures(3))
            list(runner)
            assert sys.getswitchinterval() == pytest.approx(0.001)
        assert sys.getswitchinterval() == pytest.approx(0.001)
    finally:
        sys.setswitchinterval(before)


def test_a_runner_without_streams_is_at_its_end() -> None:
    with Runner() as runner:
        assert list(runner) == []


def test_a_name_is_given_once(pictures: Make, sums: Make) -> None:
    with Runner() as runner:
        runner.add("a", Model(sums()), pictures(1))
        with pytest.raises(InputError, match="'a' already"):
            runner.add("a", Model(sums()), pictures(1))


def test_a_closed_runner_takes_no_stream(pictures: Make, sums: Make) -> None:
    runner = Runner()
    runner.close()
    with pytest.raises(InputError, match="closed"):
        runner.add("a", Model(sums()), pictures(1))


def test_the_number_of_threads_is_checked() -> None:
    with pytest.raises(InputError, match="threads"):
        Runner(threads=0)
