"""Bilinear sampling by OpenCV, in its two kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def stretched(rgb: npt.NDArray[np.uint8], width: int, height: int, *, exact: bool) -> npt.NDArray[np.uint8]:
    """The picture in another size, without smoothing.

    Args:
        exact: INTER_LINEAR_EXACT, which gives the same pixels on every processor and is edgemm's "linear"; else
            INTER_LINEAR, which is what one writes, and differs by a grey level or two in some pixels.
    """
    import cv2

    how = cv2.INTER_LINEAR_EXACT if exact else cv2.INTER_LINEAR
    resized: Any = cv2.resize(rgb, (width, height), interpolation=how)
    return np.asarray(resized, np.uint8)
