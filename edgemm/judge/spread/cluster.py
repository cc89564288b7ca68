"""Pieces done on a Dask cluster that is there already.

The workers need the same edgemm, and the files of the pieces at the same paths, of the same content. What is sent is
the name of a function and JSON, and JSON comes back.

A worker that dies loses nothing: the scheduler gives its piece to another one. A row that lay there is asked for as
long as Dask is set to (`distributed.comm.timeouts.connect`, 30 s), and then computed again. A piece whose workers die
is given up by the scheduler after so many as it is set to (`distributed.scheduler.allowed-failures`, 3), and with it
what merely was on the same workers. So each of these is tried once more when all others are done, alone: which kills
again is given up. The same holds for a piece that takes longer than the limit; its worker is restarted, or, where no
nanny could do that, sent away.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from edgemm import signals, strict_json
from edgemm.dependency import load_dependency
from edgemm.errors import EdgemmError, InputError
from edgemm.excerpt import excerpt
from edgemm.judge.spread.here import Done
from edgemm.judge.spread.piece import Answer, Json, do
from edgemm.version import __version__

CONNECT_S = 10.0
WORKERS_S = 60.0
"""So long without a single worker, and it is an error."""
LIMIT_S = 3600.0
"""So long one piece may take, where nobody says."""
_CLOSING_S = 10.0
"""For a worker that hangs to be restarted."""
_MOST_BYTES = 1 << 20
_LOOK_S = 0.5
"""Between two looks at signals, and at whether anybody works."""


def on_cluster(
    address: str, entry: str, todo: Mapping[str, Json], tries: int, done: Done, limit_s: float = LIMIT_S
) -> None:
    """On the cluster whose scheduler is at `address`, such as "tcp://10.0.0.7:8786", or in its scheduler file.

    Args:
        limit_s: seconds that a worker may take for one piece.

    Raises:
        MissingDependency: Dask is not installed here.
        InputError: there is no scheduler.
        EdgemmError: it has no worker, or goes away.
    """
    distributed = load_dependency("distributed", "Dask", "dask")
    client = _connected(distributed, address)
    try:
        _Run(distributed, client, address, done, limit_s).all(entry, todo, tries)
    finally:
        with suppress(Exception):
            client.close(timeout=2)


def remote(entry: str, piece: str, version: str, run: str = "", task: str = "") -> str:
    """What a worker does: one piece, as JSON, to an `Answer`, as JSON. It tells the run that the task has begun."""
    if run:
        from distributed import get_worker

        worker = get_worker()
        worker.log_event(run, {"task": task, "worker": worker.address})
    if version != __version__:
        return Answer(
            None,
            f"the worker on {socket.gethostname()} has edgemm {__version__}: expected {version}, as here",
        ).encoded()
    return do(entry, json.loads(piece)).encoded()


def _connected(distributed: Any, address: str) -> Any:
    try:
        at = _from_file(Path(address)) if address.endswith(".json") else address
        return distributed.Client(at, timeout=CONNECT_S, set_as_default=False, name="edgemm-judge")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"--dask {address}: expected the address of a Dask scheduler that runs, such as tcp://10.0.0.7:8786; "
            f"none answers ({excerpt(str(error), 200) or type(error).__name__}). Start one with `dask scheduler`, and "
            "workers with `dask worker ADDRESS`"
        ) from error


def _from_file(path: Path) -> str:
    """What `dask scheduler --scheduler-file` has written."""
    return str(strict_json.parse(path.read_bytes(), _MOST_BYTES)["address"])


class _Run:
    def __init__(self, distributed: Any, client: Any, address: str, done: Done, limit_s: float) -> None:
        self._distributed, self._client, self._address, self._done = distributed, client, address, done
        self._worked_s, self._limit_s = time.monotonic(), limit_s
        self._ended: SimpleQueue[Any] = SimpleQueue()
        """Futures, put in by a thread of the client."""
        self._name = f"edgemm-{secrets.token_hex(4)}"
        """A piece that another run has asked for is not taken from it."""
        self._begun: dict[str, tuple[float, str]] = {}
        """Task -> when it was begun, and the worker; put in by a thread of the client."""
        self._futures: dict[Any, str] = {}
        self._suspects: deque[str] = deque()
        """Pieces whose workers died or took too long, once."""
        self._alone = ""
        """The suspect that is tried once more."""

    def all(self, entry: str, todo: Mapping[str, Json], tries: int) -> None:
        left = dict.fromkeys(todo, tries)
        count = 0

        def submit(key: str) -> None:
            nonlocal count
            left[key], count = left[key] - 1, count + 1
            text, task = strict_json.line(todo[key]), f"{self._name}-{key}-{count}"
            given = (entry, text, __version__, self._name, task)
            future = self._client.submit(remote, *given, key=task, pure=False)
            self._futures[future] = key
            future.add_done_callback(self._ended.put)

        self._client.subscribe_topic(self._name, self._note)
        try:
            for key in todo:
                submit(key)
            while self._futures or self._suspects:
                signals.check()
                if not self._futures:
                    self._alone = self._suspects.popleft()
                    submit(self._alone)
                future = self._next()
                self._stop_late()
                if future not in self._futures:
                    continue
                key = self._futures.pop(future)
                answer = self._answer(future)
                if answer is None:
                    self._suspect(key, "each worker that did it died, also when nothing else was done")
                elif answer.row is not None or answer.final:
                    self._done(key, answer)
                elif left[key] > 0:
                    submit(key)
                else:
                    self._done(key, answer.given_up(tries))
        finally:
            with suppress(Exception):
                self._client.unsubscribe_topic(self._name)
            if self._futures:
                with suppress(Exception):
                    self._client.cancel(list(self._futures), force=True)

    def _note(self, event: tuple[float, Mapping[str, str]]) -> None:
        self._begun[event[1]["task"]] = time.monotonic(), event[1]["worker"]

    def _suspect(self, key: str, reason: str) -> None:
        """Tried once more, alone; given up where that was so already."""
        if key != self._alone:
            self._suspects.append(key)
        else:
            self._done(key, Answer(None, f"{reason}; given up"))

    def _stop_late(self) -> None:
        """Ends pieces that take too long, and what does them."""
        now = time.monotonic()
        for future, key in list(self._futures.items()):
            begun_s, worker = self._begun.get(future.key, (now, ""))
            if now - begun_s <= self._limit_s or future.done():
                continue
            del self._futures[future]
            with suppress(Exception):
                self._cancel(future, worker)
            self._send_away(worker)
            self._suspect(
                key, f"a worker took longer than {self._limit_s:g} s for it, also when nothing else was done"
            )

    def _cancel(self, future: Any, worker: str) -> None:
        """Until the scheduler knows of it, or it would give the piece to the next worker."""
        self._client.cancel([future], force=True)
        end_s = time.monotonic() + _CLOSING_S
        while future.key in self._client.processing([worker]).get(worker, ()) and time.monotonic() < end_s:
            time.sleep(0.05)

    def _send_away(self, worker: str) -> None:
        """Python ends no thread: its process is restarted, where a nanny can, or gets no more work."""
        with suppress(Exception):
            self._client.restart_workers([worker], timeout=_CLOSING_S, raise_for_error=False)
            return
        with suppress(Exception):
            self._client.retire_workers([worker], close_workers=True)

    def _next(self) -> Any:
        """A future that has ended; None where there is none yet."""
        if self._client.status != "running":
            raise self._lost()
        try:
            return self._ended.get(timeout=_LOOK_S)
        except Empty:
            self._require_workers()
            return None

    def _answer(self, future: Any) -> Answer | None:
        """None where its workers died."""
        if future.status == "finished":
            return Answer.decoded(future.result())
        if future.status != "error":  # cancelled, lost
            raise self._lost()
        error = future.exception()
        if isinstance(error, self._distributed.scheduler.KilledWorker):
            return None
        return Answer(
            None,
            f"a worker cannot do it ({type(error).__name__}: {excerpt(str(error), 200)}). The workers need the edgemm "
            "that is here, with what it needs",
        )

    def _require_workers(self) -> None:
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
        except TypeError:  # older ones tell of all
            workers = self._client.scheduler_info()["workers"]
        if workers:
            self._worked_s = time.monotonic()
        elif time.monotonic() - self._worked_s > WORKERS_S:
            if self._alone:
                self._give_up_alone()
                return
            raise EdgemmError(
                f"--dask {self._address}: expected at least one worker, found none for {WORKERS_S:.0f} s. Start "
                f"one with `dask worker {self._address}`. The rows that are done are kept"
            )

    def _give_up_alone(self) -> None:
        """No worker is left, and only suspects are."""
        for key in (*self._futures.values(), *self._suspects):
            self._done(
                key, Answer(None, "the worker that did it died, and none is left that could try again")
            )
        self._futures.clear()
        self._suspects.clear()

    def _lost(self) -> EdgemmError:
        return EdgemmError(
            f"--dask {self._address}: the scheduler went away. The rows that are done are kept: judge again with the "
            "same file of rows"
        )
