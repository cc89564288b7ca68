"""OpenCV, loaded when it is first needed, and on one thread unless the application decided otherwise."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

from edgemm.errors import MissingDependency


@lru_cache(maxsize=1)
def opencv() -> Any:
    """The `cv2` module.

    OpenCV starts one worker thread per core for the whole process and lets the workers spin, which
    takes the cores from the model. The number of threads is a setting of the process, so it belongs
    to the application: where `cv2` was imported before edgemm needed it, nothing is changed; where
    edgemm is the first to load it, it is set to one thread. An application that wants more calls
    `cv2.setNumThreads(n)` at any time; edgemm never sets it again.

    Raises:
        MissingDependency: OpenCV is not installed.
    """
    ours = "cv2" not in sys.modules
    try:
        import cv2
    except ImportError as error:
        raise MissingDependency("OpenCV", "vision") from error
    if ours:
        cv2.setNumThreads(1)
    return cv2
