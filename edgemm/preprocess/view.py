"""A part of a picture, scaled and rotated, as a model sees it; and where its places lie in the picture.

    view = View.around((310.0, 200.0), (180.0, 180.0), (192, 192), angle=0.3)
    crop = view.sample(frame.pixels)                    uint8[192, 192, 3]
    points_in_frame = transform(view.to_source, points_in_crop)

Coordinates are continuous, see `edgemm.affine`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgemm.affine import Affine, at_pixel_centers, inverse
from edgemm.errors import InputError
from edgemm.opencv import opencv


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in a picture, in any rotation, before it is known how many pixels a tensor has for it."""

    center_xy: tuple[float, float]
    """Pixels of the source."""
    size_wh: tuple[float, float]
    """Width and height before it is rotated, pixels of the source."""
    angle: float = 0.0
    """Radians, clockwise as the picture is seen."""

    def view(self, tensor_wh: tuple[int, int]) -> View:
        """All of it, in so many pixels."""
        return View.around(self.center_xy, self.size_wh, tensor_wh, angle=self.angle)

    @property
    def corners_xy(self) -> npt.NDArray[np.float32]:
        """float32[4, 2]: upper left, upper right, lower right, lower left as the tensor shows it, in pixels of the
        source."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        (x, y), w, h = self.center_xy, self.size_wh[0] / 2, self.size_wh[1] / 2
        return np.array(
            [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in ((-w, -h), (w, -h), (w, h), (-w, h))],
            np.float32,
        )

    @property
    def upright_xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the upright box around it, pixels of the source."""
        cos, sin = abs(math.cos(self.angle)), abs(math.sin(self.angle))
        (x, y), (w, h) = self.center_xy, self.size_wh
        across, down = (w * cos + h * sin) / 2, (w * sin + h * cos) / 2
        return x - across, y - down, x + across, y + down


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A rectangle of the source, in any rotation, that fills a tensor."""

    to_source: Affine
    """Pixels of the tensor -> pixels of the source."""
    tensor_wh: tuple[int, int]
    """Pixels."""

    @staticmethod
    def around(
        center_xy: tuple[float, float],
        size_wh: tuple[float, float],
        tensor_wh: tuple[int, int],
        *,
        angle: float = 0.0,
    ) -> View:
        """A view by its place in the source; it may reach beyond the picture.

        Args:
            center_xy: its centre, pixels of the source.
            size_wh: its width and height before it is rotated, pixels of the source.
            tensor_wh: pixels of the tensor.
            angle: radians, clockwise as the picture is seen: the view's right edge points to (cos, sin).

        Raises:
            InputError: a number is not finite, or a size is not above 0.
        """
        if not (np.isfinite([*center_xy, *size_wh, angle]).all() and min(*size_wh, *tensor_wh) > 0):
            raise InputError(
                "a view needs a finite centre and angle, and sizes above 0; found "
                f"center_xy={center_xy}, size_wh={size_wh}, angle={angle}, tensor_wh={tensor_wh}"
            )
        step_x, step_y = size_wh[0] / tensor_wh[0], size_wh[1] / tensor_wh[1]
        cos, sin = math.cos(angle), math.sin(angle)
        linear = np.array([[cos * step_x, -sin * step_y], [sin * step_x, cos * step_y]])
        shift = np.array(center_xy) - linear @ (np.array(tensor_wh) / 2)
        return View(np.concatenate([linear, shift[:, None]], axis=1), tensor_wh)

    @property
    def to_tensor(self) -> Affine:
        """Pixels of the source -> pixels of the tensor."""
        return inverse(self.to_source)

    def sample(
        self,
        pixels: npt.NDArray[np.uint8],
        *,
        interpolation: Literal["linear", "nearest"] = "linear",
        pad_value: int = 0,
    ) -> npt.NDArray[np.uint8]:
        """The view's pixels, a new array.

        Where one pixel of the tensor covers several of the source, those between are skipped, as with "nearest" and
        "linear" in a card.

        Args:
            pixels: uint8[height, width] or uint8[height, width, channels] of the source.
            interpolation: "linear" or "nearest".
            pad_value: level of all channels beyond the picture.
        """
        cv = opencv()
        how = cv.INTER_LINEAR if interpolation == "linear" else cv.INTER_NEAREST
        sampled: npt.NDArray[np.uint8] = cv.warpAffine(
            pixels,
            at_pixel_centers(self.to_source),
            self.tensor_wh,
            flags=how | cv.WARP_INVERSE_MAP,
            borderMode=cv.BORDER_CONSTANT,
            borderValue=(pad_value,) * 4,
        )
        return sampled
