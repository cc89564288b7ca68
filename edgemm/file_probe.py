"""Opens a foreign model in a child process first: a file that crashes the runtime takes the child down, not us.

The child loads the model on the CPU and runs it once on zeros, within bounds on memory, time and what it
may write. A clean answer is one line of JSON; no answer is a crash.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from edgemm.artifact import Artifact, Format
from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.errors import (
    ArtifactError,
    DamagedArtifact,
    DelegateError,
    EdgemmError,
    MissingDependency,
    UnsupportedVersion,
)

TIMEOUT_S = 60.0
MEMORY_BYTES = 16 << 30
"""Address space of the child: runtimes reserve far more than they use."""
OUTPUT_BYTES = 1 << 20
"""What the child may print, or write into any file."""

_ANSWER = "edgemm.file_probe:"
_CHILD = "import sys; sys.path[:] = sys.argv[3:]; from edgemm.file_probe import main; sys.exit(main())"
"""The child finds packages where this process does: `-m` would also look into the current folder."""
_KINDS: dict[str, type[ArtifactError]] = {
    kind.__name__: kind for kind in (ArtifactError, DamagedArtifact, UnsupportedVersion)
}
_answers: dict[str, tuple[str, str]] = {}
"""Hash of a payload, and the shapes that its card says -> the kind of error and what it says; ("", "") when it
runs. Of this process."""


def probe(artifact: Artifact, *, timeout_s: float = TIMEOUT_S) -> None:
    """Loads the payload in a child process and runs it once on zeros; asks once per payload.

    Returns also when the model loads and only lacks an accelerator, as one compiled for an Edge TPU does.

    Raises:
        DamagedArtifact: the runtime refused it, crashed on it, or did not come back.
        UnsupportedVersion: the runtime here is too old for it.
        MissingDependency: there is no runtime for it.
    """
    digest = hashlib.sha256(artifact.payload).hexdigest() + json.dumps(_shapes(artifact))
    if digest not in _answers:
        kind, message = _ask_child(artifact, timeout_s)
        if kind == MissingDependency.__name__:
            _find_runtime(artifact.format)
        _answers[digest] = kind, message
    kind, message = _answers[digest]
    if kind:
        raise _KINDS.get(kind, DamagedArtifact)(f"{artifact.path}: {message}")


def _ask_child(artifact: Artifact, timeout_s: float) -> tuple[str, str]:
    with tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run(
                [sys.executable, "-c", _CHILD, artifact.format, json.dumps(_shapes(artifact)), *sys.path],
                input=artifact.payload, stdout=said, stderr=said, timeout=timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "DamagedArtifact", f"one inference did not end within {timeout_s:g} s; it is not loaded"
        except OSError as error:
            raise ArtifactError(
                f"{artifact.path}: has no card, and no process can be started to try it ({error}). "
                "Give it a card with `edgemm card set`"
            ) from error
        return _answer(done.returncode, _lines(said))


def _shapes(artifact: Artifact) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
    """Side -> name and shape of what the card describes: a file may leave shapes open."""
    card = artifact.card or ModelCard()
    return {
        side: [(each.name, each.shape) for each in entries]
        for side, entries in (("inputs", card.inputs), ("outputs", card.outputs))
    }


def _lines(said: IO[bytes]) -> list[str]:
    said.seek(0)
    lines = map(_printable, said.read(OUTPUT_BYTES).decode("utf-8", "replace").splitlines())
    return [line for line in lines if line]


def _printable(line: str) -> str:
    """Names in a hostile file may hold what a terminal obeys."""
    return "".join(character for character in line if character.isprintable()).strip()


def _answer(code: int, lines: list[str]) -> tuple[str, str]:
    answers = [line for line in lines if line.startswith(_ANSWER)]
    if code == 0 and answers:
        kind, message = json.loads(answers[-1].removeprefix(_ANSWER))
        return str(kind), str(message)
    with suppress(ValueError):  # a signal without a name
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        last = f" ({lines[-1][:200]})" if lines else ""
        return "DamagedArtifact", f"the process that tried it {how}{last}; it is damaged or hostile"
    return "DamagedArtifact", f"the process that tried it ended with {code}; it is damaged or hostile"


def _find_runtime(format_: Format) -> None:
    """Raises MissingDependency, with the command that installs it."""
    if format_ == "tflite":
        from edgemm.backends.runtime import find_litert

        find_litert()
        return
    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingDependency("ONNX Runtime", "ort") from error


def main() -> int:
    """The child: payload on stdin, answer on stdout."""
    _limit()
    try:
        _try("tflite" if sys.argv[1] == "tflite" else "onnx", sys.argv[2], sys.stdin.buffer.read())
        answer = ("", "")
    except DelegateError:  # it loads, and needs what the CPU is not
        answer = ("", "")
    except EdgemmError as error:
        answer = (type(error).__name__, _one_line(error))
    except (RuntimeError, ValueError, TypeError, OSError, MemoryError) as error:
        answer = ("DamagedArtifact", f"the runtime refused it: {_one_line(error) or type(error).__name__}")
    print("\n" + _ANSWER + json.dumps(answer), flush=True)  # noqa: T201
    return 0


def _one_line(error: BaseException) -> str:
    return _printable(" ".join(str(error).removeprefix("model: ").split()))[:500]


def _try(format_: Format, shapes: str, payload: bytes) -> None:
    from edgemm.backends import open_backend

    said = json.loads(shapes)
    card = ModelCard(
        inputs=tuple(InputCard(name, shape=tuple(shape)) for name, shape in said["inputs"]),
        outputs=tuple(OutputCard(name, tuple(shape)) for name, shape in said["outputs"]),
    )
    backend = open_backend(
        Artifact(Path("model"), format_, payload, card, None, len(payload)), delegate="cpu"
    )
    for index in range(len(backend.inputs)):
        backend.input_buffer(index)[...] = 0
    try:
        backend.run()
    except DelegateError as error:
        raise DamagedArtifact(f"it does not run on zeros: {_one_line(error)}") from error


def _limit() -> None:
    """Bounds on the child, as far as the system has them; and it is the first to go when memory ends."""
    import resource

    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: min(MEMORY_BYTES, sys.maxsize),
        resource.RLIMIT_FSIZE: OUTPUT_BYTES,
        resource.RLIMIT_CPU: int(2 * TIMEOUT_S),
    }
    for kind, bound in bounds.items():
        _, hard = resource.getrlimit(kind)
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
