"""The way from the input tensor back to the source, prepared once for frames of one size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgemm.tasks.context import Context

Floats = npt.NDArray[np.float32]
_NO_EDGE = np.float32(0)


class WayBack:
    """What `Context.boxes` and `Context.points` compute, for boxes with key points beside them; times do not matter."""

    __slots__ = ("_context", "_limits", "_scale", "_shift", "plain", "upright")

    def __init__(self, context: Context) -> None:
        a, b, _, c, d, _ = context.to_source.ravel().tolist()
        width, height = context.source_wh
        self.upright = bool(b == 0 == c and a > 0 < d)
        """Neither rotated nor mirrored: each axis has a scale and a shift of its own."""
        self._context = context
        self._scale = np.array([a, d], np.float32)
        self._shift = context.to_source[:, 2].astype(np.float32)
        self._limits = np.array([width, height, width, height], np.float32) if width and height else None
        self.plain: tuple[float, float, float, float, float, float] | None = None
        """Of an upright view of a frame: scale and shift of x and y (scale, scale, shift, shift), then its size."""
        if self.upright and self._limits is not None:
            across, down = self._scale.tolist()
            x, y = self._shift.tolist()
            self.plain = across, down, x, y, float(width), float(height)

    def rows(self, rows: Floats) -> Floats:
        """Boxes (left, top, right, bottom) and their key points, float32[n, 4 + 2k], in pixels of the tensor -> those
        in pixels of the source, a new array, not clipped. In a rotated view a box is the upright one around it.
        """
        count, width = rows.shape
        if not self.upright:
            boxes = self._context.boxes(rows[:, :4])
            points = self._context.points(rows[:, 4:].reshape(count, width // 2 - 2, 2))
            return np.concatenate([boxes, points.reshape(count, width - 4)], axis=1)
        pairs = rows.reshape(count, width // 2, 2) * self._scale
        pairs += self._shift
        return pairs.reshape(count, width)

    def clipped(self, rows: Floats) -> Floats:
        """float32[n, 4], a new array: the boxes of such rows in the source, cut at the edges of the frame; as they are
        where the size of the frame is not known."""
        if self._limits is None:
            return rows[:, :4].copy()
        cut = np.maximum(rows[:, :4], _NO_EDGE)
        return np.minimum(cut, self._limits, out=cut)


class WaysBack:
    """Keeps the `WayBack` of the frames seen last: a camera's frames are of one size. Threads may share it."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[object, WayBack | None] = (None, None)

    def of(self, context: Context) -> WayBack:
        """The same numbers as a new one's."""
        key = context.to_source.tobytes(), context.source_wh
        known, way = self._last
        if way is None or known != key:
            way = WayBack(context)
            self._last = key, way
        return way
