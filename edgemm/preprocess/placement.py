"""Where a picture is placed in the input tensor, and how coordinates in the tensor map back to the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.card.recipes import ImageRecipe
from edgemm.errors import InputError

RESIZES: tuple[str, ...] = ("stretch", "letterbox", "center-crop", "none")
"""Values of a card's `image.resize`."""

MAX_PIXELS = 1 << 26
"""64 million pixels; a resize to more is refused."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A point (x, y) of the source lies at (x * scale_xy[0] + left, y * scale_xy[1] + top) in the tensor."""

    source_wh: tuple[int, int]
    """Pixels of the picture."""
    resized_wh: tuple[int, int]
    """Pixels after the resize, before padding or cropping."""
    size_wh: tuple[int, int]
    """Pixels of the tensor."""
    left: int
    """Columns of border left of the picture; negative: columns cut off."""
    top: int
    """Rows of border above the picture; negative: rows cut off."""

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Tensor pixels per source pixel, for each axis. With "letterbox" they differ a little, by rounding."""
        return self.resized_wh[0] / self.source_wh[0], self.resized_wh[1] / self.source_wh[1]

    @property
    def to_source(self) -> npt.NDArray[np.float64]:
        """float64[2, 3]: (x, y, 1) in pixels of the tensor -> (x, y) in pixels of the picture.

        Coordinates are continuous: the first pixel covers 0 to 1. A new array at each call: for pictures of one size it
        is the same, so keep it.
        """
        x, y = self.scale_xy
        return np.array([[1 / x, 0.0, -self.left / x], [0.0, 1 / y, -self.top / y]])

    @property
    def shown_wh(self) -> tuple[int, int]:
        """Pixels of the tensor that the picture covers; the rest is border."""
        return min(self.resized_wh[0], self.size_wh[0]), min(self.resized_wh[1], self.size_wh[1])

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the tensor that the picture covers."""
        left, top = max(self.left, 0), max(self.top, 0)
        return slice(top, top + self.shown_wh[1]), slice(left, left + self.shown_wh[0])

    @property
    def crop(self) -> tuple[slice, slice]:
        """Rows and columns of the resized picture that the tensor shows."""
        left, top = max(-self.left, 0), max(-self.top, 0)
        return slice(top, top + self.shown_wh[1]), slice(left, left + self.shown_wh[0])


@dataclass(frozen=True, slots=True)
class NearestPlacement(Placement):
    """Interpolation "nearest": pixel x of the resized picture shows pixel floor(x * step) of the source.

    So OpenCV takes the first pixel of those that a pixel covers, where others take the one in the middle: places lie up
    to half a step before where they would be otherwise.
    """

    @property
    def to_source(self) -> npt.NDArray[np.float64]:
        """As `Placement.to_source`, shifted so that the middle of each pixel is, on average, that of the one it shows.

        For a step of p/q source pixels in lowest terms, what floor() takes away is (q - 1) / 2q on average.
        """
        matrix = Placement.to_source.fget(self)  # type: ignore[attr-defined]
        for axis in (0, 1):
            q = self.resized_wh[axis] // math.gcd(self.resized_wh[axis], self.source_wh[axis])
            matrix[axis, 2] += 0.5 / q - matrix[axis, axis] / 2
        return np.asarray(matrix)


