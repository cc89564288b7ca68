"""Guesses about networks whose output is a map: a class, or a score, for each pixel."""

from __future__ import annotations

from typing import Any

from edgemm.foreign.draft import Outside
from edgemm.foreign.guesses import Confidence, Guess, Read
from edgemm.tensors import TensorSpec

MOST_CLASSES = 256
LEAST_SIDE = 8
"""Of a map."""
_INTEGERS = ("int64", "int32", "uint8", "int8", "uint16", "int16")


def guess_map(file: Outside, size_wh: tuple[int, int]) -> Read | None:
    """A segmenter, where one output is a map that is no picture; else None."""
    if len(file.outputs) != 1:
        return None
    spec, producer = file.outputs[0], file.producers[0].upper()
    if spec.shape[:1] not in ((1,), (-1,)) or len(spec.shape) not in (3, 4):
        return None
    if spec.dtype in _INTEGERS and not spec.quantized and _is_map(spec.shape[1:3], size_wh):
        return _numbers(spec, producer)
    return _scores(spec, producer, size_wh) if len(spec.shape) == 4 else None


def _is_map(sides: tuple[int, ...], size_wh: tuple[int, int]) -> bool:
    """As many rows to columns as the input has, to one cell."""
    height, width = sides
    if min(height, width) < LEAST_SIDE:
        return False
    return abs(height * size_wh[0] - width * size_wh[1]) <= max(size_wh)


def _numbers(spec: TensorSpec, producer: str) -> Read | None:
    if len(spec.shape) == 4 and spec.shape[3] != 1:
        return None
    sure: Confidence = "sure" if producer.replace("_", "") == "ARGMAX" else "likely"
    guess = Guess("task segmentation, kind classes", sure, "the output is a map of whole numbers: add labels")
    return Read("segmentation", {"output": spec.name, "kind": "classes"}, guess)


def _scores(spec: TensorSpec, producer: str, size_wh: tuple[int, int]) -> Read | None:
    """Channels first or last; one or three of them make a picture, unless the model ends in a softmax or a sigmoid."""
    _, one, two, three = spec.shape
    first, last = _is_map((two, three), size_wh), _is_map((one, two), size_wh)
    if first == last or not (spec.quantized or spec.dtype.startswith("float")):
        return None
    layout, channels = ("NCHW", one) if first else ("NHWC", three)
    section: dict[str, Any] = {"output": spec.name, "kind": "scores", "layout": layout}
    if channels == 1:
        return _binary(spec, producer)
    if not 2 <= channels <= MOST_CLASSES or (channels == 3 and producer != "SOFTMAX"):
        return None
    sure: Confidence = "sure" if producer == "SOFTMAX" else "likely"
    other = ". Heat maps of key points look the same: then it is task landmarks, form heat-maps"
    why = f"the output is a map of {channels} channels ({layout})"
    why += ", and the model ends in softmax" if producer == "SOFTMAX" else other
    guess = Guess(f"task segmentation, {channels} labels by number", sure, why)
    return Read("segmentation", section, guess, classes=channels)


def _binary(spec: TensorSpec, producer: str) -> Read | None:
    if producer not in ("SIGMOID", "LOGISTIC"):
        return None
    why = f"the output is a map of one channel, and the model ends in {producer.lower()}. A grey picture looks the same"
    section = {"output": spec.name, "kind": "binary", "decode": "probabilities"}
    return Read("segmentation", section, Guess("task segmentation, kind binary", "unsure", why))
