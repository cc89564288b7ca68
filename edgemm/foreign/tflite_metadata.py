"""TFLite metadata: what the file says about its tensors, read from the flatbuffer under TFLITE_METADATA.

Numbers of fields are those of tflite-support's metadata_schema.fbs (identifier M001).
https://ai.google.dev/edge/litert/models/metadata
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from edgemm.foreign.flatbuffer import BadFlatbuffer, Flatbuffer, Table

Entry = TypeVar("Entry")

NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
MAX_BYTES = 4 << 20
"""Of the buffer."""
MAX_VISITS = 1 << 16
MAX_ENTRIES = 256
"""Tensors, files, process units in one list."""

AXIS_LABELS, VALUE_LABELS, CALIBRATION = 2, 3, 4
"""AssociatedFileType."""
IMAGE, BOXES, AUDIO = 2, 3, 4
"""ContentProperties."""


@dataclass(frozen=True, slots=True)
class AssociatedFile:
    """A file in the ZIP archive behind the model."""

    name: str
    kind: int
    """AssociatedFileType: AXIS_LABELS, VALUE_LABELS, CALIBRATION, or another."""
    locale: str = ""
    """Language of its texts, such as "en" or "en-US"."""


@dataclass(frozen=True, slots=True)
class BoxFormat:
    """How the numbers of a box are stored."""

    index: tuple[int, ...] = ()
    """Which number of the usual order stands at each place."""
    kind: int = 0
    """BoundingBoxType: 1 boundaries, 2 upper left corner and size, 3 centre and size."""
    pixels: bool = False
    """Whole pixels, not 0..1."""


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """What is said of one input or output."""

    name: str = ""
    content: int = 0
    """ContentProperties: IMAGE, BOXES, AUDIO, or another."""
    color: int = 0
    """Of an image, ColorSpaceType: 1 RGB, 2 grey."""
    size_wh: tuple[int, int] = (0, 0)
    """Of an image, pixels; (0, 0) where it is not said."""
    boxes: BoxFormat | None = None
    sample_rate: int = 0
    """Hertz."""
    channels: int = 0
    """Of sound."""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    """(value - mean) / std is the number in the tensor; () where it is not said."""
    threshold: float | None = None
    """Smallest score that counts."""
    calibrated: bool = False
    """Scores are to go through a calibration file."""
    stats: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    """Smallest and largest values, for the tensor or for each channel."""
    files: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What is said of the model."""

    name: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    licence: str = ""
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    output_groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Name of a group, and the names of the outputs whose rows belong together."""
    files: tuple[AssociatedFile, ...] = ()
    """Of the model and of its graph."""
    custom: tuple[tuple[str, memoryview], ...] = ()
    """Name and bytes of what others added."""


def read_metadata(data: bytes | memoryview) -> ModelMetadata:
    """The metadata in a buffer.

    Raises:
        BadFlatbuffer: it is none, or does not hold together.
    """
    if len(data) > MAX_BYTES:
        raise BadFlatbuffer(f"{len(data)} bytes; at most {MAX_BYTES} are read")
    if bytes(data[4:8]) != IDENTIFIER:
        raise BadFlatbuffer(f"expected {IDENTIFIER!r} at byte 4, found {bytes(data[4:8])!r}")
    model = Flatbuffer(data, MAX_VISITS).root()
    graphs = _few(model.tables(3))
    graph = graphs[0] if graphs else None
    told = {} if graph is None else _graph(graph)
    return ModelMetadata(
        name=model.text(0),
        description=model.text(1),
        version=model.text(2),
        author=model.text(4),
        licence=model.text(5),
        files=(*_files(model, 6), *(() if graph is None else _files(graph, 4))),
        **told,  # type: ignore[arg-type]
    )


def _graph(graph: Table) -> dict[str, object]:
    return {
        "inputs": tuple(_tensor(each) for each in _few(graph.tables(2))),
        "outputs": tuple(_tensor(each) for each in _few(graph.tables(3))),
        "output_groups": tuple((each.text(0), tuple(_few(each.texts(1)))) for each in _few(graph.tables(8))),
        "custom": tuple((each.text(0), each.content(1)) for each in _few(graph.tables(9))),
    }


def _few(found: list[Entry]) -> list[Entry]:
    if len(found) > MAX_ENTRIES:
        raise BadFlatbuffer(f"{len(found)} entries in one list; at most {MAX_ENTRIES} are read")
    return found


def _files(table: Table, field: int) -> tuple[AssociatedFile, ...]:
    return tuple(
        AssociatedFile(each.text(0), each.whole(2, "b"), each.text(3)) for each in _few(table.tables(field))
    )


def _tensor(table: Table) -> TensorMetadata:
    said: dict[str, object] = {"name": table.text(0), "files": _files(table, 6)}
    content = table.table(3)
    if content is not None:
        said |= _content(content)
    for unit in _few(table.tables(4)):
        said |= _process(unit)
    stats = table.table(5)
    if stats is not None:
        said["stats"] = _floats(stats, 1), _floats(stats, 0)
    return TensorMetadata(**said)  # type: ignore[arg-type]


def _content(content: Table) -> dict[str, object]:
    kind, properties = content.whole(0, "B"), content.table(1)
    said: dict[str, object] = {"content": kind}
    if properties is None:
        return said
    if kind == IMAGE:
        size = properties.table(1)
        said["color"] = properties.whole(0, "b")
        said["size_wh"] = (0, 0) if size is None else (size.whole(0, "I"), size.whole(1, "I"))
    elif kind == BOXES:
        index = tuple(int(each) for each in properties.numbers(0, "I"))
        said["boxes"] = BoxFormat(index, properties.whole(1, "b"), properties.whole(2, "b") == 1)
    elif kind == AUDIO:
        said |= {"sample_rate": properties.whole(0, "I"), "channels": properties.whole(1, "I")}
    return said


def _process(unit: Table) -> dict[str, object]:
    """One step before or behind the model."""
    kind, options = unit.whole(0, "B"), unit.table(1)
    if options is None:
        return {}
    if kind == 1:
        return {"mean": _floats(options, 0), "std": _floats(options, 1)}
    if kind == 2:
        return {"calibrated": True}
    return {"threshold": float(options.number(0, "f"))} if kind == 3 else {}


def _floats(table: Table, field: int) -> tuple[float, ...]:
    return tuple(float(each) for each in _few(list(table.numbers(field, "f"))))


def all_files(tensors: Iterable[TensorMetadata]) -> tuple[AssociatedFile, ...]:
    """The files of several tensors, in order."""
    return tuple(file for each in tensors for file in each.files)
