"""Segmenters in .tflite files with metadata: one output with a class, or scores, for each pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgemm.foreign.draft import Draft
from edgemm.foreign.flatbuffer import BadFlatbuffer, Flatbuffer
from edgemm.foreign.tflite_file import TfliteFile
from edgemm.foreign.tflite_metadata import AXIS_LABELS, IMAGE, VALUE_LABELS, ModelMetadata
from edgemm.tensors import TensorSpec

OPTIONS = "SEGMENTER_METADATA"
"""Custom metadata of MediaPipe's image segmenters: ImageSegmenterOptions, whose field 0 is the activation that is still
to be done: 0 none, 1 sigmoid, 2 softmax."""
SMALLEST = 4
"""Pixels of a side: fewer are no map."""


def segmenter(
    draft: Draft,
    file: TfliteFile,
    metadata: ModelMetadata,
    labels: Callable[..., tuple[str, tuple[str, ...]]],
) -> bool:
    """Makes the draft a segmenter's; False where the output is no map of pixels that the metadata calls one."""
    if len(file.outputs) != 1 or len(metadata.outputs) != 1:
        return False
    spec, said = file.outputs[0], metadata.outputs[0]
    channels = _channels(spec)
    counts = (channels,) if channels > 1 else ()
    name, rows = labels(said, AXIS_LABELS, VALUE_LABELS, counts=counts)
    if not channels or not (said.content == IMAGE or rows):
        return False
    section = _section(spec, channels, file.producers[0], _activation(metadata))
    if section is None:
        return False
    if not rows and section["kind"] == "scores" and channels == 3:
        return False  # a picture, such as style transfer makes
    draft.content |= {"task": "segmentation", "segmentation": section}
    draft.outputs([spec])
    if section["kind"] == "binary" and len(rows) == 1:
        rows = ("background", *rows)  # MediaPipe's name the class alone
    draft.label(rows, channels if section["kind"] == "scores" else 0, name[:80])
    draft.say(f"a segmenter: {section['kind']} of {channels} channel(s)")
    return True


def _channels(spec: TensorSpec) -> int:
    """Channels of a map [1, H, W] or [1, H, W, C]; 0 for another shape."""
    if len(spec.shape) not in (3, 4) or spec.shape[0] != 1 or min(spec.shape[1:3]) < SMALLEST:
        return 0
    return spec.shape[3] if len(spec.shape) == 4 else 1


def _section(spec: TensorSpec, channels: int, producer: str, activation: int) -> dict[str, Any] | None:
    plain = not spec.quantized and not spec.dtype.startswith("float")
    if channels > 1:
        return None if plain else {"output": spec.name, "kind": "scores", "layout": "NHWC"}
    if plain or producer == "ARG_MAX":
        return {"output": spec.name, "kind": "classes"}
    decode = "logits" if activation == 1 and producer != "LOGISTIC" else "probabilities"
    return {"output": spec.name, "kind": "binary", "decode": decode}


def _activation(metadata: ModelMetadata) -> int:
    """What the custom metadata says is still to be done; 0 where there is none."""
    for name, content in metadata.custom:
        if name == OPTIONS:
            try:
                return Flatbuffer(content, 64).root().whole(0, "b")
            except BadFlatbuffer:
                return 0
    return 0
