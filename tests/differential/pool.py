"""Workers, one process each, that take points and are started again when they die or stall."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, cast

from tests.differential.points import Point
from tests.differential.worker import Result, serve

Serve = Callable[[Connection, str], None]
TIMEOUT_S = 180.0
"""For one point: a repair may take 60 s."""


class _Worker:
    """One child and the point that it is at."""

    def __init__(self, errors: Path, serving: Serve) -> None:
        self._errors, self._serving = errors, serving
        self.point: Point | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        # Not a daemon: a conversion may start processes of its own, which daemons may not.
        self._child = context.Process(target=self._serving, args=(theirs, str(self._errors)))
        self._child.start()
        theirs.close()

    def give(self, point: Point) -> None:
        """Begins with a point."""
        self.point, self._began_s = point, time.monotonic()
        self.pipe.send(point)

    @property
    def late(self) -> bool:
        """True when its point takes too long."""
        return self.point is not None and time.monotonic() - self._began_s > TIMEOUT_S

    def take(self) -> Result:
        """The result that is there, or what is left of a dead worker, which is started again."""
        point = cast(Point, self.point)
        self.point = None
        try:
            return cast(Result, self.pipe.recv())
        except (EOFError, ConnectionResetError):
            self._child.join(10)
            code = self._child.exitcode
            self._start()
            return Result(
                point, "crash", f"exit {code}", self._last_words(), time.monotonic() - self._began_s
            )

    def give_up(self) -> Result:
        """Kills the child, which takes too long, and starts another."""
        point = cast(Point, self.point)
        self.point = None
        self.stop()
        self._start()
        return Result(point, "time-out", "", f"no answer in {TIMEOUT_S:.0f} s", TIMEOUT_S)

    def _last_words(self) -> str:
        lines = self._errors.read_text(errors="replace").splitlines() if self._errors.exists() else []
        return next((line for line in reversed(lines) if line.strip() and "INFO" not in line), "")[:300]

    def stop(self) -> None:
        """Ends the child."""
        self.pipe.close()
        self._child.kill()
        self._child.join()


def results(points: Sequence[Point], jobs: int = 1, serving: Serve = serve) -> Iterator[Result]:
    """One result per point, as they come. Points of one source follow each other in one worker.

    Args:
        serving: what a worker runs, importable by its name.
    """
    groups = _groups(points)
    with tempfile.TemporaryDirectory() as folder:
        workers = [
            _Worker(Path(folder, f"{number}.log"), serving)
            for number in range(max(1, min(jobs, len(groups))))
        ]
        queues: dict[int, list[Point]] = {id(worker): [] for worker in workers}
        try:
            while True:
                for worker in workers:
                    queue = queues[id(worker)]
                    if worker.point is None and (queue or groups):
                        if not queue:
                            queue.extend(groups.pop(0))
                        worker.give(queue.pop(0))
                busy = {worker.pipe: worker for worker in workers if worker.point is not None}
                if not busy:
                    return
                yield from _ready(busy)
        finally:
            for worker in workers:
                worker.stop()


def _ready(busy: dict[Connection, Any]) -> Iterator[Result]:
    for pipe in wait(list(busy), timeout=1.0):
        yield busy.pop(cast(Connection, pipe)).take()
    for worker in busy.values():
        if worker.late:
            yield worker.give_up()


def _groups(points: Sequence[Point]) -> list[list[Point]]:
    """The points of each source together, so that it is made once."""
    groups: dict[Any, list[Point]] = {}
    for point in points:
        groups.setdefault(point.graph, []).append(point)
    return list(groups.values())
