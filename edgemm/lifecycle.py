"""What everything with a `close()` goes through, whoever calls it and when: new, running, closing, closed.

Also what a fork does to it: threads and native runtimes do not live on in the child, and locks that another thread
held stay locked there for ever. So whatever was made before a fork refuses to work in the child, and closes there
without waiting.
"""

from __future__ import annotations

import ctypes
import os
import sys
from _thread import RLock, allocate_lock, get_ident
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar
from weakref import WeakSet

from edgemm.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")
NEW, RUNNING, CLOSING, CLOSED = "new", "running", "closing", "closed"
_OPEN = frozenset((NEW, RUNNING))
_forks = 0
"""How many forks lie between the first process and this one."""


class Lock(Protocol):
    """What `threading.RLock()` gives, whose class has no public name."""

    def acquire(self) -> bool:
        """Waits for its turn."""

    def release(self) -> None:
        """Lets the next one in."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Lifecycle:
    """The state of one object. All changes happen under one lock, so that nothing is started after its end has
    begun, and its end is run once. The lock is reentrant: a signal handler may close what it interrupts."""

    __slots__ = ("_closer", "_ending", "_forks", "_lock", "_remedy", "_what", "state")

    def __init__(self, what: str, remedy: str) -> None:
        """Args:
        what: the object in messages, such as "the model".
        remedy: what to do when it is closed, or was made before a fork, such as "load it again".
        """
        self.state = NEW
        self._what, self._remedy = what, remedy
        self._lock: Lock = RLock()  # as `threading` gives it, which takes 0.7 ms to import
        self._ending = allocate_lock()
        self._forks = _forks
        self._closer: int | None = None

    @property
    def is_open(self) -> bool:
        """False from the moment when `close()` was called."""
        return self.state in _OPEN

    @property
    def forked(self) -> bool:
        """True in a process that was forked after this was made."""
        return self._forks != _forks

    def check(self) -> None:
        """Raises:
        InputError: it is closed, or was made before a fork.
        """
        if self._forks != _forks or self.state not in _OPEN:
            self.check_process()
            raise InputError(f"{self._what} is closed: {self._remedy}")

    def check_process(self) -> None:
        """Raises:
        InputError: it was made before this process was forked.
        """
        if self._forks != _forks:
            raise InputError(
                f"{self._what} was made before this process was forked, and does not work here: {self._remedy} "
                'in the child, or start the child with subprocess, or multiprocessing\'s "spawn"'
            )

    def start(self, action: Callable[[], object]) -> bool:
        """New becomes running, and `action` is done: once, and never after `close()`. False when it is not done.

        Raises:
            InputError: it was made before a fork.
        """
        self.check_process()
        with self._lock:
            if self.state != NEW:
                return False
            action()
            if self.state == NEW:  # not closed by a signal handler meanwhile
                self.state = RUNNING
            return True

    def while_open(self, make: Callable[[], T]) -> T | None:
        """What `make` gives; None, and nothing is made, when `close()` was called.

        Raises:
            InputError: it was made before a fork.
        """
        self.check_process()
        with self._lock:
            return make() if self.is_open else None

    def close(self, end: Callable[[], object], wait_s: float | None = None) -> None:
        """Runs `end`, once. Who comes later waits until that is done, `wait_s` at most; a thread of edgemm's own,
        for which `end` may wait itself, does not. In a forked child nothing is done.
        """
        if self.forked:
            return
        with self._lock:
            mine = self.is_open
            if mine:
                self._ending.acquire()
                self.state, self._closer = CLOSING, get_ident()
        if mine:
            try:
                end()
            finally:
                self.state = CLOSED
                self._ending.release()
        elif self._closer != get_ident():
            worker = sys.modules.get("edgemm.worker")  # without it there are no threads of edgemm's own
            if (worker is None or not worker.in_worker()) and self._ending.acquire(
                timeout=-1 if wait_s is None else wait_s
            ):
                self._ending.release()


def never_free_in_a_child(native: object) -> None:
    """ONNX Runtime hangs or crashes when a session is freed in a process that was forked after it was made, as at
    the end of the interpreter: its threads are not there. What is given here is not freed then."""
    _natives.add(native)


class Forkable(Protocol):
    """Exists so that what is called often need not ask each time whether it is in a forked child."""

    def after_fork(self) -> None:
        """In the child: refuses to work from now on."""


def tell_in_a_child(each: Forkable) -> None:
    """`after_fork` is called in every process that is forked from this one."""
    _forkable.add(each)


_natives: WeakSet[object] = WeakSet()
_forkable: WeakSet[Forkable] = WeakSet()


def _in_child() -> None:
    global _forks
    _forks += 1
    for native in list(_natives):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(native))
    _natives.clear()
    for each in list(_forkable):
        each.after_fork()
    _forkable.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
