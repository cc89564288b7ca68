"""How a picture of any size is covered by tiles of one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.opencv import opencv


@dataclass(frozen=True, slots=True)
class Span:
    """Along one axis: tiles of `size` pixels, each of which begins `step` after the one before.

    Tile i shows the pixels from `i * step - margin` on; of what is made of it, `margin` at both ends is left out. The
    first `blend` of the rest are shared with the tile before.
    """

    length: int
    """Pixels of the picture."""
    size: int
    margin: int
    blend: int

    @property
    def kept(self) -> int:
        """Pixels of a tile that count."""
        return self.size - 2 * self.margin

    @property
    def step(self) -> int:
        """Pixels from one tile to the next."""
        return self.kept - self.blend

    @property
    def count(self) -> int:
        """Tiles; at least one."""
        return max(1, -(-(self.length - self.blend) // self.step))

    @property
    def behind(self) -> int:
        """Pixels that the last tile shows beyond the picture's end."""
        return (self.count - 1) * self.step + self.size - self.margin - self.length

    @property
    def starts(self) -> range:
        """Where tiles begin in a picture that was padded by `margin` before and `behind` after."""
        return range(0, self.count * self.step, self.step)


def spans(
    picture_wh: tuple[int, int], size_wh: tuple[int, int], margin: int, blend: int
) -> tuple[Span, Span]:
    """Across and down."""
    across, down = (
        Span(length, size, margin, blend) for length, size in zip(picture_wh, size_wh, strict=True)
    )
    return across, down


class Tile(NamedTuple):
    """One piece of a picture."""

    pixels: npt.NDArray[np.uint8]
    """Of the tile's size, mirrored beyond the picture's edges."""
    kept: tuple[slice, slice]
    """Rows and columns of the tile that count: its margins left out, and what lies beyond the picture."""
    shows: tuple[slice, slice]
    """The rows and columns of the picture that these are."""


def cut(picture: npt.NDArray[np.uint8], size_wh: tuple[int, int], margin: int, blend: int) -> Iterator[Tile]:
    """All tiles of a picture, row by row.

    Args:
        picture: uint8[height, width] or [height, width, 3].
        size_wh, margin, blend: of a tile; see `Span`.
    """
    height, width = picture.shape[:2]
    across, down = spans((width, height), size_wh, margin, blend)
    padded = mirrored(picture, across, down)
    for top in down.starts:
        for left in across.starts:
            tile = padded[top : top + down.size, left : left + across.size]
            rows, columns = min(down.kept, height - top), min(across.kept, width - left)
            kept = slice(margin, margin + rows), slice(margin, margin + columns)
            yield Tile(tile, kept, (slice(top, top + rows), slice(left, left + columns)))


def mirrored(picture: npt.NDArray[np.uint8], across: Span, down: Span, out: Any = None) -> Any:
    """The picture with what its tiles show beyond its edges.

    Args:
        out: memory that is used, where it has the size.
    """
    cv = opencv()
    sides = (down.margin, max(0, down.behind), across.margin, max(0, across.behind))
    return cv.copyMakeBorder(picture, *sides, cv.BORDER_REFLECT_101, dst=out)
