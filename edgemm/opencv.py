"""OpenCV, loaded when it is first needed, and quiet and on one thread unless the application decided otherwise."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import Any

from edgemm.dependency import load_dependency

_FFMPEG_QUIET = "-8"
_ERROR = 2


@lru_cache(maxsize=1)
def opencv() -> Any:
    """The `cv2` module.

    OpenCV starts one worker thread per core for the whole process and lets the workers spin, which
    takes the cores from the model. The number of threads is a setting of the process, so it belongs
    to the application: where `cv2` was imported before edgemm needed it, nothing is changed; where
    edgemm is the first to load it, it is set to one thread. An application that wants more calls
    `cv2.setNumThreads(n)` at any time; edgemm never sets it again.

    OpenCV and FFMPEG write to standard error by themselves, FFMPEG with the addresses of streams in it. In
    the same way, OpenCV is set to tell errors alone where edgemm loads it first, and FFMPEG to tell nothing
    unless OPENCV_FFMPEG_LOGLEVEL or OPENCV_FFMPEG_DEBUG is set.

    Raises:
        MissingDependency: OpenCV is not installed, or cannot be imported.
    """
    ours = "cv2" not in sys.modules
    if "OPENCV_FFMPEG_DEBUG" not in os.environ:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_QUIET)
    cv2 = load_dependency("cv2", "OpenCV", "vision")
    if ours:
        cv2.setNumThreads(1)
        if "OPENCV_LOG_LEVEL" not in os.environ:
            _tell_errors_alone(cv2)
    return cv2


def _tell_errors_alone(cv2: Any) -> None:
    """OpenCV has named this differently over time."""
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(_ERROR)
    else:
        cv2.utils.logging.setLogLevel(_ERROR)
