"""An item that waits to be drawn: its picture, copied into memory of its own, and its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.drawing import Canvas, background, paint
from edgemm.drawing.canvas import require_picture
from edgemm.results import Result
from edgemm.stream.item import Item


class DrawnItem:
    """A slot for pictures, in OpenCV's order of colours (BGR)."""

    __slots__ = ("_canvas", "captured_ns", "frame_number", "made", "result", "sequence", "stream")

    result: Result
    stream: str
    sequence: int
    """Of the result in its stream."""
    frame_number: int
    """Of the frame in its source, dropped ones counted in."""
    captured_ns: int
    """CLOCK_MONOTONIC, nanoseconds: when the frame was captured."""
    made: bool
    """The result is a picture itself, which is shown instead of the frame."""

    def __init__(self, rooms: dict[str, npt.NDArray[np.uint8]]) -> None:
        """Args:
        rooms: scratch memory of the thread that draws.
        """
        self._canvas = Canvas("bgr", rooms)

    def take(self, stream: str, item: Item) -> None:
        """Copies the picture; the result is immutable, and is drawn later.

        Raises:
            InputError: the item is no picture, and its result is none.
        """
        picture = require_picture(background(item.frame, item.value))
        self._canvas.load(picture)
        self.made = picture is not item.frame
        self.stream, self.result = stream, item.value
        self.sequence, self.frame_number = item.sequence, picture.sequence
        self.captured_ns = item.captured_ns

    def drawn(self) -> npt.NDArray[np.uint8]:
        """uint8[height, width, 3] BGR: the picture with its result. Called once for each item, by the writer."""
        paint(self._canvas, self.result)
        return self._canvas.pixels


def slots() -> Callable[[], DrawnItem]:
    """Makes slots that share their scratch memory."""
    rooms: dict[str, Any] = {}
    return lambda: DrawnItem(rooms)
