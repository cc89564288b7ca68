"""Opens a model of unknown origin in a child process first: a file that crashes the runtime ends the child, not us.

The child loads the model on the CPU and runs it on zeros, on its goldens and on seeded inputs, within limits on time,
memory and what it may write (`edgemm.model.probe_child`). A file that passes is remembered (`edgemm.artifact.trust`).
A refusal is remembered for this process, if the file was at fault and not the machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from edgemm.artifact import Artifact
from edgemm.artifact.trust import described_shapes, remember, runtime_version
from edgemm.child_process import cannot_start, start_piped
from edgemm.errors import (
    ArtifactError,
    CardError,
    DamagedArtifact,
    EdgemmError,
    InputError,
    MachineShortage,
    MissingDependency,
    UnsupportedVersion,
)
from edgemm.excerpt import excerpt
from edgemm.model.probe_limits import LOW_LIMIT, PATIENCE, TOO_LARGE, too_large
from edgemm.onnx_runtime import TELEMETRY
from edgemm.shortage import shortage, shortage_in

FIRST_S = 60.0
"""Processor time for opening a file and its first run; a further one has a sixth, or 20 times what the first took."""
START_S = 60.0
"""For the child to start and import the runtime."""
RUNS = 8
"""Zeros, at most four goldens, three seeded inputs."""
MEMORY_MB_VARIABLE = "EDGEMM_PROBE_MEMORY_MB"
_BASE_MEMORY = 768 << 20
_PER_BYTE = 8
"""A model may need 768 MB and 8 times its own size: runtimes unpack weights and plan memory for activations."""

_KINDS: dict[str, type[EdgemmError]] = {
    kind.__name__: kind
    for kind in (ArtifactError, CardError, DamagedArtifact, UnsupportedVersion, InputError, MachineShortage)
}
_NOT_TRIED = "the file could not be tried"
_refused: dict[str, tuple[str, str]] = {}
"""Content and shapes of a file -> kind of the error and its text; where the file was at fault."""


def probe(artifact: Artifact, *, first_s: float = FIRST_S, open_sizes: bool = False) -> None:
    """Loads and runs the payload in a child process; one that passed or was refused is not asked about again.

    Args:
        open_sizes: it is to be run with the sizes that it leaves open: it is tried with several.

    Returns also when the model loads and only lacks an accelerator, as one compiled for an Edge TPU does.

    Raises:
        DamagedArtifact: the runtime refused it, crashed on it, or did not come back.
        ArtifactError: it needs more memory than a model of its size may, or leaves shapes open.
        UnsupportedVersion: the runtime here is too old for it.
        MachineShortage: it could not be tried: no memory, file descriptor or process is left here.
        MissingDependency: there is no runtime for it.
    """
    key = json.dumps([artifact.sha256(), artifact.format, described_shapes(artifact), open_sizes])
    if key not in _refused:
        runtime_version(artifact.format)  # what is missing is said here, with its command
        kind, message, final = _verdict(artifact, first_s, open_sizes)
        if not kind:
            remember(artifact, "probed", open_sizes=open_sizes)
            return
        if not final:
            raise _KINDS[kind](f"{artifact.path}: {message}")
        _refused[key] = kind, message
    kind, message = _refused[key]
    raise _KINDS.get(kind, DamagedArtifact)(f"{artifact.path}: {message}")


def memory_limit(artifact: Artifact) -> int:
    """Bytes that opening and running a file of this size may take."""
    named = os.environ.get(MEMORY_MB_VARIABLE, "")
    if named.isdecimal() and int(named):
        return int(named) << 20
    return _BASE_MEMORY + _PER_BYTE * len(artifact.payload)


def _verdict(artifact: Artifact, first_s: float, open_sizes: bool) -> tuple[str, str, bool]:
    """(kind of error, message, whether the file was at fault); ("", "", True) when it runs."""
    try:
        report = _ask(artifact, first_s, open_sizes)
    except MachineShortage as error:
        return MachineShortage.__name__, f"{_NOT_TRIED}: {error}", False
    answer = report.get("answer")
    if answer is not None and report.get("code", 0) == 0:
        kind, message = map(str, answer)
        if kind in (MachineShortage.__name__, MissingDependency.__name__):
            return MachineShortage.__name__, f"{_NOT_TRIED}: {message}", False
        return kind, message, True
    return _ended(report, artifact, first_s)


def _ended(report: dict[str, Any], artifact: Artifact, first_s: float) -> tuple[str, str, bool]:
    """How a process without an answer ended, and whose fault that was."""
    code, said = int(report["code"]), str(report["said"])
    if -code == signal.SIGALRM:
        return (
            "ArtifactError",
            "it was not run in time: this machine is too busy, or the runtime waits for ever",
            False,
        )
    if -code in (signal.SIGPROF, signal.SIGXCPU):
        return (
            "DamagedArtifact",
            f"one run did not end within its time (at most {first_s:g} s); it is not loaded",
            True,
        )
    if -code == signal.SIGKILL:
        return (
            "MachineShortage",
            f"{_NOT_TRIED}: the system killed the process, as it does when memory ends",
            False,
        )
    if report["memory_is_short"] and code:
        return (
            "MachineShortage",
            f"{_NOT_TRIED}: {LOW_LIMIT}",
            False,
        )
    if -code == TOO_LARGE or shortage_in(said):
        return "ArtifactError", too_large(memory_limit(artifact)), True
    how = f"ended with {code}"
    if code < 0:
        with suppress(ValueError):  # a signal without a name
            how = f"was killed by {signal.Signals(-code).name}"
    last = f" ({said})" if said else ""
    return "DamagedArtifact", f"the process that tried it {how}{last}; it is damaged or hostile", True


class _Process:
    """A child that answers one question after the other."""

    def __init__(self) -> None:
        """Raises:
        OSError: no process can be started.
        """
        self._asked = start_piped(
            "edgemm.model.probe_child:main",
            env={**os.environ, TELEMETRY: os.environ.get(TELEMETRY, "1"), **_ONE_THREAD},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._child, self._pipe = self._asked.process, self._asked.pipe

    def ask(self, question: dict[str, Any], payload: bytes, goldens: bytes, limit_s: float) -> dict[str, Any]:
        """Raises:
        MachineShortage: the child could not start, or is gone: files run in processes that it forks.
        """
        try:
            self._pipe.send_bytes(json.dumps(question).encode())
            self._pipe.send_bytes(payload)
            self._pipe.send_bytes(goldens)
            if not self._pipe.poll(limit_s):
                raise MachineShortage(
                    "the process that tries files does not answer: this machine is too busy"
                )
            answer: dict[str, Any] = json.loads(self._pipe.recv_bytes())
            return answer
        except (EOFError, OSError) as error:
            raise MachineShortage(self._why_gone()) from error

    def _why_gone(self) -> str:
        self._child.kill()
        said = self._child.stderr.read().decode("utf-8", "replace") if self._child.stderr is not None else ""
        self._child.wait()
        last = (
            [line.strip() for line in said.splitlines() if line.strip()]
            or [f"exit status {self._child.returncode}"]
        )[-1]
        return shortage_in(said) or f"the process that tries files ended ({excerpt(last, 200)})"

    def close(self) -> None:
        """Ends it, and what it forked."""
        self._asked.close()


_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""The child forks, so it has one thread; and the memory that many threads reserve would count."""
_lock = threading.Lock()
_kept: list[_Process] = []
_keepers = 0


