"""Where and when the input of one run came from: how places in the tensor become places in the source."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from edgemm.tasks.sound_levels import SoundLevels

_IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_IDENTITY.setflags(write=False)


class Context(NamedTuple):
    """One run's place in its picture or its sound.

    Coordinates are continuous: the first pixel covers 0 to 1, and the right edge of a picture lies at its width.
    """

    to_source: npt.NDArray[np.float64] = _IDENTITY
    """float64[2, 3]: (x, y, 1) in pixels of the input tensor -> (x, y) in pixels of the source."""
    source_wh: tuple[int, int] = (0, 0)
    """Pixels of the source frame; (0, 0) where the input was no picture."""
    tensor_wh: tuple[int, int] = (0, 0)
    """Pixels of the input tensor; (0, 0) where the input was no picture."""
    begin_ns: int = 0
    """CLOCK_MONOTONIC, nanoseconds: when the oldest part of the input was captured."""
    end_ns: int = 0
    """When the newest part was captured: equal to `begin_ns` for a frame."""
    begin_s: float = 0.0
    """Sound: where the window begins, seconds since the stream began."""
    end_s: float = 0.0
    """Sound: where the window ends."""
    mask: npt.NDArray[np.float32] | None = None
    """Text: float32[tokens], 1 where a token stands; None where the input was no text."""
    levels: SoundLevels | None = None
    """Sound, where the decoder asks for it (`HearsLevels`): how loud it was lately."""

    def points(self, xy: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """float[..., 2] in pixels of the tensor -> float32[..., 2] in pixels of the source."""
        matrix = self.to_source.astype(np.float32)
        return np.asarray(xy @ matrix[:, :2].T + matrix[:, 2], np.float32)

    def boxes(self, xyxy: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """float[n, 4] left, top, right, bottom in the tensor -> the same in the source, not clipped.

        Where the view is rotated it is the upright box around the rotated one.
        """
        a, b, _, c, d, _ = self.to_source.ravel().tolist()
        if b == 0 == c and a > 0 < d:
            return self.points(xyxy.reshape(-1, 2, 2)).reshape(-1, 4)
        corners = self.points(xyxy[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


NOWHERE = Context()
"""Of an input whose place is not known."""
