"""A map drawn over its input: a picture, or the spectrogram of a sound."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.drawing import Canvas
from edgemm.drawing.canvas import as_picture
from edgemm.drawing.heat import paint_heat
from edgemm.errors import InputError
from edgemm.judge.maps.map import Map
from edgemm.judge.maps.sound import SoundParts
from edgemm.media import Frame
from edgemm.model.coerce import as_block
from edgemm.opencv import opencv

_SMALLEST = 224
"""Pixels: a smaller picture is drawn larger, in whole steps, so that the map can be seen."""
_RANGE_DB = 80.0
"""Of a spectrogram, below its loudest place."""


def draw(found: Map, x: Any, *, sample_rate: int | None = None) -> npt.NDArray[np.uint8]:
    """The input with the map over it.

    Args:
        found: a map of a picture or of sound.
        x: the same input: a picture, or sound.
        sample_rate: hertz, of bare samples.

    Returns:
        uint8[height, width, 3] RGB. A small picture is drawn larger. Sound is its spectrogram, low frequencies below.

    Raises:
        InputError: the map is of a text (see `svg`), or of another input.
        MissingDependency: OpenCV is not installed.
    """
    canvas = Canvas("rgb")
    if found.kind == "image":
        frame = as_picture(x)
        _require(found, frame.pixels.shape[:2])
        canvas.load(_enlarged(frame))
        paint_heat(canvas, found.values)
    elif found.kind == "audio":
        levels = spectrogram(found, x, sample_rate)
        canvas.load(_enlarged(Frame(levels, 0, 0, "gray")))
        paint_heat(canvas, found.values.T[::-1])
    else:
        raise InputError("a map of a text: expected one of a picture or of sound to draw. Use `svg`")
    return canvas.pixels


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A picture, uint8[height, width, 3] RGB, as the content of a PNG file.

    Raises:
        MissingDependency: OpenCV is not installed.
    """
    written, content = opencv().imencode(".png", np.ascontiguousarray(pixels[:, :, ::-1]))
    assert written
    return bytes(content)


def spectrogram(found: Map, x: Any, sample_rate: int | None) -> npt.NDArray[np.uint8]:
    """uint8[bins, frames], the highest frequency first: white is the loudest place.

    Raises:
        InputError: the map is of another recording.
    """
    level = SoundParts(as_block(x, sample_rate), "silence").level()
    _require(found, level.shape)
    decibels = 20 * np.log10(np.maximum(level, 1e-10) / max(float(level.max()), 1e-10))
    gray = np.clip(1 + decibels / _RANGE_DB, 0, 1) * 255
    return np.ascontiguousarray(np.rint(gray).astype(np.uint8).T[::-1])


def _require(found: Map, shape: tuple[int, ...]) -> None:
    if found.values.shape != tuple(shape):
        raise InputError(
            f"a map: expected one of this input, {list(shape)}, found {list(found.values.shape)}"
        )


def _enlarged(frame: Frame) -> Frame:
    times = -(-_SMALLEST // min(frame.pixels.shape[:2]))
    pixels = frame.pixels
    if times > 1:
        pixels = np.repeat(np.repeat(pixels, times, axis=0), times, axis=1)
    return Frame(pixels, frame.captured_ns, frame.sequence, frame.color)
