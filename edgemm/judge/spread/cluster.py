"""Pieces done on a Dask cluster that is there already.

The workers need the same edgemm, and the files of the pieces at the same paths, of the same content. What is sent is
the name of a function and JSON, and JSON comes back.

A worker that dies loses nothing: the scheduler gives its piece to another one. A row that lay there is asked for as
long as Dask is set to (`distributed.comm.timeouts.connect`, 30 s), and then computed again. A piece that kills one
worker after the other is given up by the scheduler, after so many as it is set to
(`distributed.scheduler.allowed-failures`, 3).
"""

from __future__ import annotations

import json
import secrets
import socket
import time
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
_MOST_BYTES = 1 << 20
_LOOK_S = 0.5
"""Between two looks at signals, and at whether anybody works."""


def on_cluster(address: str, entry: str, todo: Mapping[str, Json], tries: int, done: Done) -> None:
    """On the cluster whose scheduler is at `address`, such as "tcp://10.0.0.7:8786", or in its scheduler file.

    Raises:
        MissingDependency: Dask is not installed here.
        InputError: there is no scheduler.
        EdgemmError: it has no worker, or goes away.
    """
    distributed = load_dependency("distributed", "Dask", "dask")
    client = _connected(distributed, address)
    try:
        _Run(distributed, client, address, done).all(entry, todo, tries)
    finally:
        with suppress(Exception):
            client.close(timeout=2)


def remote(entry: str, piece: str, version: str) -> str:
    """What a worker does: one piece, as JSON, to an `Answer`, as JSON."""
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
    def __init__(self, distributed: Any, client: Any, address: str, done: Done) -> None:
        self._distributed, self._client, self._address, self._done = distributed, client, address, done
        self._worked_s = time.monotonic()
        self._ended: SimpleQueue[Any] = SimpleQueue()
        """Futures, put in by a thread of the client."""

    def all(self, entry: str, todo: Mapping[str, Json], tries: int) -> None:
        name = secrets.token_hex(4)  # a piece that another run has asked for is not taken from it
        left = dict.fromkeys(todo, tries)
        futures: dict[Any, str] = {}

        def submit(key: str) -> None:
            left[key] -= 1
            text, task = strict_json.line(todo[key]), f"edgemm-{name}-{key}-{left[key]}"
            future = self._client.submit(remote, entry, text, __version__, key=task, pure=False)
            futures[future] = key
            future.add_done_callback(self._ended.put)

        try:
            for key in todo:
                submit(key)
            while futures:
                signals.check()
                future = self._next()
                if future not in futures:
                    continue
                key = futures.pop(future)
                answer = self._answer(future)
                if answer.row is not None or answer.final:
                    self._done(key, answer)
                elif left[key]:
                    submit(key)
                else:
                    self._done(key, answer.given_up(tries))
        finally:
            if futures:
                with suppress(Exception):
                    self._client.cancel(list(futures), force=True)

    def _next(self) -> Any:
        """A future that has ended; None where there is none yet."""
        if self._client.status != "running":
            raise self._lost()
        try:
            return self._ended.get(timeout=_LOOK_S)
        except Empty:
            self._require_workers()
            return None

    def _answer(self, future: Any) -> Answer:
        if future.status == "finished":
            return Answer.decoded(future.result())
        if future.status != "error":  # cancelled, lost
            raise self._lost()
        error = future.exception()
        if isinstance(error, self._distributed.scheduler.KilledWorker):
            return Answer(None, "each worker that did it died; given up by the scheduler")
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
            raise EdgemmError(
                f"--dask {self._address}: expected at least one worker, found none for {WORKERS_S:.0f} s. Start "
                f"one with `dask worker {self._address}`. The rows that are done are kept"
            )

    def _lost(self) -> EdgemmError:
        return EdgemmError(
            f"--dask {self._address}: the scheduler went away. The rows that are done are kept: judge again with the "
            "same file of rows"
        )
