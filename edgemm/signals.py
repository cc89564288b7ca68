"""SIGINT, SIGTERM and SIGHUP while a command runs: a handler takes note, and the command looks at defined points.

A handler that raised would do so anywhere: an import would swallow the exception, or take it for a broken package.
So none raises. `check()` ends the command, with 128 + the signal's number; a command that does not come to it within
FORCED_S is ended, and so is one that is sent a second signal. Nothing here is done before `listen()`, which a program
that uses edgemm as a library never calls.
"""

import _thread
import os
import signal
import sys
import time

TYPE_CHECKING = False  # `typing` takes longer to load than all else here, and signals do not wait
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any

FORCED_S = 5.0
"""A command that does not end by itself within that time after a signal is ended."""
AGAIN_S = 0.5
"""A signal that follows the first sooner is the same one: a terminal and the program in front both send it."""
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """The command was asked to end. Not an Exception: nobody who handles errors is meant."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.exit_code = _code(number)
        """130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP; or what `end_early_with` said."""


class _State:
    """Of the process: there is one command in it."""

    listening = False
    asked = 0
    """The first signal that asked to end; 0 when there was none."""
    asked_s = 0.0
    hangups = 0
    """How often SIGHUP asked to open records again."""
    reopens = False
    """SIGHUP does not ask to end."""
    draining: "tuple[Callable[[], object], ...] | None" = None
    """What ends the command in its own time."""
    ends_with: "int | None" = None
    """The exit code of a command that is ended before it has begun; None: 128 + the signal."""
    decided: "int | None" = None
    """The exit code, once nothing can change it."""


_state = _State()


def listen() -> "dict[int, Any]":
    """Takes note of signals from now on, in the main thread; elsewhere it does nothing. A SIGHUP that is ignored, as
    under nohup, stays ignored.

    Returns:
        The handlers that there were, for `restore`; nothing when it listens already.
    """
    if _state.listening or _thread.get_ident() != _main_thread():
        return {}
    _state.listening = True
    before = {}
    for number in NUMBERS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            before[int(number)] = signal.signal(number, _note)
    return before


def restore(before: "dict[int, Any]") -> None:
    """Ends what `listen` began; after a signal that asked to end, further ones are ignored."""
    if before:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if _state.asked else handler)
        _forget()


def asked() -> int:
    """The signal that asked the command to end; 0 when none did."""
    return _state.asked


def check() -> None:
    """A point at which the command may end.

    Raises:
        Stopped: a signal has asked for it. In the main thread only.
    """
    if _state.asked and _state.draining is None and _thread.get_ident() == _main_thread():
        raise Stopped(_state.asked)


def reopen_on_hangup(reopens: bool) -> None:
    """True: SIGHUP asks to open records again, also one that came before; False: it asks to end."""
    if not _state.listening:
        return
    _state.reopens = reopens
    if reopens and _state.asked == signal.SIGHUP:
        _state.asked, _state.hangups = 0, _state.hangups + 1
    elif not reopens and _state.hangups:
        _state.hangups = 0
        _ask(signal.SIGHUP)


def hung_up() -> bool:
    """True once after each SIGHUP that asks to open records again."""
    due, _state.hangups = _state.hangups > 0, 0
    return due


def end_early_with(code: int) -> None:
    """A command that a signal ends before it has begun has this exit code, also where it is ended by force."""
    if _state.listening:
        _state.ends_with = code


def drain_by(stops: "Iterable[Callable[[], object]]") -> None:
    """From now on a signal calls these, and the command ends in its own time."""
    _state.draining = tuple(stops)


def decide(code: int) -> int:
    """The command has ended with this code: what is said is written out, and a signal that comes on the way out
    changes nothing but to hurry it. Returns the code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # the reader went away, or there is none
            pass
    if _state.listening:
        _state.decided = code
    return code


def _note(number: int, frame: "FrameType | None") -> None:
    """The handler: never raises."""
    if _state.decided is not None:
        os._exit(_state.decided)
    if number == signal.SIGHUP and _state.reopens:
        _state.hangups += 1
        return
    if _state.asked and time.monotonic() - _state.asked_s > AGAIN_S:
        os._exit(128 + number)
    _ask(number)


def _ask(number: int) -> None:
    if not _state.asked:
        _state.asked, _state.asked_s = number, time.monotonic()
        if _state.draining is None:
            try:
                _thread.start_new_thread(_force, (_state.asked_s,))
            except RuntimeError:  # no thread to be had: a second signal ends it
                pass
    for stop in _state.draining or ():
        stop()


def _force(asked_s: float) -> None:
    time.sleep(FORCED_S)
    if _state.asked and _state.asked_s == asked_s and _state.draining is None and _state.decided is None:
        os._exit(_code(_state.asked))


def _code(number: int) -> int:
    return 128 + number if _state.ends_with is None else _state.ends_with


def _forget() -> None:
    for name in ("listening", "asked", "asked_s", "hangups", "reopens", "draining", "ends_with", "decided"):
        setattr(_state, name, getattr(_State, name))


def _main_thread() -> int:
    threading = sys.modules.get("threading")
    return threading.main_thread().ident if threading is not None else _thread.get_ident()
