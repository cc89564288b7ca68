"""TFLITE_METADATA of a source in a written file: what MediaPipe Tasks and the Task Library read of a model.

https://ai.google.dev/edge/litert/models/metadata
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgemm.converters.tflite.builder import pack_model
from edgemm.converters.tflite.schema import schema
from edgemm.foreign.flatbuffer import BadFlatbuffer
from edgemm.foreign.tflite_metadata import IMAGE, NAME, ModelMetadata, TensorMetadata, read_metadata
from edgemm.tensors import TensorSpec

INPUTS, OUTPUTS, GROUPS = 2, 3, 8
"""Fields of SubGraphMetadata."""
SUBGRAPHS = 3
"""Field of ModelMetadata."""
PICTURES = ("uint8", "float32")
"""Types of pictures that MediaPipe Tasks and the Task Library fill."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file's metadata as it fits another file."""

    content: bytes
    notes: tuple[str, ...] = ()
    """What its readers will miss."""


def fitted(
    buffer: bytes,
    inputs: Sequence[int],
    outputs: Sequence[int],
    specs: Sequence[TensorSpec],
) -> Kept:
    """The metadata with the entries of these tensors alone, in this order; all else as it was, byte for byte.

    Args:
        buffer: of the source.
        inputs: for each input of the written file its place among the source's inputs.
        outputs: likewise.
        specs: the written file's inputs.

    Raises:
        BadFlatbuffer: it does not hold together, or does not describe these tensors.
    """
    told = read_metadata(buffer)
    content, graph = _graph(buffer)
    if graph is not None:
        _pick(content, graph, INPUTS, inputs, len(told.inputs))
        _pick(content, graph, OUTPUTS, outputs, len(told.outputs))
        _pick_groups(content, graph, told, [told.outputs[at].name for at in outputs if told.outputs])
    said = [told.inputs[at] for at in inputs] if told.inputs else []
    return Kept(
        bytes(content),
        tuple(note for spec, each in zip(specs, said, strict=False) for note in _missed(spec, each)),
    )


def _graph(buffer: bytes) -> tuple[bytearray, Any]:
    """A copy to change, and the table of its first graph in it."""
    from flatbuffers.table import Table

    content = bytearray(buffer)
    model = Table(content, struct.unpack_from("<I", content)[0])
    place = model.Offset(4 + 2 * SUBGRAPHS)
    if not place or not model.VectorLen(place):
        return content, None
    return content, Table(content, model.Indirect(model.Vector(place)))


def _pick(content: bytearray, graph: Any, field: int, places: Sequence[int], count: int) -> None:
    """A list of tables with some of its entries: only the offsets of the list change."""
    place = graph.Offset(4 + 2 * field)
    if not place or not count or list(places) == list(range(count)):
        return
    if any(not 0 <= each < count for each in places) or len(places) > count:
        raise BadFlatbuffer(f"it describes {count} tensors, and not all of the file's")
    begin = graph.Vector(place)
    entries = [begin + 4 * each for each in range(count)]
    led = [entry + struct.unpack_from("<I", content, entry)[0] for entry in entries]
    for entry, each in zip(entries, places, strict=False):
        if led[each] <= entry:
            raise BadFlatbuffer("a table stands before the list that names it")
        struct.pack_into("<I", content, entry, led[each] - entry)
    struct.pack_into("<I", content, begin - 4, len(places))


def _pick_groups(content: bytearray, graph: Any, told: ModelMetadata, names: Sequence[str]) -> None:
    """Groups of outputs that are all still there."""
    whole = [at for at, (_, members) in enumerate(told.output_groups) if set(members) <= set(names)]
    _pick(content, graph, GROUPS, whole, len(told.output_groups))


def _missed(spec: TensorSpec, said: TensorMetadata) -> list[str]:
    """Why a picture would not be fed."""
    if said.content != IMAGE:
        return []
    if spec.dtype not in PICTURES:
        return [
            f"TFLITE_METADATA is kept, and input {spec.name!r} is {spec.dtype}: MediaPipe Tasks and the Task Library "
            "feed pictures as uint8 or float32 alone. Scheme dynamic or float keeps a float32 input; edgemm feeds "
            "either"
        ]
    if spec.dtype == "float32" and not (said.mean and said.std):
        return [
            f"TFLITE_METADATA is kept, and says no normalisation for input {spec.name!r}, which is float32 now: "
            "MediaPipe Tasks and the Task Library ask for one. edgemm feeds it by the card"
        ]
    return []


def with_metadata(payload: bytes, content: bytes) -> bytes:
    """The file with that TFLITE_METADATA; tensors and operators are as they were."""
    model = schema().ModelT.InitFromPackedBuf(payload, 0)
    buffer, entry = schema().BufferT(), schema().MetadataT()
    buffer.data = np.frombuffer(content, np.uint8)
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    return pack_model(model)
