"""Opens a foreign model in a child process first: a file that crashes the runtime takes the child down, not us."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from edgemm.artifact import Artifact, Format
from edgemm.errors import DamagedArtifact, DelegateError, EdgemmError, MissingDependency

TIMEOUT_S = 60.0
MEMORY_BYTES = 16 << 30
"""Address space of the child: runtimes reserve far more than they use."""

_passed: set[str] = set()
"""Hashes of payloads that went through in this process."""


def probe(artifact: Artifact) -> None:
    """Loads the payload in a child process and runs it once on zeros.

    Raises:
        DamagedArtifact: the runtime refused it, crashed on it, or did not come back.
    """
    digest = hashlib.sha256(artifact.payload).hexdigest()
    if digest in _passed:
        return
    command = [sys.executable, "-m", "edgemm.probe", artifact.format]
    try:
        done = subprocess.run(
            command, input=artifact.payload, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DamagedArtifact(
            f"{artifact.path}: the runtime did not finish one inference within {TIMEOUT_S:g} s; it is not loaded"
        ) from error
    if done.returncode in (MissingDependency.exit_code, DelegateError.exit_code):
        return  # opening it here says the same with the install command, or finds the delegate that it needs
    if done.returncode != 0:
        raise DamagedArtifact(f"{artifact.path}: {_reason(done.returncode, done.stderr)}")
    _passed.add(digest)


def _reason(code: int, said: bytes) -> str:
    if code < 0:
        return f"the runtime crashed on it (signal {-code}) in a trial process; it is damaged or hostile"
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"the runtime refused it: {(lines[-1] if lines else 'no reason given')[:300]}"


def _limit() -> None:
    """No core file, and a bound on memory, where the system can do that."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


def _try(format_: Format, payload: bytes) -> None:
    from edgemm.backends import open_backend

    artifact = Artifact(Path("the model"), format_, payload, None, None, len(payload))
    backend = open_backend(artifact, delegate="cpu")
    for index in range(len(backend.inputs)):
        backend.input_buffer(index)[...] = 0
    backend.run()
    backend.close()


def main() -> int:
    """The child: payload on stdin, reason on stderr."""
    _limit()
    try:
        _try("tflite" if sys.argv[1] == "tflite" else "onnx", sys.stdin.buffer.read())
    except EdgemmError as error:
        print(" ".join(str(error).split()), file=sys.stderr)  # noqa: T201
        return error.exit_code
    except (RuntimeError, ValueError, MemoryError, TypeError, OSError) as error:
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        return DamagedArtifact.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
