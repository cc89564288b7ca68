"""Whose fault an error is that nobody foresaw: the converter's, or that of a file which its own runtime refuses too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemm.artifact import read_artifact
from edgemm.converters.importers.source_file import source_file
from edgemm.converters.worker import RunFailed, opened
from edgemm.errors import DamagedArtifact, EdgemmError
from edgemm.excerpt import excerpt


@contextmanager
def telling_damage(source: Any) -> Iterator[None]:
    """Inside, an error that is none of edgemm's is one of the file, where the file's own runtime refuses it.

    A file may be well-formed and contradict itself in more ways than can be checked one by one. What a runtime does
    accept, and is not converted, stays the fault in the converter that it is.

    Args:
        source: as `convert` takes it; nothing is told of a torch module or a graph in memory.

    Raises:
        DamagedArtifact: the runtime refuses the file; the message has its reason.
    """
    try:
        yield
    except EdgemmError:
        raise
    except Exception as error:
        reason = refusal(source)
        if not reason:
            raise
        raise DamagedArtifact(
            f"{Path(source).name}: not a valid model: {excerpt(reason, 300)}. Export the model again"
        ) from error


def refusal(source: Any) -> str:
    """What the file's own runtime says against opening it; "" where it opens it, or cannot be asked."""
    if not isinstance(source, str | Path):
        return ""
    path = Path(source)
    try:
        if path.suffix.lower() == ".tflite":
            with opened(read_artifact(path).payload, "tflite"):
                return ""
        if path.suffix.lower() == ".onnx" and not source_file(path).external:
            with opened(path.read_bytes(), "onnx", "written"):
                return ""
    except RunFailed as error:
        return " ".join(str(error).split())
    except EdgemmError:
        return ""
    return ""
