"""Options of FFMPEG that OpenCV takes from the environment alone, for all streams of the process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgemm.errors import SourceTimeout

_NAME = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_changed = threading.Condition()
_in_use: dict[str, int] = {}
"""Transport -> how many streams are being opened with it: one key at a time."""


@contextmanager
def ffmpeg_options(transport: str, timeout_s: float) -> Iterator[None]:
    """While a stream is opened: "tcp" or "udp" for RTSP, "" for FFMPEG's choice (TCP, then UDP).

    Streams that ask for the same are opened side by side; one that asks for something else waits. What the
    application itself has put into the variable stays in force.

    Raises:
        SourceTimeout: others are still being opened after `timeout_s`.
    """
    with _changed:
        if not _changed.wait_for(lambda: not _in_use or transport in _in_use, timeout_s):
            raise SourceTimeout(
                f"other streams were being opened for {timeout_s:g} s, with another transport"
            )
        _in_use[transport] = _in_use.get(transport, 0) + 1
        if _in_use[transport] == 1:
            _put(transport)
    try:
        yield
    finally:
        with _changed:
            _in_use[transport] -= 1
            if not _in_use[transport]:
                del _in_use[transport]
                _take_back(transport)
                _changed.notify_all()


def _put(transport: str) -> None:
    if transport:
        theirs = os.environ.get(_NAME)
        os.environ[_NAME] = f"{theirs}|{_pair(transport)}" if theirs else _pair(transport)


def _take_back(transport: str) -> None:
    if transport:
        theirs = os.environ.get(_NAME, "").removesuffix(_pair(transport)).removesuffix("|")
        if theirs:
            os.environ[_NAME] = theirs
        else:
            os.environ.pop(_NAME, None)


def _pair(transport: str) -> str:
    return f"rtsp_transport;{transport}"
