"""The probe's process: for each file that it is asked about it forks a process, which opens the file and runs it.

The runtimes are imported once, before the fork, so that a probe takes a few milliseconds. Whatever a file does, it
does it to the forked process, which has limits on time, memory and output; this one only reports how it ended.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from edgemm.artifact import Artifact
from edgemm.artifact.goldens import Goldens
from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.errors import ArtifactError, DamagedArtifact, DelegateError, EdgemmError, MachineShortage
from edgemm.excerpt import excerpt
from edgemm.model.probe_limits import (
    LOW_LIMIT,
    Limits,
    allow,
    die_with,
    leaves_less_than,
    set_limits,
    too_large,
    unlimited_but_watched,
    used_of,
)
from edgemm.shortage import shortage, shortage_in

ANSWER_BYTES = 1 << 14
_REFUSED = (
    RuntimeError,
    ValueError,
    TypeError,
    OSError,
    MemoryError,
    OverflowError,
    ArithmeticError,
    LookupError,
)


def main() -> int:
    """Serves the pipe whose descriptor is named on the command line, until the other side closes it."""
    pipe = Connection(int(sys.argv[1]))
    with suppress(EOFError, OSError):
        while True:
            question = json.loads(pipe.recv_bytes())
            payload, goldens = pipe.recv_bytes(), pipe.recv_bytes()
            pipe.send_bytes(json.dumps(_answered(question, payload, goldens)).encode())
    return 0


def _answered(question: dict[str, Any], payload: bytes, goldens: bytes) -> dict[str, Any]:
    from edgemm.artifact.trust import runtime_version

    try:
        runtime_version(question["format"])  # imports it
        return _fork(question, payload, goldens)
    except EdgemmError as error:
        return {"answer": [type(error).__name__, str(error)]}
    except (OSError, MemoryError) as error:
        return {"answer": [MachineShortage.__name__, shortage(error) or str(error)]}


def _fork(question: dict[str, Any], payload: bytes, goldens: bytes) -> dict[str, Any]:
    """What came of one file: the forked process's answer, where it gave one, and how it ended."""
    said, (out, into) = os.memfd_create("edgemm-probe"), os.pipe()
    try:
        limits = Limits(question["first_s"], question["memory_bytes"])
        short = leaves_less_than(limits.memory_bytes)
        parent = os.getpid()
        child = os.fork()
        if not child:
            _forked(question, payload, goldens, limits, parent, said, into)
        os.close(into)
        into = -1
        answer = _read(out)
        _, status = os.waitpid(child, 0)
        return {
            "answer": json.loads(answer) if answer else None,
            "code": os.waitstatus_to_exitcode(status),
            "said": _last_line(said),
            "memory_is_short": short,
        }
    finally:
        for handle in (said, out, into):
            if handle >= 0:
                os.close(handle)


def _read(out: int) -> bytes:
    """Until the forked process has ended; its answer has a bounded length."""
    answer = b""
    while piece := os.read(out, ANSWER_BYTES):
        answer += piece
    return answer


def _last_line(said: int) -> str:
    size = os.lseek(said, 0, os.SEEK_END)
    os.lseek(said, max(size - 4096, 0), os.SEEK_SET)
    lines = [printable(line) for line in os.read(said, 4096).decode("utf-8", "replace").splitlines()]
    return excerpt(
        next((line for line in reversed(lines) if line and not line.startswith("INFO: ")), ""), 200
    )


def printable(text: str) -> str:
    """Names in a hostile file may hold what a terminal obeys."""
    return "".join(character for character in text if character.isprintable()).strip()


def _forked(
    question: dict[str, Any],
    payload: bytes,
    goldens: bytes,
    limits: Limits,
    parent: int,
    said: int,
    into: int,
) -> None:
    """The forked process; never returns."""
    code = 1
    try:
        die_with(parent)
        os.dup2(said, 1)
        os.dup2(said, 2)
        answer = _tried(question, payload, goldens, limits)
        os.write(into, json.dumps(answer).encode())
        code = 0
    except BaseException as error:  # noqa: BLE001  the other side sees the exit status, and this line
        os.write(2, f"{type(error).__name__}: {error}"[:500].encode("utf-8", "replace"))
    finally:
        os._exit(code)


def _tried(question: dict[str, Any], payload: bytes, goldens: bytes, limits: Limits) -> tuple[str, str]:
    """(kind of error, what it says); ("", "") when the file runs."""
    short = leaves_less_than(limits.memory_bytes)
    set_limits(limits)
    try:
        _try(question, payload, goldens, limits)
    except DelegateError:  # it loads, and needs an accelerator
        pass
    except (EdgemmError, *_REFUSED) as error:
        return _explained(error, limits, short)
    return "", ""


