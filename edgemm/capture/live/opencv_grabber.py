"""A grabber on OpenCV's VideoCapture, for V4L2 cameras and for FFMPEG's network streams."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from edgemm.capture.live.grabber import Lost, Shot
from edgemm.errors import SourceNotFound
from edgemm.media import Color
from edgemm.opencv import opencv


class OpenCvGrabber:
    """What both have in common: one VideoCapture, whose `read` gives a picture or False."""

    color: Color = "bgr"

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._capture: Any = None

    def open(self) -> str:
        """Opens what the subclass names."""
        raise NotImplementedError

    def grab(self) -> Shot | Lost | None:
        """The next picture, captured when `_captured_ns` says."""
        good, pixels = self._capture.read()
        return Shot(pixels, self._captured_ns(self._now_ns())) if good else None

    def close(self) -> None:
        """Frees the driver, without the interpreter's lock."""
        if self._capture is not None:
            self._capture.release()

    def _captured_ns(self, now_ns: int) -> int:
        return now_ns

    def _get(self, name: str) -> float:
        return float(self._capture.get(getattr(opencv(), name)))

    def _try(self, where: str, backend: int, options: list[int], hint: str) -> None:
        """Makes the capture.

        Raises:
            SourceNotFound: OpenCV does not open it; it gives no reason.
        """
        self._capture = opencv().VideoCapture(where, backend, options)
        if not self._capture.isOpened():
            raise SourceNotFound(hint)

    def _described(self) -> str:
        """ "1280x720 at 30/s MJPG"."""
        code = int(self._get("CAP_PROP_FOURCC"))
        letters = code.to_bytes(4, "little").decode("latin-1") if 0 < code < 1 << 32 else ""
        width, height = self._get("CAP_PROP_FRAME_WIDTH"), self._get("CAP_PROP_FRAME_HEIGHT")
        words = f"{width:.0f}x{height:.0f} at {self._get('CAP_PROP_FPS'):g}/s"
        return f"{words} {letters}" if letters.isalnum() else words
