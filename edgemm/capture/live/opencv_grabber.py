"""A grabber on OpenCV's VideoCapture, for V4L2 cameras and for FFMPEG's network streams."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from edgemm.capture.jpeg_decoder import decode_jpeg, simplejpeg
from edgemm.capture.live.grabber import Lost, Shot
from edgemm.capture.live.newest import CORRUPT
from edgemm.errors import SourceLost, SourceNotFound
from edgemm.media import Color
from edgemm.opencv import opencv

_CODES = tuple(int.from_bytes(code, "little") for code in (b"MJPG", b"JPEG"))


class OpenCvGrabber:
    """What both have in common: one VideoCapture, whose `read` gives a picture or False."""

    color: Color = "bgr"

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ns = now_ns
        self._capture: Any = None
        self._as_jpeg = False

    def open(self) -> str:
        """Opens what the subclass names."""
        raise NotImplementedError

    def grab(self) -> Shot | Lost | None:
        """The next picture, captured when `_captured_ns` says; one that is damaged is lost."""
        good, pixels = self._capture.read()
        captured_ns = self._captured_ns(self._now_ns())
        if not good:
            return None
        try:
            return Shot(decode_jpeg(pixels.tobytes()) if self._as_jpeg else pixels, captured_ns)
        except SourceLost:
            return Lost({CORRUPT: 1})

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

    def _take_jpegs(self) -> None:
        """Has a camera's motion JPEG handed over as it is: OpenCV decodes damaged pictures without a word."""
        if simplejpeg() is not None and int(self._get("CAP_PROP_FOURCC")) in _CODES:
            self._as_jpeg = bool(self._capture.set(opencv().CAP_PROP_CONVERT_RGB, 0))

    def _described(self) -> str:
        """ "1280x720 at 30/s MJPG"."""
        code = int(self._get("CAP_PROP_FOURCC"))
        letters = code.to_bytes(4, "little").decode("latin-1") if 0 < code < 1 << 32 else ""
        width, height = self._get("CAP_PROP_FRAME_WIDTH"), self._get("CAP_PROP_FRAME_HEIGHT")
        words = f"{width:.0f}x{height:.0f} at {self._get('CAP_PROP_FPS'):g}/s"
        return f"{words} {letters}" if letters.isalnum() else words