@dataclass(frozen=True, slots=True)
class CornerPlacement(Placement):
    """Interpolation "mediapipe": tensor pixel (x, y) shows the picture at ((x, y) - border_xy) * step_xy.

    Steps and borders are no whole numbers of pixels. The border is sampled too: `area` is the whole tensor.
    """

    step_xy: tuple[float, float]
    """Pixels of the source per pixel of the tensor."""
    border_xy: tuple[float, float]
    """Pixels of the tensor, left of the picture and above it. `left` and `top` are these, rounded."""

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Tensor pixels per source pixel, for each axis."""
        return 1 / self.step_xy[0], 1 / self.step_xy[1]

    @property
    def to_source(self) -> npt.NDArray[np.float64]:
        """As `Placement.to_source`."""
        (x, y), (left, top) = self.step_xy, self.border_xy
        return np.array([[x, 0.0, -left * x], [0.0, y, -top * y]])

    @property
    def shown_wh(self) -> tuple[int, int]:
        """The whole tensor."""
        return self.size_wh

    @property
    def area(self) -> tuple[slice, slice]:
        """The whole tensor."""
        return slice(0, self.size_wh[1]), slice(0, self.size_wh[0])

    @property
    def crop(self) -> tuple[slice, slice]:
        """The whole tensor."""
        return self.area


def place(recipe: ImageRecipe, source_wh: tuple[int, int], size_wh: tuple[int, int]) -> Placement:
    """Resize, padding and cropping of pictures of one size, as the recipe describes them.

    letterbox: the largest size that fits with the shape kept, centred; an odd border is larger at the
    right or bottom. center-crop: the shorter side to `resize_short`, the longer one in proportion and
    rounded down, then the centre, as torchvision's Resize and CenterCrop; enlarged further where the
    crop would not be covered.

    Raises:
        InputError: `resize` is "none" and the picture is not of the tensor's size; or the picture is so
            long and thin that its resize would fill the memory.
    """
    if recipe.resize == "none" and source_wh != size_wh:
        raise InputError(
            f"the card asks for pictures of {size_wh[0]}x{size_wh[1]} pixels, not resized; "
            f"found {source_wh[0]}x{source_wh[1]}. Resize the picture first"
        )
    if recipe.interpolation == "mediapipe":
        return _from_corner(recipe, source_wh, size_wh)
    placed = NearestPlacement if recipe.interpolation == "nearest" else Placement
    if recipe.resize == "letterbox":
        scale = letterbox_scale(source_wh, size_wh)
        resized = _scaled(source_wh, scale)
        left, top = ((size - part) // 2 for size, part in zip(size_wh, resized, strict=True))
        return placed(source_wh, resized, size_wh, left, top)
    if recipe.resize == "center-crop":
        resized = _covering(source_wh, size_wh, recipe.resize_short)
        if resized[0] * resized[1] > MAX_PIXELS:
            raise InputError(
                f"a picture of {source_wh[0]}x{source_wh[1]} would be resized to {resized[0]}x{resized[1]} "
                f"before its centre is cut out; expected at most {MAX_PIXELS} pixels. Crop it first"
            )
        left, top = (-round((part - size) / 2) for size, part in zip(size_wh, resized, strict=True))
        return placed(source_wh, resized, size_wh, left, top)
    return placed(source_wh, size_wh, size_wh, 0, 0)


def _from_corner(recipe: ImageRecipe, source_wh: tuple[int, int], size_wh: tuple[int, int]) -> Placement:
    """A plain `Placement` where steps and borders are whole pixels, so that "nearest" gives the same pixels."""
    x, y = (source / size for source, size in zip(source_wh, size_wh, strict=True))
    if recipe.resize == "letterbox":
        x = y = max(x, y)
    shown = source_wh[0] / x, source_wh[1] / y
    border = (size_wh[0] - shown[0]) / 2, (size_wh[1] - shown[1]) / 2
    left, top = round(border[0]), round(border[1])
    if all(number.is_integer() for number in (x, y, *shown, *border)):
        return Placement(source_wh, (int(shown[0]), int(shown[1])), size_wh, left, top)
    return CornerPlacement(source_wh, size_wh, size_wh, left, top, (x, y), border)


def letterbox_scale(source_wh: tuple[int, int], size_wh: tuple[int, int]) -> float:
    """Tensor pixels per source pixel of the largest picture that fits."""
    return min(size_wh[0] / source_wh[0], size_wh[1] / source_wh[1])


def _scaled(wh: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(wh[0] * scale)), max(1, round(wh[1] * scale))


def _covering(source_wh: tuple[int, int], size_wh: tuple[int, int], short: int) -> tuple[int, int]:
    """Size with the shorter side `short` long, or more where the crop needs it."""
    width, height = source_wh
    side = min(width, height)
    short = max(short, -(-size_wh[0] * side // width), -(-size_wh[1] * side // height))
    return short * width // side, short * height // side
