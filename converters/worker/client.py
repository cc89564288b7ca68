"""The caller's side of the worker: one process serves one conversion after the other, and is replaced when it dies."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Literal

from edgemm.artifact import Format
from edgemm.child_process import cannot_start, start_piped
from edgemm.converters.worker.wire import Array, Content, receive, send
from edgemm.errors import ConversionError, MachineShortage, MissingDependency
from edgemm.excerpt import excerpt
from edgemm.quantize.reference import Apart

TIMEOUT_S = 600.0
"""Time limit of one answer; after it the process is killed."""

How = Literal["device", "written", "optimized"]
"""As a device runs it, or (ONNX) every node as written, or with the runtime's optimizations."""


class RunFailed(ConversionError):
    """A runtime refused a file, failed in it, or died of it."""

    kind: str = ""
    """Name of the error that it raised; empty where it died."""

    @property
    def died(self) -> bool:
        """It ended its process, or did not come back, and so says nothing of why."""
        return not self.kind


class Parcel:
    """A file that is let go of as soon as the worker has it: here it is needed no more."""

    def __init__(self, file: bytes | Apart) -> None:
        self._file = file

    def take(self) -> bytes | Apart:
        """The file; empty from then on."""
        file, self._file = self._file, b""
        return file


class _Process:
    """A worker that runs, and the pipe to it."""

    def __init__(self) -> None:
        """Raises:
        MachineShortage: no process can be started.
        """
        try:
            with ExitStack() as failed:
                said = failed.enter_context(os.fdopen(os.memfd_create("edgemm-worker"), "w+b"))
                self._asked = start_piped("edgemm.converters.worker.child:main", stdout=said, stderr=said)
                self._said: IO[bytes] = said
                failed.pop_all()
        except OSError as error:
            raise MachineShortage(f"the process that runs models: {cannot_start(error)}") from error
        self._child, self.pipe = self._asked.process, self._asked.pipe
        self.left_open = ""
        """What tells the file apart that the last session left open; "" where there is none."""

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._child.poll() is None

    @property
    def idled(self) -> bool:
        """It ended by itself, as it does when nobody has asked for a while."""
        return self._child.poll() == 0

    def ask(
        self, content: Content, arrays: Sequence[Array] = (), file: bytes | Parcel | Apart = b""
    ) -> tuple[Content, list[Array]]:
        """One question and its answer.

        Raises:
            RunFailed: the runtime raised, died, or did not come back.
        """
        try:
            self._send(content, arrays, file)
            if not self.pipe.poll(TIMEOUT_S):
                self._child.kill()
                raise RunFailed(f"one inference did not end within {TIMEOUT_S:g} s")
            answer, found, _ = receive(self.pipe)
        except (EOFError, OSError) as error:
            raise RunFailed(self._end()) from error
        if "error" in answer:
            if answer["error"] == MissingDependency.__name__:
                raise MissingDependency("The runtime of this format", "device")
            failed = RunFailed(str(answer["message"]))
            failed.kind = str(answer["error"])
            raise failed
        return answer, found

    def _send(self, content: Content, arrays: Sequence[Array], file: bytes | Parcel | Apart) -> None:
        given = file.take() if isinstance(file, Parcel) else file
        if isinstance(given, Apart):
            content = {**content, "weights": list(given.weights)}
            send(self.pipe, content, list(given.weights.values()), given.payload)
        else:
            send(self.pipe, content, arrays, given)

    def _end(self) -> str:
        """How the process died, and the last it said."""
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(5.0)
        code = self._child.poll()
        self._said.seek(0)
        lines = [line.strip() for line in self._said.read().decode("utf-8", "replace").splitlines()]
        told = (line for line in reversed(lines) if line and not line.startswith("INFO: "))
        last = excerpt(next(told, ""), 200)
        how = f"ended with {code}"
        if code is not None and code < 0:
            with suppress(ValueError):  # a signal without a name
                how = f"was killed by {signal.Signals(-code).name}"
        return f"the runtime's process {how}" + (f" ({last})" if last else "")

    def close(self) -> None:
        """Ends it."""
        self._asked.close()
        self._said.close()


def replayed(path: Path) -> list[tuple[str, float, float, bool]]:
    """Loads an artifact in the worker as a device loads it, and replays its goldens.

    Returns:
        Of each output: its name, largest error, tolerance, and whether that holds.

    Raises:
        RunFailed: it cannot be loaded, or dies.
    """
    process, answer, _ = _asked({"replay": str(path.absolute())})
    _give(process)
    return [(str(name), float(error), float(most), bool(ok)) for name, error, most, ok in answer["outcomes"]]


def evaluated(payload: bytes) -> list[Array]:
    """Runs a .tflite file without inputs in the worker, without delegates.

    Returns:
        Its outputs as they are stored, in their order.

    Raises:
        RunFailed: LiteRT refuses the file, or dies of it.
    """
    process, _, found = _asked({"evaluate": True}, file=payload)
    _give(process)
    return found


