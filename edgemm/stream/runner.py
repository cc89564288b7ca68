"""Several models and sources in one process, inside one budget of processor threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from edgemm.amounts import count
from edgemm.capture.share.shared import SharedSource, kept_seconds
from edgemm.capture.share.tap import Tap
from edgemm.capture.source import Source
from edgemm.errors import InputError
from edgemm.lifecycle import RUNNING, Lifecycle
from edgemm.session import Session
from edgemm.stream.budget import Budget
from edgemm.stream.item import Item
from edgemm.stream.lane import Lane
from edgemm.stream.pairing import require_budget, require_source
from edgemm.stream.stream import CLOSE_S, SOURCE_TIMEOUT_S, Stream
from edgemm.stream.switch import SHARED

if TYPE_CHECKING:
    from typing_extensions import Self

CLOSE_ALL_S = 30.0
"""A second `close()` waits for the first so long, at most."""


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

    From the first iteration to `close()`, Python's threads take turns faster (`switch.SWITCH_INTERVAL_S`), unless
    the application has called `sys.setswitchinterval` itself.

    An error ends the stream it came from and is raised in the loop with that stream's name; to iterate on is
    to go on with the others. SystemExit and KeyboardInterrupt, raised in `on_item` or in a source, are raised in
    the loop as they are. The iteration ends when all streams have, and when `close()` is called, which may come
    from any thread, from `on_item` and from a signal handler.
    """

    def __init__(self, *, threads: int | None = None, keep_s: float = 0.0) -> None:
        """Args:
            threads: models at work at once; None: as many as this process has processors.
            keep_s: seconds of sound that are kept of each source, for streams that are added later and begin back;
                at most 2.

        Raises:
            InputError: `threads` is no whole number of 1 or more, or `keep_s` is out of range.
        """
        self._keep_s = kept_seconds(keep_s)
        threads = None if threads is None else count("threads", threads)
        self._permits = threading.BoundedSemaphore(threads or len(os.sched_getaffinity(0)))
        self._ready: SimpleQueue[Lane | None] = SimpleQueue()
        self._lanes: dict[str, Lane] = {}
        self._shared: dict[int, SharedSource] = {}
        self._taps: dict[str, Tap] = {}
        self._running: set[str] = set()
        self._hurries = False
        self._life = Lifecycle("the runner", "make a new one")

    def add(
        self,
        name: str,
        model: HasSession,
        source: Source,
        budget: Budget | None = None,
        on_item: Callable[[Item], object] | None = None,
        *,
        timeout_s: float = SOURCE_TIMEOUT_S,
        options: Mapping[str, Any] | None = None,
        back_s: float = 0.0,
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
            options: of the model's task, for this stream, as `load` takes them.
            back_s: seconds of sound before now that it hears too, at most `keep_s`: a recogniser that is added when a
                wake word was heard misses nothing that was said with it.

        Raises:
            InputError: the name is taken, the runner is closed, source and budget do not fit, or `back_s` is more than
                is kept.
        """
        if name in self._lanes:
            raise InputError(f"there is a stream {name!r} already: give each its own name")
        self._life.check()
        require_source(source)
        require_budget(budget)
        session = model.session(**(options or {}))
        try:
            shared = self._shared.setdefault(id(source), SharedSource(source, keep_s=self._keep_s))
            tap = shared.tap(back_s=back_s)
        except BaseException:
            session.close()
            raise
        try:
            stream = Stream(session, tap, budget, permit=self._permits, timeout_s=timeout_s)
        except BaseException:
            tap.close()  # or a file would wait for it
            session.close()
            raise
        lane = Lane(name, stream, on_item, self._ready)
        if not self._life.while_open(lambda: self._register(lane, tap)):
            tap.close()
            stream.close()
            self._life.check()
            raise InputError(f"there is a stream {name!r} already: give each its own name")

    def _register(self, lane: Lane, tap: Tap) -> bool:
        """False when another thread has added one of this name meanwhile."""
        if lane.name in self._lanes:
            return False
        self._taps[lane.name], self._lanes[lane.name] = tap, lane
        self._running.add(lane.name)
        if self._life.state == RUNNING:
            lane.start()
        return True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[str, Item]:
        self._life.start(self._start)
        while self._running and self._life.is_open:
            lane = self._ready.get()
            if lane is None:
                self._ready.put(None)  # for others who wait
                break
            if lane.ended:
                self._running.discard(lane.name)
                self._taps[lane.name].close()  # nobody waits for it any more
            item = lane.take()
            if item is not None:
                return lane.name, item
        raise StopIteration

    def summary(self) -> dict[str, dict[str, Any]]:
        """Name -> the summary of that stream's ledger."""
        return {name: lane.stream.ledger.summary() for name, lane in list(self._lanes.items())}

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

    def cancel(self, name: str | None = None) -> None:
        """What is under way in one stream, or in all, is given up after the step that it is in, and counted as
        "interrupted"; see `Stream.cancel`. The streams go on. From any thread.

        Args:
            name: of the stream; None: all.

        Raises:
            InputError: there is no stream of this name.
        """
        lanes = dict(self._lanes)
        if name is not None and name not in lanes:
            raise InputError(f"there is no stream {name!r}: expected one of {', '.join(lanes) or 'none'}")
        for lane in lanes.values() if name is None else (lanes[name],):
            lane.stream.cancel()

    def close(self) -> None:
        """Ends all streams at once. May be called twice, from any thread and from `on_item`; a loop that waits
        for an item ends."""
        self._life.close(self._end, CLOSE_ALL_S)

    def _end(self) -> None:
        self.stop()
        self._ready.put(None)
        with ExitStack() as parts:  # each is closed, whatever the others raise
            if self._hurries:
                parts.callback(SHARED.give_back)
            for name, lane in self._lanes.items():
                parts.callback(lane.close, CLOSE_S)
                parts.callback(self._taps[name].close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self) -> None:
        SHARED.take()
        self._hurries = True
        for lane in self._lanes.values():
            lane.start()
