"""A stream from what its user gave: checked before a session is begun, which is closed where they do not fit."""

from __future__ import annotations

from collections.abc import Callable

from edgemm.capture.source import Source
from edgemm.session import Session
from edgemm.stream.budget import Budget
from edgemm.stream.pairing import require_budget, require_source
from edgemm.stream.stream import SOURCE_TIMEOUT_S, Stream


def open_stream(
    begin: Callable[[], Session], source: Source, budget: Budget | None, timeout_s: float | None
) -> Stream:
    """Runs a new session on a source, inside a budget.

    Args:
        begin: makes the session, which the stream then owns.
        source: what is read; whoever opened it closes it.
        budget: None: no limit.
        timeout_s: a source that gives nothing for so many seconds raises SourceTimeout; None: 30 seconds.

    Raises:
        InputError: `source` is no open source, `budget` is no Budget, or the session takes something else.
    """
    require_source(source)
    require_budget(budget)
    session = begin()
    try:
        timeout_s = SOURCE_TIMEOUT_S if timeout_s is None else timeout_s
        return Stream(session, source, budget or Budget(), timeout_s=timeout_s)
    except BaseException:
        session.close()
        raise
