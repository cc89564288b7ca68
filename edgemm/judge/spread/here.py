"""Pieces done in processes of this machine, each with one thread."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from edgemm import signals, strict_json
from edgemm.child_process import PipedChild, cannot_start, start_piped
from edgemm.errors import MachineShortage
from edgemm.judge.spread.piece import Answer, Json, do

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "TFLITE_NUM_THREADS",
    ),
    "1",
)
_LOOK_S = 0.2
Done = Callable[[str, Answer], None]


def in_this_process(entry: str, todo: Mapping[str, Json], tries: int, done: Done) -> None:
    """One after the other, without a process of their own.

    Args:
        entry: "module:function".
        todo: key -> piece.
        tries: how often a piece is tried that fails and might not.
        done: told of each that is done, or given up.
    """
    for key, piece in todo.items():
        for left in reversed(range(tries)):
            signals.check()
            answer = do(entry, piece)
            if answer.row is not None or answer.final:
                break
            if not left:
                answer = answer.given_up(tries)
        done(key, answer)


def in_processes(entry: str, todo: Mapping[str, Json], jobs: int, tries: int, done: Done) -> None:
    """In so many processes at once. One that dies is replaced, and its piece tried again.

    Raises:
        MachineShortage: no process can be started.
    """
    _Pool(entry, todo, tries, done).run(min(jobs, len(todo)))


class _Pool:
    def __init__(self, entry: str, todo: Mapping[str, Json], tries: int, done: Done) -> None:
        self._entry, self._todo, self._tries, self._done = entry, todo, tries, done
        self._waiting = deque(todo)
        self._tried = dict.fromkeys(todo, 0)
        self._working: dict[Any, tuple[PipedChild, str]] = {}
        """Pipe -> whose it is, and the key of its piece."""

    def run(self, jobs: int) -> None:
        try:
            for _ in range(jobs):
                self._give(self._started())
            while self._working:
                signals.check()
                for pipe in wait(list(self._working), _LOOK_S):
                    self._answered(pipe)
        finally:
            for child, _ in self._working.values():
                child.close()

    def _started(self) -> PipedChild:
        from subprocess import DEVNULL

        try:
            environment = {**os.environ, **ONE_THREAD}
            return start_piped(
                "edgemm.judge.spread.child:main", stdout=DEVNULL, stderr=DEVNULL, env=environment
            )
        except OSError as error:
            raise MachineShortage(f"judging in processes: {cannot_start(error)}") from error

    def _give(self, child: PipedChild) -> None:
        """The next piece; a process for which there is none ends."""
        if not self._waiting:
            child.close()
            return
        key = self._waiting.popleft()
        self._tried[key] += 1
        self._working[child.pipe] = child, key
        with suppress(OSError):  # it is dead: `wait` tells
            child.pipe.send_bytes(strict_json.line({"entry": self._entry, "piece": self._todo[key]}).encode())

    def _answered(self, pipe: Any) -> None:
        child, key = self._working.pop(pipe)
        lives = True
        try:
            answer = Answer.decoded(pipe.recv_bytes())
        except (EOFError, OSError):
            lives, answer = False, Answer(None, _how_it_died(child), final=False)
            child.close()
        if answer.row is not None or answer.final:
            self._done(key, answer)
        elif self._tried[key] < self._tries:
            self._waiting.append(key)  # behind the others: they are not held up by a piece that kills
        else:
            self._done(key, answer.given_up(self._tries))
        if lives:
            self._give(child)
        elif self._waiting:
            self._give(self._started())


def _how_it_died(child: PipedChild) -> str:
    code = child.process.wait()
    with suppress(ValueError):
        return f"the process that did it was ended by {signal.Signals(-code).name}"
    return f"the process that did it ended with exit code {code}"