def tensors_of(payload: bytes, *, allocate: bool) -> dict[int, tuple[int, ...]]:
    """Loads a .tflite file in the worker, without delegates.

    Args:
        allocate: sizes are computed from those of the inputs; without it they are as they stand in the file.

    Returns:
        Number of each tensor of the first graph -> its sizes.

    Raises:
        RunFailed: LiteRT refuses the file, or dies of it.
    """
    process, answer, _ = _asked({"tensors": allocate}, file=payload)
    _give(process)
    return {int(index): tuple(int(size) for size in shape) for index, shape in answer["tensors"]}


_idle: list[_Process] = []
_lock = threading.Lock()


def _close_all() -> None:
    while _idle:
        _idle.pop().close()


atexit.register(_close_all)


def _take() -> _Process:
    """A worker that waits for work, or a new one."""
    with _lock:
        while _idle:
            process = _idle.pop()
            if process.alive:
                return process
            process.close()
    return _Process()


def _give(process: _Process) -> None:
    """Back to those that wait, if it lives."""
    if not process.alive:
        process.close()
        return
    with _lock:
        _idle.append(process)


def _asked(
    content: Content, arrays: Sequence[Array] = (), file: bytes | Apart = b""
) -> tuple[_Process, Content, list[Array]]:
    """A worker and its answer to the first question; another worker's where the first was about to end.

    Raises:
        RunFailed: as `_Process.ask`.
    """
    process = _take()
    try:
        if process.left_open:
            process.left_open = ""
            process.ask({"close": True})
        return process, *process.ask(content, arrays, file)
    except RunFailed:
        idled = process.idled
        _give(process)
        if not idled:
            raise
    except BaseException:
        _give(process)
        raise
    process = _Process()
    try:
        return process, *process.ask(content, arrays, file)
    except BaseException:
        _give(process)
        raise


class Session:
    """One file, open in the worker."""

    def __init__(self, process: _Process, content: Content) -> None:
        self._process = process
        self.inputs: tuple[str, ...] = tuple(content["inputs"])
        """Names of the file's inputs, in order."""
        self.outputs: tuple[str, ...] = tuple(content["outputs"])
        """Names of its outputs, in order."""
        self.elapsed_ns = 0
        """Of the last run."""

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """All outputs, in order.

        Args:
            arrays: one for each input, in order, as the file stores it.

        Raises:
            RunFailed: the runtime failed, died, or did not come back.
        """
        answer, found = self._process.ask({}, arrays)
        self.elapsed_ns = int(answer["elapsed_ns"])
        return found

    def time(self, arrays: Sequence[Array], most: int) -> list[int]:
        """Nanoseconds of inferences one right after the other, as in a program that does nothing else.

        Args:
            arrays: as `run` takes them.
            most: inferences at most; fewer, at least one, of a slow model.

        Raises:
            RunFailed: the runtime failed, died, or did not come back.
        """
        answer, _ = self._process.ask({"time": most}, arrays)
        return [int(each) for each in answer["times_ns"]]


@contextmanager
def opened(
    payload: bytes | Parcel | Apart,
    format_: Format,
    how: How = "device",
    *,
    signature: str = "",
    keep: bool = False,
) -> Iterator[Session]:
    """Opens a file in the worker; when the session ends, the worker frees it.

    Args:
        payload: the file, or one that is let go of, or an ONNX graph with large constants beside it, which is not run
            as "device".
        signature: of a .tflite file, by whose names its inputs and outputs go; "" for its first graph as it is.
        keep: the worker frees it only when it is asked for something else: the next session may be of the same file.

    Raises:
        RunFailed: the runtime refused the file, or died of it.
        MissingDependency: there is no runtime for it.
    """
    question: Content = {"open": format_, "how": how, "signature": signature, "weights": []}
    name = _name(payload, question) if keep and isinstance(payload, bytes) else ""
    left = _left_open(name) if name else None
    if left is not None:
        process, content = left
    elif isinstance(payload, Parcel):
        process, _, _ = _asked({"close": True})  # a worker that is there: nothing can be sent twice
        try:
            process.ask({**question, "waits": True}, file=payload)
            content, _ = process.ask({"arrived": True})  # opened once the file is there alone
        except BaseException:
            _give(process)
            raise
    else:
        process, content, _ = _asked(question, file=payload)
    del payload
    try:
        yield Session(process, content)
        process.left_open = name
    except BaseException as error:
        if not isinstance(error, Exception):  # stopped in the middle of an answer that nobody waits for
            process.close()
        raise
    finally:
        if process.alive and not process.left_open:
            with suppress(RunFailed):  # it died of it: whoever is next gets another
                process.ask({"close": True})
        _give(process)


def _name(payload: bytes, question: Content) -> str:
    """What tells a file apart that is opened in some way."""
    return f"{hashlib.sha256(payload).hexdigest()} {json.dumps(question)}"


def _left_open(name: str) -> tuple[_Process, Content] | None:
    """A worker in which that file is open still, and its inputs and outputs."""
    with _lock:
        process = next((each for each in _idle if each.left_open == name), None)
        if process is None:
            return None
        _idle.remove(process)
    process.left_open = ""
    try:
        return process, process.ask({"opened": True})[0]
    except RunFailed:  # it has ended, as it does when nobody has asked for a while
        _give(process)
        return None
    except BaseException:
        process.close()
        raise
