"""The sizes of all tensors of a file as LiteRT computes them, in the worker: a damaged file ends that, and not us."""

from __future__ import annotations

from edgemm.converters.importers.tflite_graph.file import damaged
from edgemm.converters.worker import RunFailed, tensors_of
from edgemm.errors import ConversionError
from edgemm.excerpt import excerpt

CUSTOM = "unresolved custom op"
"""What LiteRT says of a file that only lacks an operator: its structure is sound."""


def checked(payload: bytes, name: str) -> None:
    """Refuses what LiteRT does not take as a model, before anything else reads it.

    Raises:
        DamagedArtifact: it does not.
    """
    try:
        tensors_of(payload, allocate=False)
    except RunFailed as error:
        if CUSTOM not in str(error).lower():
            raise damaged(name, error) from error


def tensor_shapes(payload: bytes, name: str, count: int) -> list[tuple[int, ...]]:
    """One for each tensor of the first graph.

    Raises:
        ConversionError: LiteRT cannot prepare the model.
    """
    try:
        found = tensors_of(payload, allocate=True)
    except RunFailed as error:
        raise ConversionError(f"{name}: LiteRT cannot run the source: {excerpt(error, 300)}") from error
    return [tuple(found.get(index, ())) for index in range(count)]
