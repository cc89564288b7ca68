"""OpenCV, imported when it is first needed, with one thread and few log lines unless the application set it up."""

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

    OpenCV starts one worker thread per core for the whole process. Its workers spin while they wait, which takes
    processor time from the model. The number of threads is a setting of the process, so it belongs to the
    application: where `cv2` was imported before edgemm needed it, nothing is changed; where edgemm imports it first,
    it is set to one thread. An application that wants more calls `cv2.setNumThreads(n)` at any time; edgemm never sets
    it again.

    OpenCV and FFMPEG write to standard error, FFMPEG with the addresses of streams in its lines. Where edgemm imports
    OpenCV first, OpenCV logs errors only. FFMPEG logs nothing unless OPENCV_FFMPEG_LOGLEVEL or OPENCV_FFMPEG_DEBUG is
    set.

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
            _log_errors_only(cv2)
    return cv2


def _log_errors_only(cv2: Any) -> None:
    """The function has another name in older versions of OpenCV."""
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(_ERROR)
    else:
        cv2.utils.logging.setLogLevel(_ERROR)