def _explained(error: BaseException, limits: Limits, short: bool) -> tuple[str, str]:
    lacking, text = shortage(error), _one_line(error)
    if lacking and _is_memory(error, lacking) and not short:
        return ArtifactError.__name__, too_large(limits.memory_bytes)
    if lacking:
        return MachineShortage.__name__, lacking
    if short and (isinstance(error, DamagedArtifact) or not isinstance(error, EdgemmError)):
        return MachineShortage.__name__, f"{LOW_LIMIT}. The runtime says: {text or type(error).__name__}"
    if isinstance(error, EdgemmError):
        return type(error).__name__, text
    return DamagedArtifact.__name__, f"the runtime refused it: {text or type(error).__name__}"


def _is_memory(error: BaseException, lacking: str) -> bool:
    return isinstance(error, MemoryError) or lacking == shortage_in("bad_alloc")


def _one_line(error: BaseException) -> str:
    return excerpt(printable(" ".join(str(error).removeprefix("model: ").split())), 500)


def _try(question: dict[str, Any], payload: bytes, goldens: bytes, limits: Limits) -> None:
    from edgemm.backends import open_backend
    from edgemm.model.probe_inputs import seeded_inputs

    shapes = question["shapes"]
    card = ModelCard(
        inputs=tuple(InputCard(name, shape=tuple(shape)) for name, shape in shapes.get("inputs", ())),
        outputs=tuple(OutputCard(name, tuple(shape)) for name, shape in shapes.get("outputs", ())),
    )
    artifact = Artifact(Path("model"), question["format"], payload, card, None, len(payload))
    allow(limits.first_s)
    if question["open"]:
        (_try_signatures if artifact.format == "tflite" else _try_open)(artifact, limits)
        return
    backend = open_backend(artifact, delegate="cpu")
    _run_first(backend, goldens)
    took_s = used_of(limits.first_s)
    for inputs in (*_golden_inputs(goldens), *seeded_inputs(backend.inputs)):
        allow(max(limits.later_s, min(20 * took_s, limits.first_s)))
        try:
            _run(backend, inputs)
        except DelegateError:  # an index outside of a table, say: the caller gets the same clean error
            with unlimited_but_watched(limits), suppress(DelegateError):
                _run(backend, inputs)
    allow(0)


def _try_signatures(artifact: Artifact, limits: Limits) -> None:
    """Each signature by itself."""
    from edgemm.backends import open_entries
    from edgemm.model.probe_inputs import seeded_inputs

    file = open_entries(artifact, delegate="cpu")
    for backend in file.entries.values():
        for inputs in ({}, *seeded_inputs(backend.inputs)):
            allow(limits.first_s)
            with suppress(DelegateError):
                _run(backend, inputs)
    allow(0)


def _try_open(artifact: Artifact, limits: Limits) -> None:
    """Where sizes are open nobody says which go together: a run that the runtime refuses is no fault of the file."""
    from edgemm.backends import open_values
    from edgemm.model.probe_inputs import opened_inputs

    backend = open_values(artifact, delegate="cpu")
    for inputs in opened_inputs(backend.inputs):
        allow(limits.first_s)
        with unlimited_but_watched(limits), suppress(DelegateError):
            for value in backend.run({name: backend.value(each) for name, each in inputs.items()}):
                backend.array(value)
    allow(0)


def _run_first(backend: Any, goldens: bytes) -> None:
    """On zeros; where it fails on them, on what is known to fit it, or on ones: by 0 no whole number is divided.

    Raises:
        DamagedArtifact: it runs on none of these.
    """
    from edgemm.model.probe_inputs import seeded_inputs

    try:
        _run(backend, {})
        return
    except DelegateError as error:
        failed = error
    for inputs in (*_golden_inputs(goldens), *seeded_inputs(backend.inputs)[:1]):
        with suppress(DelegateError):
            _run(backend, inputs)
            return
    raise DamagedArtifact(f"it does not run on zeros: {_one_line(failed)}") from failed


def _golden_inputs(goldens: bytes) -> tuple[Any, ...]:
    return Goldens.from_bytes(goldens).inputs if goldens else ()


def _run(backend: Any, inputs: Any) -> None:
    """One run; what is not among the inputs, or does not fit, is zeros. All outputs are read, as a caller does."""
    backend.reset()
    for index, spec in enumerate(backend.inputs):
        buffer, array = backend.input_buffer(index), inputs.get(spec.name)
        fits = array is not None and array.shape == buffer.shape and array.dtype == buffer.dtype
        buffer[...] = array if fits else 0
        del buffer  # a view would keep a runtime from moving its memory
    backend.run()
    for index in range(len(backend.outputs)):
        backend.output_buffer(index).copy()
