"""One source, one model's session, one budget: an iterator of results that keeps account of everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from inspect import GEN_CREATED, getgeneratorstate
from operator import length_hint
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from edgemm.capture.losses import CountsFaults
from edgemm.capture.source import KeepsNewest, Source
from edgemm.errors import EdgemmError, InputError
from edgemm.gate import Gate
from edgemm.lifecycle import Lifecycle
from edgemm.log import LOG
from edgemm.media import AudioBlock, Captured, Text
from edgemm.session import Emission, Gap, Session
from edgemm.stream.ahead_reader import AheadReader, require_ahead
from edgemm.stream.budget import Budget
from edgemm.stream.clock import WAIT, StageTimer
from edgemm.stream.deadline import Deadline
from edgemm.stream.item import Item
from edgemm.stream.ledger import Ledger
from edgemm.stream.pairing import require_budget, require_pair, require_source
from edgemm.stream.reader import InLineReader, NewestReader
from edgemm.stream.work import Pending, Work

if TYPE_CHECKING:
    from typing_extensions import Self

    from edgemm.stream.ahead import AsyncItems

SOURCE_TIMEOUT_S = 30.0
"""A source that gives nothing for so long is an error."""
INTERRUPTED = "interrupted"
"""Reason of an item whose work `cancel()` ended before it gave a result."""
CLOSE_S = 2.0
"""Longest that `close()` waits for a model that is at work in another thread."""
CLOSE_ALL_S = 10.0
"""A second `close()` waits for the first so long, at most."""


class Stream:
    """Reads a source through a model and yields an `Item` per result, by `for` or `async for`.

        with Stream(model.session(), source, Budget(max_age_ms=100)) as stream:
            for item in stream: ...
            stream.ledger.summary()

    Of live pictures the newest wins, read in a thread where the source does not keep it itself; everything
    else is read in line, or one ahead where the budget says so, and nothing is dropped (`Budget.policy`).
    The session is the stream's own and is closed with it. An error of the model costs the item it happened
    in ("failed") and the session's state; the next item can follow. A text that the model refuses is logged
    and left out, and the next is read.

    An age is counted from the frame, or from the newest sample in the window, to the moment when the item
    is handed over. `stages_ms` adds up to it, but for the hand-over itself: "wait" is from capture until
    work on the result began. One thread iterates; `close()`, `stop()` and `ledger` are for any.

    A thread that iterates while another closes the stream comes to the end of its loop (StopIteration): an error
    that closing caused is not raised. SystemExit and KeyboardInterrupt, raised in the model or in the source's
    `read`, are raised where the stream is iterated. In a process that was forked after the stream was made,
    to iterate raises InputError.
    """

    def __init__(
        self,
        session: Session,
        source: Source,
        budget: Budget | None = None,
        *,
        owns_source: bool = False,
        timeout_s: float = SOURCE_TIMEOUT_S,
        permit: AbstractContextManager[Any] | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Nothing is read before the first item is asked for.

        Args:
            session: the model's private state for this stream.
            source: what is read.
            budget: age and policy; None: no limit.
            owns_source: True to close the source with the stream.
            timeout_s: a source that gives nothing for so many seconds raises SourceTimeout.
            permit: held while the model is at work, so that several streams share the processor.
            now_ns: CLOCK_MONOTONIC, nanoseconds.

        Raises:
            InputError: the source gives no pictures, sound or text for a model of them; policy "newest" with
                sound or text, which would drop some; `ahead` with what is no file of pictures; or a session over
                bare tensors.
        """
        if not isinstance(session, Session):
            raise InputError(
                "a stream feeds pictures, sound or text: expected a model whose card says how they become its input, "
                "found one that takes bare tensors. Write the card with `edgemm card set`, or step through "
                "model.session()"
            )
        require_source(source)
        require_budget(budget)
        require_pair(session, source)
        self.ledger = Ledger(source if isinstance(source, CountsFaults) else None)
        self.budget = budget or Budget()
        self._session = session
        self._source = source
        self._owns_source = owns_source
        self._permit: AbstractContextManager[Any] = permit or nullcontext()
        self._now_ns = now_ns
        self._timer = StageTimer(now_ns)
        self._deadline = Deadline(self.budget, source, self.ledger)
        self._reader: InLineReader = _reader(self.budget, source)(source, self.ledger, timeout_s=timeout_s)
        self._work: Work | None = None
        self._newest: Captured | None = None
        self._must_reset = False
        self._unheard = 0
        self._sequence = 0
        self._async: AsyncItems | None = None
        self._gate = Gate(self._free)
        self._life = Lifecycle("the stream", "open it again")

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        while (pending := self.produce()) is not None:
            item = self.deliver(pending)
            if item is not None:
                return item
        raise StopIteration

    def __aiter__(self) -> AsyncItems:
        if self._async is None:
            from edgemm.stream.ahead import AsyncItems

            self._async = AsyncItems(self)
            if not self._life.is_open:
                self._async.close()
        return self._async

    def produce(self) -> Pending | None:
        """Waits for the next result, which is not handed over yet; None at the end.

        Raises:
            SourceError: the source failed.
            EdgemmError: the model failed on one item.
            InputError: the stream was made before this process was forked.
        """
        self._life.check_process()
        with self._gate as open_:
            try:
                return self._produce(open_)
            except Exception as error:  # raised again, unless closing is what caused it
                if open_() and not isinstance(error, StopIteration):
                    raise
                if open_():  # it would end the loop in silence
                    raise EdgemmError(
                        f"{self._source.uri}: the source or the model raised StopIteration"
                    ) from error
                LOG.debug("%s: %s, while the stream was closed", self._source.uri, error)
                return None

    def _produce(self, open_: Callable[[], bool]) -> Pending | None:
        while open_():
            if self._work is None and not self._reader.wait() and not self._end_of_source():
                return None
            with self._permit:
                pending = self._step() if open_() else None
            if pending is not None:
                return pending
        return None

    def deliver(self, pending: Pending) -> Item | None:
        """Hands a result over: its age is counted to now. None when it was dropped as late, or the stream
        has been closed."""
        work = pending.work
        now_ns = self._now_ns()
        emission = pending.emission
        age_ms = max(0.0, (now_ns - emission.newest_ns) / 1e6)
        late = self._deadline.is_late(age_ms)
        if late and pending.first and self._deadline.may_drop(work.item):
            self._deadline.drop(work.item, "late", now_ns)
            return None
        stages_ms = pending.stages_ms
        if not self.ledger.deliver(
            work.item, first=pending.first, age_ms=age_ms, late=late, stages_ms=stages_ms
        ):
            return None
        self._deadline.delivered()
        sequence, self._sequence = self._sequence, self._sequence + 1
        return Item(
            emission.value,
            pending.frame,
            sequence,
            emission.newest_ns,
            age_ms,
            late,
            stages_ms,
            emission.final,
        )

    def stop(self) -> None:
        """Reads no more from the source; what was read is still delivered, then the iteration ends. Takes
        no lock: fit for a signal handler."""
        self._reader.stop()

    def cancel(self) -> None:
        """The item that the model is at work on is given up after the step that it is in, and counted: as dropped,
        "interrupted", where it has given no result yet. The stream goes on with the next. From any thread."""
        work = self._work
        if work is None:
            return
        work.interrupted = True
        self._session.cancel()

    def close(self) -> None:
        """Ends the stream at once. What is in flight becomes dropped as "closed", and a thread that waits
        for an item gets the end. May be called twice, from any thread, and from where the model works."""
        self._life.close(self._end, CLOSE_ALL_S)

    def _end(self) -> None:
        self._gate.shut()
        with ExitStack() as parts:  # the last first, and each, whatever the others raise
            parts.callback(self._gate.free, CLOSE_S)
            if self._async is not None:
                parts.callback(self._async.close)
            parts.callback(self._reader.close)
            if self._owns_source:
                parts.callback(self._source.close)
            parts.callback(self.ledger.close)
            parts.callback(self._reader.settle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _step(self) -> Pending | None:
        """One step of the session: a result, or None when the item has no more, or is not worth it."""
        begun_ns = self._now_ns()
        work = self._work or self._begin(begun_ns)
        if work is None:
            return None
        was_interrupted = work.interrupted
        cut = was_interrupted and (work.under_way or _has_more(work))
        work.under_way = True
        try:
            emission = None if was_interrupted else next(work.results, None)
        except InputError as error:
            self._fail(work)
            self._leave_out(work.item, error)
            return None
        except BaseException:
            self._fail(work)
            raise
        stages_ms = self._timer.take()
        if emission is None:
            self._finish(work, stages_ms, cut=cut or (work.interrupted and not was_interrupted))
            return None
        work.under_way = False
        first, work.answered = not work.answered, True
        if first:
            self._deadline.took((self._now_ns() - begun_ns) / 1e6)
        stages_ms = {WAIT: max(0.0, (begun_ns - emission.newest_ns) / 1e6), **stages_ms}
        return Pending(work, work.before or work.item, emission, first, stages_ms)

    def _begin(self, begun_ns: int) -> Work | None:
        """Gives the item that waits to the session; None when it is too old, or gone."""
        item = self._reader.take()
        if item is None:
            return None
        if not self._deadline.is_worth(item, begun_ns):
            return None
        self._work = Work(item, iter(()))
        try:
            if self._must_reset:
                self._session.reset()
                self._must_reset = False
            self._work.before, self._newest = self._newest, item
            if isinstance(item, AudioBlock) and (item.gap_samples or self._unheard):
                self._work.results = self._after_gap(item, self._work)
            else:
                self._work.before = None
                self._work.results = iter(self._session.feed(item, self._timer))
        except InputError as error:
            self._fail(self._work)
            self._leave_out(item, error)
            return None
        except BaseException:
            self._fail(self._work)
            raise
        return self._work

    def _leave_out(self, item: Captured, error: InputError) -> None:
        """A text that the model does not take costs itself alone. The error says nothing of the text.

        Raises:
            InputError: it was no text.
        """
        if not isinstance(item, Text):
            raise error
        LOG.warning("%s: left out: %s", item.origin or self._source.uri, error)

    def _after_gap(self, block: AudioBlock, work: Work) -> Iterator[Emission]:
        """What a gap before the block completes, then what the block does."""
        missing = block.gap_samples + self._unheard
        reason = block.gap_reason if block.gap_samples else INTERRUPTED
        work.unheard, self._unheard = len(block.samples), 0
        yield from self._session.gap(Gap(missing, reason), self._timer)
        work.unheard, work.before = 0, None
        yield from self._session.feed(block, self._timer)

    def _end_of_source(self) -> bool:
        """True when the session may still have something to say: once, after the last item."""
        if self._newest is None or self._must_reset:
            return False
        newest, self._newest = self._newest, None
        self._work = Work(newest, iter(()), answered=True)
        try:
            self._work.results = iter(self._session.finish(self._timer))
        except BaseException:
            self._fail(self._work)
            raise
        return True

    def _finish(self, work: Work, stages_ms: dict[str, float], *, cut: bool) -> None:
        self._work = None
        if cut:
            self.ledger.interrupt()
            self._give_up(work)
        if cut and not work.answered:
            self.ledger.drop(work.item, INTERRUPTED)
        elif not work.answered:
            self.ledger.take_in(work.item, stages_ms)

    def _give_up(self, work: Work) -> None:
        """Ends the session's work on an item here, in the thread that iterates; sound that it never heard is a gap."""
        results = work.results
        if not isinstance(results, GeneratorType):
            return
        if isinstance(work.item, AudioBlock) and getgeneratorstate(results) == GEN_CREATED:
            work.unheard = work.item.gap_samples + len(work.item.samples)
        self._unheard += work.unheard
        results.close()

    def _fail(self, work: Work) -> None:
        self._timer.take()
        self._work = None
        self._must_reset = True
        if not work.answered:
            self.ledger.drop(work.item, "failed")

    def _free(self) -> None:
        self._work = None
        self._session.close()


def _has_more(work: Work) -> bool:
    """False where nothing of an item is left to be worked on."""
    results = work.results
    return results.gi_frame is not None if isinstance(results, GeneratorType) else length_hint(results, 1) > 0


def _reader(budget: Budget, source: Source) -> type[InLineReader]:
    require_ahead(budget, source)
    if budget.ahead:
        return AheadReader
    return NewestReader if _newest_wins(budget, source) else InLineReader


def _newest_wins(budget: Budget, source: Source) -> bool:
    if budget.policy == "newest" and source.modality != "image":
        raise InputError(
            'policy "newest" drops what waits, and sound and text are never dropped: use "auto" or "all"'
        )
    if isinstance(source, KeepsNewest) and source.keeps_newest:
        return False  # it is the newest that is read
    return budget.policy == "newest" or (
        budget.policy == "auto" and source.live and source.modality == "image"
    )
