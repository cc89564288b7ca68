"""Filters of levels: colour to grey, equalisation, thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from edgemm.filters.kernel import Bounds, Kernel, Pixels, Recipe, Room, as_gray, on_brightness, require_odd
from edgemm.media import Color
from edgemm.opencv import opencv


@dataclass(frozen=True, slots=True)
class Gray(Recipe):
    """Brightness alone: 0.299 red + 0.587 green + 0.114 blue."""

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        room = Room()
        return lambda pixels, color: (as_gray(room, pixels, color), "gray")


@dataclass(frozen=True, slots=True)
class Invert(Recipe):
    """255 less each level."""

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()
        return lambda pixels, color: (room("out", cv.bitwise_not, pixels), color)


@dataclass(frozen=True, slots=True)
class Equalize(Recipe):
    """Spreads the brightness so that each level is as common as the others; colours stay."""

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()

        def change(gray: Pixels) -> Pixels:
            return room("equal", cv.equalizeHist, gray)  # type: ignore[no-any-return]

        return lambda pixels, color: (on_brightness(room, pixels, color, change), color)


@dataclass(frozen=True, slots=True)
class Clahe(Recipe):
    """Equalises the brightness tile by tile, and no more than a limit (CLAHE): for uneven light; colours stay."""

    limit: float = 2.0
    """How steep the levels may be spread, in multiples of a flat histogram."""
    tiles: int = 8
    """Tiles along each side."""

    BOUNDS: ClassVar[Bounds] = {"limit": (0.1, 255), "tiles": (1, 64)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("limit", "tiles")

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        room, clahe = Room(), opencv().createCLAHE(self.limit, (self.tiles, self.tiles))

        def change(gray: Pixels) -> Pixels:
            return room("equal", clahe.apply, gray)  # type: ignore[no-any-return]

        return lambda pixels, color: (on_brightness(room, pixels, color, change), color)


@dataclass(frozen=True, slots=True)
class Threshold(Recipe):
    """White where the brightness is above a level, black elsewhere."""

    level: int = -1
    """0..255. -1: between the two heaps of the brightness in each picture, by Otsu's rule."""
    inverse: bool = False
    """True: black above the level, white elsewhere."""

    BOUNDS: ClassVar[Bounds] = {"level": (-1, 255)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("level", "inverse")

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()
        kind = cv.THRESH_BINARY_INV if self.inverse else cv.THRESH_BINARY
        kind |= cv.THRESH_OTSU if self.level < 0 else 0

        def second(*arguments, dst):  # type: ignore[no-untyped-def]
            return cv.threshold(*arguments, dst=dst)[1]

        def run(pixels: Pixels, color: Color) -> tuple[Pixels, Color]:
            gray = as_gray(room, pixels, color)
            return room("out", second, gray, max(0, self.level), 255, kind), "gray"

        return run


@dataclass(frozen=True, slots=True)
class Adaptive(Recipe):
    """White where the brightness is above that around it, black elsewhere: for text in uneven light."""

    size: int = 31
    """Pixels, width and height of the window whose brightness counts; odd."""
    below: float = 10.0
    """Of 255: a pixel is black where it is darker than its surroundings by so much."""
    mean: Literal["gaussian", "flat"] = "gaussian"
    """How the surroundings are weighed."""
    inverse: bool = False
    """True: white on black."""

    BOUNDS: ClassVar[Bounds] = {"size": (3, 255), "below": (-255, 255)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("size", "below", "mean", "inverse")

    def check(self) -> None:
        """`size` is odd."""
        require_odd("size", self.size)

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()
        mean = cv.ADAPTIVE_THRESH_GAUSSIAN_C if self.mean == "gaussian" else cv.ADAPTIVE_THRESH_MEAN_C
        kind = cv.THRESH_BINARY_INV if self.inverse else cv.THRESH_BINARY

        def run(pixels: Pixels, color: Color) -> tuple[Pixels, Color]:
            gray = as_gray(room, pixels, color)
            return room("out", cv.adaptiveThreshold, gray, 255, mean, kind, self.size, self.below), "gray"

        return run
