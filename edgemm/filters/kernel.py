"""What a filter is: settings, and a function on pictures that keeps its memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import CardError
from edgemm.media import Color
from edgemm.opencv import opencv

Pixels = npt.NDArray[np.uint8]
Kernel = Callable[[Pixels, Color], tuple[Pixels, Color]]
"""uint8[height, width, 3] or uint8[height, width], and the order of its channels -> the filtered picture of the same
height and width, and the order of its channels. The kernel writes over that picture at the next call; it never writes
into what it is given."""


Bounds = Mapping[str, tuple[float, float]]
"""Name of a setting -> its least and its largest value."""


class Room:
    """The arrays that one kernel writes into again and again, by name."""

    __slots__ = ("_arrays",)

    def __init__(self) -> None:
        self._arrays: dict[str, Any] = {}

    def __call__(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What a function of OpenCV makes, in the array of this name where it has the right shape and type."""
        made = self._arrays[name] = function(*arguments, dst=self._arrays.get(name), **options)
        return made


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of a filter; a filter's own are a subclass, whose fields are what stands behind the `?`."""

    extra: dict[str, Any] = field(default_factory=dict, kw_only=True, repr=False)

    BOUNDS: ClassVar[Bounds] = {}
    OPTIONS: ClassVar[tuple[str, ...]] = ()

    def check(self) -> None:
        """The rules of one field alone, and between fields.

        Raises:
            CardError: one is broken.
        """

    def kernel(self) -> Kernel:
        """A kernel with these settings and memory of its own.

        Raises:
            MissingDependency: OpenCV is not installed.
        """
        raise NotImplementedError


def require_odd(name: str, value: int) -> None:
    """Raises:
    CardError: the size of a window has no middle.
    """
    if value % 2 == 0:
        raise CardError(f"{name}: expected an odd number, such as {value + 1}, found {value}")


def as_gray(room: Room, pixels: Pixels, color: Color) -> Pixels:
    """Brightness, uint8[height, width]: 0.299 red + 0.587 green + 0.114 blue."""
    if color == "gray":
        return pixels
    cv = opencv()
    gray: Pixels = room(
        "gray", cv.cvtColor, pixels, cv.COLOR_RGB2GRAY if color == "rgb" else cv.COLOR_BGR2GRAY
    )
    return gray


def on_brightness(room: Room, pixels: Pixels, color: Color, change: Callable[[Pixels], Pixels]) -> Pixels:
    """The picture with its brightness changed, and its colours (Cr and Cb) as they were."""
    if color == "gray":
        return change(pixels)
    cv = opencv()
    there, back = (
        (cv.COLOR_RGB2YCrCb, cv.COLOR_YCrCb2RGB)
        if color == "rgb"
        else (cv.COLOR_BGR2YCrCb, cv.COLOR_YCrCb2BGR)
    )
    split: Pixels = room("split", cv.cvtColor, pixels, there)
    cv.insertChannel(change(room("brightness", cv.extractChannel, split, 0)), split, 0)
    joined: Pixels = room("joined", cv.cvtColor, split, back)
    return joined
