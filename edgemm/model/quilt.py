"""A picture put together of tiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.preprocess.tiles import Span, mirrored, spans

Pixels = npt.NDArray[np.uint8]


class Quilt:
    """For pictures of one size: cuts them into tiles, and sews together what is made of these.

    Tiles of a row are put beside each other into a strip, and strips below each other into the result. Where tiles
    share pixels, one goes over into the other in equal steps. All memory but the result's is made once.
    """

    def __init__(
        self,
        picture_shape: tuple[int, ...],
        size_wh: tuple[int, int],
        factor_xy: tuple[int, int],
        margin: int,
        blend: int,
        channels: int,
    ) -> None:
        """
        Args:
            picture_shape: height, width, and 3 where it is coloured.
            size_wh: of a tile, which is the model's input.
            factor_xy: pixels of the output for each pixel of the input.
            margin, blend: see `edgemm.preprocess.tiles.Span`.
            channels: of the output.
        """
        height, width, *rest = picture_shape
        self._across, self._down = spans((width, height), size_wh, margin, blend)
        self._factor_xy = x, y = factor_xy
        self._size_wh = size_wh
        self._padded = np.empty((*(_padded(each) for each in (self._down, self._across)), *rest), np.uint8)
        depth = () if channels == 1 else (channels,)
        self.shape = (height * y, width * x, *depth)
        """Of the result."""
        self.made = np.empty((size_wh[1] * y, size_wh[0] * x, *depth), np.uint8)
        """Where the caller writes what is made of a tile before it asks for the next."""
        self._strip = np.empty((self._down.kept * y, self.shape[1], *depth), np.uint8)
        ramp_x, ramp_y = (
            ((np.arange(blend * each) + 0.5) / max(1, blend * each)).astype(np.float32) for each in (x, y)
        )
        self._ramp_x = ramp_x.reshape(1, -1, *(1 for _ in depth))
        self._ramp_y = ramp_y.reshape(-1, 1, *(1 for _ in depth))
        self._room_x = np.empty((self._down.kept * y, blend * x, *depth), np.float32)
        self._room_y = np.empty((blend * y, self.shape[1], *depth), np.float32)

    def sew(self, picture: Pixels, result: Pixels) -> Iterator[Pixels]:
        """Gives one tile after the other, uint8[height, width] or [height, width, 3], a view; what is made of it lies
        in `made` when the next one is asked for. At the end the result is complete."""
        padded = mirrored(picture, self._across, self._down, self._padded)
        width, height = self._size_wh
        for row, top in enumerate(self._down.starts):
            for column, left in enumerate(self._across.starts):
                yield padded[top : top + height, left : left + width]
                self._beside(column)
            self._below(row, result)

    def _beside(self, column: int) -> None:
        """Puts the tile into the strip."""
        (x, y), across, down = self._factor_xy, self._across, self._down
        tile = self.made[down.margin * y :][: down.kept * y, across.margin * x :][:, : across.kept * x]
        at = column * across.step * x
        target = self._strip[:, at : at + across.kept * x]
        tile = tile[:, : target.shape[1]]
        shared = min(across.blend * x, target.shape[1]) if column else 0
        _mix(target[:, :shared], tile[:, :shared], self._ramp_x[:, :shared], self._room_x[:, :shared])
        np.copyto(target[:, shared:], tile[:, shared:])

    def _below(self, row: int, result: Pixels) -> None:
        """Puts the strip into the result."""
        y, down = self._factor_xy[1], self._down
        at = row * down.step * y
        target = result[at : at + down.kept * y]
        strip = self._strip[: target.shape[0]]
        shared = min(down.blend * y, target.shape[0]) if row else 0
        _mix(target[:shared], strip[:shared], self._ramp_y[:shared], self._room_y[:shared])
        np.copyto(target[shared:], strip[shared:])


def _padded(span: Span) -> int:
    return span.margin + span.length + max(0, span.behind)


def _mix(before: Pixels, after: Pixels, share: npt.NDArray[Any], room: npt.NDArray[np.float32]) -> None:
    """`before` becomes `after` by its share; where both are equal it stays what it is."""
    if not before.size:
        return
    np.subtract(after, before, out=room, dtype=np.float32)
    np.multiply(room, share, out=room)
    np.add(room, before, out=room)
    np.rint(room, out=room)
    np.copyto(before, room, casting="unsafe")
