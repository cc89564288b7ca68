"""Models and pictures outside the project, in the folder that EDGEMM_SHARED names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Picture = npt.NDArray[np.uint8]
"""uint8[height, width, 3], RGB."""
CORAL, IMAGES = "data/coral_samples", "data/images"
FACES = {f"{CORAL}/face.jpg": 2, f"{CORAL}/grace_hopper.bmp": 1, f"{IMAGES}/astronaut.png": 1}
"""Pictures with faces -> how many of them are near the camera."""
EMPTY = (f"{CORAL}/cat_720p.jpg", f"{CORAL}/owl.jpg", f"{CORAL}/parrot.jpg")
"""Pictures without a face."""


def shared(path: str) -> Path:
    """A file or folder of the shared ones; skips the test where it is not there."""
    root = Path(os.environ.get("EDGEMM_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    if not (root / path).exists():
        pytest.skip(f"EDGEMM_SHARED has no {path}")
    return root / path


def picture(path: str) -> Picture:
    """One of the shared pictures, RGB."""
    import cv2

    read: Any = cv2.imread(str(shared(path)), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(read[:, :, ::-1])


def placed(path: str, width: int, height: int) -> Picture:
    """The picture in the middle of a black frame, shrunk where it is too large."""
    import cv2

    found = picture(path)
    scale = min(width / found.shape[1], height / found.shape[0], 1.0)
    size = round(found.shape[1] * scale), round(found.shape[0] * scale)
    small: Any = cv2.resize(found, size, interpolation=cv2.INTER_AREA)
    frame = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    frame[top : top + size[1], left : left + size[0]] = small
    return frame


def mask(path: str) -> npt.NDArray[np.uint8]:
    """uint8[height, width]: the class of each pixel, as the file stores it."""
    import cv2

    read: Any = cv2.imread(str(shared(path)), cv2.IMREAD_UNCHANGED)
    return np.asarray(read.reshape(read.shape[:2]), np.uint8)