@contextmanager
def probing() -> Iterator[None]:
    """Inside, one child serves probe after probe; otherwise each probe starts its own. May be nested."""
    global _keepers
    with _lock:
        _keepers += 1
    try:
        yield
    finally:
        with _lock:
            _keepers -= 1
            while not _keepers and _kept:
                _kept.pop().close()


def _ask(artifact: Artifact, first_s: float, open_sizes: bool) -> dict[str, Any]:
    goldens = artifact.goldens.to_bytes() if artifact.goldens is not None else b""
    question = {
        "format": artifact.format,
        "shapes": described_shapes(artifact),
        "first_s": first_s,
        "open": open_sizes,
        "memory_bytes": memory_limit(artifact),
    }
    try:
        process = _take()
    except OSError as error:
        raise MachineShortage(cannot_start(error)) from error
    kept = False
    try:
        report = process.ask(question, artifact.payload, goldens, START_S + RUNS * PATIENCE * first_s)
        kept = _keep(process)
        return report
    except MemoryError as error:
        raise MachineShortage(shortage(error)) from error
    finally:
        if not kept:
            process.close()


def _take() -> _Process:
    with _lock:
        if _kept:
            return _kept.pop()
    return _Process()


def _keep(process: _Process) -> bool:
    with _lock:
        if _keepers:
            _kept.append(process)
        return bool(_keepers)
