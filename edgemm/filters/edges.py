"""Filters that find edges, on the brightness: white where it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from edgemm.errors import CardError
from edgemm.filters.kernel import Bounds, Kernel, Pixels, Recipe, Room, as_gray, require_odd
from edgemm.media import Color
from edgemm.opencv import opencv

_BELOW_A_TIE = 1 - 2.0**-20
"""The last bit of OpenCV's lengths depends on where in memory they lie: it shall decide no rounding."""


def _gradient(
    room: Room, slope: Callable[[str, Pixels, int, int], Any], axis: str, gray: Pixels, gain: float
) -> Pixels:
    """The length of the slope, or one of its two parts, times `gain`, uint8 as far as it goes."""
    cv = opencv()
    if axis == "both":
        along = slope("x", gray, 1, 0), slope("y", gray, 0, 1)
        length = room("length", lambda x, y, dst: cv.magnitude(x, y, magnitude=dst), *along)
    else:
        length = slope(axis, gray, int(axis == "x"), int(axis == "y"))
    made: Pixels = room("out", cv.convertScaleAbs, length, alpha=gain * _BELOW_A_TIE)
    return made


@dataclass(frozen=True, slots=True)
class Sobel(Recipe):
    """How steep the brightness is, by Sobel's kernel."""

    size: int = 3
    """Pixels, width and height of the kernel; odd."""
    axis: Literal["both", "x", "y"] = "both"
    """both: the length of the slope. x, y: across upright, or level edges alone."""
    gain: float = 1.0
    """Factor on what is shown."""

    BOUNDS: ClassVar[Bounds] = {"size": (1, 7), "gain": (0.0001, 1000)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("size", "axis", "gain")

    def check(self) -> None:
        """`size` is odd."""
        require_odd("size", self.size)

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()

        def slope(name: str, gray: Pixels, x: int, y: int) -> Any:
            return room(name, cv.Sobel, gray, cv.CV_32F, x, y, ksize=self.size)

        def run(pixels: Pixels, color: Color) -> tuple[Pixels, Color]:
            return _gradient(room, slope, self.axis, as_gray(room, pixels, color), self.gain), "gray"

        return run


@dataclass(frozen=True, slots=True)
class Scharr(Recipe):
    """How steep the brightness is, by Scharr's kernel, which tells directions better than Sobel's of 3 pixels."""

    axis: Literal["both", "x", "y"] = "both"
    """both: the length of the slope. x, y: across upright, or level edges alone."""
    gain: float = 0.25
    """Factor on what is shown; 0.25: about as bright as Sobel's."""

    BOUNDS: ClassVar[Bounds] = {"gain": (0.0001, 1000)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("axis", "gain")

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()

        def slope(name: str, gray: Pixels, x: int, y: int) -> Any:
            return room(name, cv.Scharr, gray, cv.CV_32F, x, y)

        def run(pixels: Pixels, color: Color) -> tuple[Pixels, Color]:
            return _gradient(room, slope, self.axis, as_gray(room, pixels, color), self.gain), "gray"

        return run


@dataclass(frozen=True, slots=True)
class Laplacian(Recipe):
    """How much the brightness bends: fine lines and points, and noise."""

    size: int = 3
    """Pixels, width and height of the kernel; odd."""
    gain: float = 1.0
    """Factor on what is shown. A quarter of it for each pixel of `size` above 3 shows about as much."""

    BOUNDS: ClassVar[Bounds] = {"size": (1, 31), "gain": (1e-18, 1000)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("size", "gain")

    def check(self) -> None:
        """`size` is odd."""
        require_odd("size", self.size)

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()

        def run(pixels: Pixels, color: Color) -> tuple[Pixels, Color]:
            gray = as_gray(room, pixels, color)
            bend = room("bend", cv.Laplacian, gray, cv.CV_32F, ksize=self.size, scale=self.gain)
            np.clip(bend, -256.0, 256.0, out=bend)  # what is far above an int32 would be black
            return room("out", cv.convertScaleAbs, bend), "gray"

        return run


@dataclass(frozen=True, slots=True)
class Canny(Recipe):
    """Edges one pixel wide, white on black, by Canny's rule."""

    low: float = 50.0
    """Slope above which a pixel goes on an edge that is there."""
    high: float = 150.0
    """Slope above which a pixel begins an edge."""
    size: int = 3
    """Pixels, width and height of Sobel's kernel; odd."""
    exact: bool = False
    """True: the slope's true length; False: the sum of its two parts, which is quicker."""

    BOUNDS: ClassVar[Bounds] = {"low": (0, 100_000), "high": (0, 100_000), "size": (3, 7)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("low", "high", "size", "exact")

    def check(self) -> None:
        """`low` is not above `high`, and `size` is odd.

        Raises:
            CardError: it is, or is not.
        """
        require_odd("size", self.size)
        if self.low > self.high:
            raise CardError(f"low: expected at most high ({self.high:g}), found {self.low:g}")

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()

        def edges(gray: Pixels, dst: Any) -> Any:
            return cv.Canny(
                gray, self.low, self.high, edges=dst, apertureSize=self.size, L2gradient=self.exact
            )

        def run(pixels: Pixels, color: Color) -> tuple[Pixels, Color]:
            return room("out", edges, as_gray(room, pixels, color)), "gray"

        return run
