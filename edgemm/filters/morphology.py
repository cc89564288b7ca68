"""Filters of shapes: dark and bright places grow, shrink and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from edgemm.filters.kernel import Bounds, Kernel, Recipe, Room
from edgemm.opencv import opencv


@dataclass(frozen=True, slots=True)
class Morphology(Recipe):
    """What the filters of shapes share: a window in each of whose places the smallest or largest level is taken."""

    size: int = 3
    """Pixels, width and height of the window."""
    shape: Literal["rectangle", "ellipse", "cross"] = "rectangle"
    """Of the window."""
    times: int = 1
    """How often it is done."""

    BOUNDS: ClassVar[Bounds] = {"size": (1, 255), "times": (1, 32)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("size", "shape", "times")
    KIND: ClassVar[str] = ""
    """OpenCV's word for it, behind MORPH_."""

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()
        shapes = {"rectangle": cv.MORPH_RECT, "ellipse": cv.MORPH_ELLIPSE, "cross": cv.MORPH_CROSS}
        window = cv.getStructuringElement(shapes[self.shape], (self.size, self.size))
        kind = getattr(cv, f"MORPH_{self.KIND}")
        return lambda pixels, color: (
            room("out", cv.morphologyEx, pixels, kind, window, iterations=self.times),
            color,
        )


@dataclass(frozen=True, slots=True)
class Erode(Morphology):
    """Bright places shrink: the darkest level in the window."""

    KIND: ClassVar[str] = "ERODE"


@dataclass(frozen=True, slots=True)
class Dilate(Morphology):
    """Bright places grow: the brightest level in the window."""

    KIND: ClassVar[str] = "DILATE"


@dataclass(frozen=True, slots=True)
class Open(Morphology):
    """Erode, then dilate: bright specks go."""

    KIND: ClassVar[str] = "OPEN"


@dataclass(frozen=True, slots=True)
class Close(Morphology):
    """Dilate, then erode: dark specks go."""

    KIND: ClassVar[str] = "CLOSE"


@dataclass(frozen=True, slots=True)
class Gradient(Morphology):
    """The brightest level in the window less the darkest: outlines."""

    KIND: ClassVar[str] = "GRADIENT"


@dataclass(frozen=True, slots=True)
class TopHat(Morphology):
    """Bright specks alone: the picture less its opening."""

    KIND: ClassVar[str] = "TOPHAT"


@dataclass(frozen=True, slots=True)
class BlackHat(Morphology):
    """Dark specks alone: the closing less the picture."""

    KIND: ClassVar[str] = "BLACKHAT"
