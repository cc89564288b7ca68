"""A picture that is drawn on: what is outside of it, or nowhere, is left out, so that no painter has to ask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edgemm.drawing.lettering import Lettering
from edgemm.drawing.palette import Rgb, readable_on
from edgemm.errors import InputError
from edgemm.media import Captured, Frame
from edgemm.opencv import opencv

PIXELS_PER_LINE = 240
"""A line is one pixel wide for so many pixels of the picture's shorter side."""
FARTHEST = 1e6
"""A point farther than that many pixels from the picture's corner is left out: OpenCV calculates lines in integers."""


class Canvas:
    """uint8[height, width, 3] in a colour order of its own, in memory that is used again.

    Coordinates are continuous, as in results: the first pixel covers 0 to 1.
    """

    def __init__(
        self, color: Literal["rgb", "bgr"], rooms: dict[str, npt.NDArray[np.uint8]] | None = None
    ) -> None:
        """Args:
        color: order of the channels in `pixels`.
        rooms: scratch memory, shared by canvases that one thread paints on; None: its own.
        """
        self.color = color
        self.pixels = np.zeros((0, 0, 3), np.uint8)
        """What is drawn on. `load` uses the memory again where the size is the same."""
        self._rooms = {} if rooms is None else rooms
        self._cv2: Any = opencv()
        self.line_px = 1
        """Width of a line in pixels."""

    def load(self, frame: Frame) -> None:
        """Begins with a copy of the frame.

        Raises:
            InputError: its pixels are no picture.
        """
        pixels = require_picture(frame).pixels
        shape = (*pixels.shape[:2], 3)
        if self.pixels.shape != shape:
            self.pixels = np.empty(shape, np.uint8)
        if pixels.ndim == 2:
            np.copyto(self.pixels, pixels[:, :, None])
        elif frame.color == self.color:
            np.copyto(self.pixels, pixels)
        else:
            self._cv2.cvtColor(pixels, self._cv2.COLOR_RGB2BGR, dst=self.pixels)
        self.line_px = max(1, round(int(min(shape[:2])) / PIXELS_PER_LINE))
        self.lettering = Lettering(*self.size_wh)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def dot_px(self) -> int:
        """Radius of a point: wider than a line."""
        return (3 * self.line_px + 1) // 2

    def room(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """uint8 scratch memory, the same array at each call for one name and shape."""
        found = self._rooms.get(name)
        if found is None or found.shape != shape:
            found = self._rooms[name] = np.empty(shape, np.uint8)
        return found

    def ordered(self, color: Rgb) -> tuple[int, int, int]:
        """A colour in the order of `pixels`."""
        return color if self.color == "rgb" else (color[2], color[1], color[0])

    def fill(self, x: int, y: int, width: int, height: int, color: Rgb) -> None:
        """A filled rectangle in whole pixels; the part inside the picture is drawn."""
        self.pixels[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = self.ordered(color)

    def box(self, box_xyxy: Sequence[float], color: Rgb) -> bool:
        """The outline of a box, inside of its edges. A side outside the picture is not drawn.

        Returns:
            False where the box lies outside, has no size or no place: nothing is drawn.
        """
        left, top, right, bottom = box_xyxy
        place = self.inside(left, top, right, bottom)
        if place is None:
            return False
        x0, y0, x1, y1 = place
        thick, (width, height) = self.line_px, self.size_wh
        if top >= 0:
            self.fill(x0, y0, x1 - x0, min(thick, y1 - y0), color)
        if left >= 0:
            self.fill(x0, y0, min(thick, x1 - x0), y1 - y0, color)
        if bottom <= height:
            self.fill(x0, max(y0, y1 - thick), x1 - x0, min(thick, y1 - y0), color)
        if right <= width:
            self.fill(max(x0, x1 - thick), y0, min(thick, x1 - x0), y1 - y0, color)
        return True

    def inside(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[int, int, int, int] | None:
        """The whole pixels of the picture that a box covers, at least one; None where there is none."""
        if not (left <= right and top <= bottom):  # NaN too
            return None
        width, height = self.size_wh
        if right < 0 or bottom < 0 or left >= width or top >= height:
            return None
        x0, y0 = round(max(left, 0.0)), round(max(top, 0.0))
        x0, y0 = min(x0, width - 1), min(y0, height - 1)
        x1, y1 = round(min(right, width)), round(min(bottom, height))
        return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)

    def segment(self, begin: tuple[float, float], end: tuple[float, float], color: Rgb) -> None:
        """A line between two points."""
        if is_near(*begin) and is_near(*end):
            first, last = (tuple(math.floor(each) for each in point) for point in (begin, end))
            self._cv2.line(self.pixels, first, last, self.ordered(color), self.line_px, self._cv2.LINE_8)

    def dot(self, x: float, y: float, radius_px: int, color: Rgb) -> None:
        """A filled disc; of one pixel where the radius is 0."""
        if is_near(x, y):
            centre = math.floor(x), math.floor(y)
            self._cv2.circle(self.pixels, centre, radius_px, self.ordered(color), -1, self._cv2.LINE_8)

    def label(self, text: str, x: float, y: float, color: Rgb) -> None:
        """Text on a filled background whose lower left corner is at x, y; below y where there is no room above.

        It is moved, and shortened, so that it does not leave the picture; where not one letter fits it is left out.
        """
        width, height = self.size_wh
        fitted = self.lettering.fitted(text, width)
        if not fitted.text:
            return
        left = round(min(max(x, 0.0), width - fitted.width))
        top = round(min(max(y, 0.0), height))
        top -= fitted.height if top >= fitted.height else 0  # a line of text is a third of the height at most
        self.fill(left, top, fitted.width, fitted.height, color)
        self.write(fitted.text, left, top, readable_on(color))

    def write(self, text: str, left: int, top: int, color: Rgb) -> None:
        """Letters alone, in the place that `lettering.fitted` has measured."""
        letters = self.lettering
        self._cv2.putText(
            self.pixels,
            text,
            (left + letters.margin, top + letters.margin + letters.ascent),
            letters.font,
            letters.scale,
            self.ordered(color),
            letters.thickness,
            self._cv2.LINE_AA,
        )


def is_near(x: float, y: float) -> bool:
    """True for a point whose coordinates OpenCV can calculate with; False for NaN."""
    return abs(x) <= FARTHEST and abs(y) <= FARTHEST


def as_picture(frame: Any) -> Frame:
    """A `Frame`; a bare array becomes one: three channels are RGB, none is grey.

    Raises:
        InputError: no picture.
    """
    if isinstance(frame, np.ndarray):
        frame = Frame(frame, 0, 0, "gray" if frame.ndim == 2 else "rgb")
    if not isinstance(frame, Frame):
        raise InputError(
            "expected a picture to draw on: a Frame, uint8[height, width, 3] RGB or uint8[height, width]; "
            f"found {type(frame).__name__}"
        )
    return require_picture(frame)


def require_picture(frame: Captured) -> Frame:
    """Raises:
    InputError: no frame; or its pixels are not uint8[height, width, 3], or uint8[height, width], of 1x1 or more.
    """
    if not isinstance(frame, Frame):
        raise InputError(f"expected a picture to draw on, found {type(frame).__name__}")
    pixels = frame.pixels
    right_shape = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not right_shape or not pixels.size:
        raise InputError(
            "expected a picture to draw on, uint8[height, width, 3] or uint8[height, width]; "
            f"found {pixels.dtype.name}{list(pixels.shape)}"
        )
    return frame
