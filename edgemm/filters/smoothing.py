"""Filters that smooth, and the one that does the opposite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgemm.errors import CardError
from edgemm.filters.kernel import Bounds, Kernel, Recipe, Room, require_odd
from edgemm.opencv import opencv


@dataclass(frozen=True, slots=True)
class Window(Recipe):
    """What filters share that look at a square window alone."""

    size: int = 5
    """Pixels, width and height of the window; odd."""

    BOUNDS: ClassVar[Bounds] = {"size": (1, 255)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("size",)

    def check(self) -> None:
        """`size` is odd."""
        require_odd("size", self.size)


@dataclass(frozen=True, slots=True)
class Blur(Window):
    """The mean of a square window."""

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()
        return lambda pixels, color: (room("out", cv.blur, pixels, (self.size, self.size)), color)


@dataclass(frozen=True, slots=True)
class Gaussian(Recipe):
    """A weighted mean, by a Gaussian bell."""

    size: int = 5
    """Pixels, width and height of the window; odd. 0: as wide as `sigma` needs."""
    sigma: float = 0.0
    """Pixels, standard deviation of the bell. 0: as fits `size`, 0.3 * ((size - 1) / 2 - 1) + 0.8."""

    BOUNDS: ClassVar[Bounds] = {"size": (0, 255), "sigma": (0, 100)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("size", "sigma")

    def check(self) -> None:
        """`size` is odd, or 0 beside a sigma.

        Raises:
            CardError: it is not, or both are 0.
        """
        if self.size == 0 == self.sigma:
            raise CardError(
                "size: expected a window of 1 pixel or more, or a sigma above 0, found 0 for both"
            )
        if self.size:
            require_odd("size", self.size)

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()
        return lambda pixels, color: (
            room("out", cv.GaussianBlur, pixels, (self.size, self.size), self.sigma),
            color,
        )


@dataclass(frozen=True, slots=True)
class Median(Window):
    """The middle value of a square window: takes single wrong pixels away and keeps edges."""

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()
        return lambda pixels, color: (room("out", cv.medianBlur, pixels, self.size), color)


@dataclass(frozen=True, slots=True)
class Bilateral(Recipe):
    """A mean of pixels that are near and alike: smooths surfaces and keeps edges. Slow for wide windows."""

    size: int = 7
    """Pixels, diameter of the window."""
    levels: float = 40.0
    """Of 255, standard deviation: how unlike a pixel may be to count."""
    sigma: float = 3.0
    """Pixels, standard deviation: how far a pixel may be to count."""

    BOUNDS: ClassVar[Bounds] = {"size": (1, 31), "levels": (0.1, 1000), "sigma": (0.1, 100)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("size", "levels", "sigma")

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()
        return lambda pixels, color: (
            room("out", cv.bilateralFilter, pixels, self.size, self.levels, self.sigma),
            color,
        )


@dataclass(frozen=True, slots=True)
class Sharpen(Recipe):
    """Unsharp mask: adds what a Gaussian blur takes away."""

    amount: float = 1.0
    """How much of it; 0 leaves the picture as it is."""
    sigma: float = 1.5
    """Pixels, standard deviation of the blur: what is finer than that is made stronger."""

    BOUNDS: ClassVar[Bounds] = {"amount": (0, 10), "sigma": (0.1, 100)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("amount", "sigma")

    def kernel(self) -> Kernel:
        """See `Recipe`."""
        cv, room = opencv(), Room()

        def run(pixels, color):  # type: ignore[no-untyped-def]
            soft = room("soft", cv.GaussianBlur, pixels, (0, 0), self.sigma)
            return room("out", cv.addWeighted, pixels, 1 + self.amount, soft, -self.amount, 0), color

        return run
