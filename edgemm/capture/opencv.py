"""OpenCV, loaded when the first picture is read."""

from __future__ import annotations

from typing import Any

from edgemm.errors import MissingDependency


def load_opencv() -> Any:
    """The `cv2` module.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingDependency("OpenCV, which reads pictures and video,", "vision") from error
    return cv2
