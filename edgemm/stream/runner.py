"""Several models and sources in one process, inside one budget of processor threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from edgemm.capture.shared import SharedSource
from edgemm.capture.source import Source
from edgemm.capture.tap import Tap
from edgemm.errors import InputError
from edgemm.stream.budget import Budget
from edgemm.stream.item import Item
from edgemm.stream.lane import Lane
from edgemm.stream.session import Session
from edgemm.stream.stream import CLOSE_S, SOURCE_TIMEOUT_S, Stream

if TYPE_CHECKING:
    from typing_extensions import Self

PYTHONS_SWITCH_INTERVAL_S = 0.005
SWITCH_INTERVAL_S = 0.00005
"""How long one Python thread may keep the others waiting while a runner iterates: a hand-over beside a busy
thread then takes tenths of a millisecond instead of five."""


class HasSession(Protocol):
    """What a runner asks of a model. Exists so that a stream needs to know nothing of models."""

    def session(self) -> Session:
        """A new stream's private state over this model."""


class Runner:
    """Runs streams side by side and yields `(name, item)` as results come.

        with Runner() as runner:
            runner.add("seen", model, camera, Budget(max_age_ms=100))
            runner.add("heard", keyword, microphone, on_item=notify)
            for name, item in runner: ...
            runner.summary()

    At most `threads` models are at work at one moment; load each with `threads=1`, the default. Each stream
    has a thread of its own besides, asleep while it waits, and one more that reads where the newest wins.
    A stream computes one result ahead of the loop and then waits for it.

    A source that is added several times is captured and decoded once: each stream gets every item, and a
    slow one loses frames of a camera without holding the others back (see `SharedSource`).

    From the first iteration to `close()`, `sys.setswitchinterval` is SWITCH_INTERVAL_S, unless the application
    has chosen its own.

    An error ends the stream it came from and is raised in the loop with that stream's name; to iterate on is
    to go on with the others. The iteration ends when all streams have.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        """Args:
            threads: models at work at once; None: as many as this process has processors.

        Raises:
            InputError: `threads` is below 1.
        """
        if threads is not None and threads < 1:
            raise InputError(f"threads must be 1 or more, not {threads}")
        self._permits = threading.BoundedSemaphore(threads or len(os.sched_getaffinity(0)))
        self._ready: SimpleQueue[Lane | None] = SimpleQueue()
        self._lanes: dict[str, Lane] = {}
        self._shared: dict[int, SharedSource] = {}
        self._taps: dict[str, Tap] = {}
        self._running = 0
        self._started = False
        self._closed = False
        self._hurries = False

    def add(
        self,
        name: str,
        model: HasSession,
        source: Source,
        budget: Budget | None = None,
        on_item: Callable[[Item], object] | None = None,
        *,
        timeout_s: float = SOURCE_TIMEOUT_S,
    ) -> None:
        """Adds a stream; it begins with the first iteration, or at once when that has begun.

        Args:
            name: of the stream, in results, errors and the summary.
            model: an `edgemm.Model`.
            source: what it reads; whoever opened it closes it. May be that of other streams too.
            budget: None: no limit.
            on_item: called with each item as soon as it is there, in the stream's own thread. The item
                comes in the loop as well; its age is that of the call.
            timeout_s: a source that gives nothing for so many seconds ends the stream with SourceTimeout;
                math.inf for a device that may be away for long and comes back by itself.

        Raises:
            InputError: the name is taken, the runner is closed, or source and budget do not fit.
        """
        if name in self._lanes:
            raise InputError(f"there is a stream {name!r} already: give each its own name")
        if self._closed:
            raise InputError(f"the runner is closed: stream {name!r} cannot be added")
        session = model.session()
        tap = self._shared.setdefault(id(source), SharedSource(source)).tap()
        try:
            stream = Stream(session, tap, budget, permit=self._permits, timeout_s=timeout_s)
        except BaseException:
            tap.close()  # or a file would wait for it
            session.close()
            raise
        self._taps[name] = tap
        lane = self._lanes[name] = Lane(name, stream, on_item, self._ready)
        self._running += 1
        if self._started:
            lane.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[str, Item]:
        self._start()
        while self._running and not self._closed:
            lane = self._ready.get()
            if lane is None:
                continue
            if lane.ended:
                self._running -= 1
                self._taps[lane.name].close()  # nobody waits for it any more
            item = lane.take()
            if item is not None:
                return lane.name, item
        raise StopIteration

    def summary(self) -> dict[str, dict[str, Any]]:
        """Name -> the summary of that stream's ledger."""
        return {name: lane.stream.ledger.summary() for name, lane in self._lanes.items()}

    def progress(self) -> dict[str, int]:
        """Name -> a number that grows as long as that stream does its work; see `Ledger.progress`."""
        return {name: lane.stream.ledger.progress() for name, lane in list(self._lanes.items())}

    def ended(self) -> tuple[str, ...]:
        """Names of the streams that have come to their end."""
        return tuple(name for name, lane in list(self._lanes.items()) if lane.ended)

    def stop(self) -> None:
        """Reads no more from any source; what was read still comes, then the iteration ends. Takes no lock:
        fit for a signal handler."""
        for lane in list(self._lanes.values()):
            lane.stream.stop()

    def close(self) -> None:
        """Ends all streams at once, from any thread; may be called twice."""
        self._closed = True
        self.stop()
        self._ready.put(None)
        for name, lane in self._lanes.items():
            self._taps[name].close()
            lane.close(CLOSE_S)
        if self._hurries:
            self._hurries = False
            sys.setswitchinterval(PYTHONS_SWITCH_INTERVAL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            if sys.getswitchinterval() == PYTHONS_SWITCH_INTERVAL_S:
                sys.setswitchinterval(SWITCH_INTERVAL_S)
                self._hurries = True
            for lane in self._lanes.values():
                lane.start()
