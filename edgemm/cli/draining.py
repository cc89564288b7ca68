"""Signals that end `run` after the items under way."""

from __future__ import annotations

from collections.abc import Callable

from edgemm import signals
from edgemm.errors import EdgemmError


class Draining:
    """Signals end the streams after the items under way instead of killing the process.

    Before there are streams they end the program as if it had nothing to do. See `edgemm.signals`.
    """

    def __init__(self, *, reopens: bool = False) -> None:
        """Args:
        reopens: SIGHUP opens records again, instead of asking to end.
        """
        self._reopens = reopens
        self._began = False

    def by(self, *stops: Callable[[], object]) -> None:
        """From now on these are called, in the signal handler.

        Raises:
            signals.Stopped: a signal came before.
        """
        signals.check()
        self._began = True
        signals.drain_by(stops)
        if signals.asked():  # in between
            for stop in stops:
                stop()

    def __enter__(self) -> Draining:
        self._before = signals.listen()
        signals.end_early_with(0)
        signals.reopen_on_hangup(self._reopens)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        ended_early = bool(signals.asked()) and not self._began
        if ended_early:
            signals.drain_by(())  # it has ended as it was asked to
        signals.restore(self._before)
        return kind is signals.Stopped or (ended_early and kind is not None and issubclass(kind, EdgemmError))
