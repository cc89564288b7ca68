"""Picture files as a source of frames.

EXIF orientation is applied, so that a frame stands upright; transparency is left out; 16 bits become 8.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgemm.capture.files import jpeg
from edgemm.capture.files.file_source import FileSource
from edgemm.capture.jpeg_decoder import decode_jpeg
from edgemm.capture.losses import Losses, Unreadable
from edgemm.errors import SourceLost
from edgemm.media import Color, Frame
from edgemm.opencv import opencv

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"}
)
DEFAULT_FPS = 30.0
"""Pictures per second at live pace, when `?fps=` does not say."""
MAX_PICTURE_BYTES = 256 << 20
"""A file larger than this (256 MiB) is refused unread."""


def read_picture(path: str) -> tuple[npt.NDArray[np.uint8], Color]:
    """Decodes one picture file.

    Returns:
        uint8[height, width, 3] and "bgr", or uint8[height, width] and "gray" for a file without colour.

    Raises:
        SourceLost: it cannot be read or decoded, or is cut short.
        MissingDependency: OpenCV is not installed.
    """
    cv2 = opencv()
    try:
        size = os.path.getsize(path)
        if not 0 < size <= MAX_PICTURE_BYTES:
            raise SourceLost(f"{path}: {size} bytes; a picture has 1 to {MAX_PICTURE_BYTES}")
        stored = np.fromfile(path, np.uint8)
        pixels = _decoded(path, stored)
    except (OSError, cv2.error) as error:
        raise SourceLost(f"{path} cannot be read as a picture: {error}") from error
    if pixels is None:
        raise SourceLost(f"{path} is not a whole picture in a format that OpenCV reads: it is cut short, "
                         "damaged, or something else under this name")  # fmt: skip
    return pixels, "gray" if pixels.ndim == 2 else "bgr"


def _decoded(path: str, stored: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    """None where OpenCV finds no picture."""
    if stored[:2].tobytes() != jpeg.START:
        cv2 = opencv()
        pixels: npt.NDArray[np.uint8] | None = cv2.imdecode(stored, cv2.IMREAD_ANYCOLOR)
        return pixels
    try:
        return decode_jpeg(stored.tobytes(), keep_gray=True)
    except SourceLost as error:
        raise SourceLost(f"{path} is not a whole picture: {error}") from None


class PictureSource(FileSource):
    """Pictures one after the other. One that cannot be read is counted in `lost` and leaves a hole in
    the sequence numbers; when none can be read, that is an error."""

    modality: Literal["image", "audio"] = "image"

    def __init__(
        self,
        uri: str,
        paths: Sequence[str],
        *,
        fps: float | None = None,
        loop: bool = False,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.uri = uri
        self.fps = fps or DEFAULT_FPS
        self._paths = paths
        self._loop = loop
        self._now_ns = now_ns
        self._sequence = 0
        self._losses = Losses()
        self._unreadable = Unreadable(self._losses, uri, len(paths), "pictures")
        self._closed = False

    @property
    def lost(self) -> Mapping[str, int]:
        """{"unreadable": pictures that could not be decoded}."""
        return self._losses.counts

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The next picture, stamped when it is decoded; None at the end.

        Raises:
            SourceLost: not one of the pictures can be read.
        """
        while not self._closed and (self._loop or self._sequence < len(self._paths)):
            sequence, self._sequence = self._sequence, self._sequence + 1
            path = self._paths[sequence % len(self._paths)]
            try:
                pixels, color = read_picture(path)
            except SourceLost as error:
                self._unreadable.unreadable(error)
                continue
            self._unreadable.readable()
            return Frame(pixels, self._now_ns(), sequence, color, path)
        return None

    def skip(self, count: int) -> int:
        """Passes over up to `count` pictures unread; returns how many there were."""
        left = count if self._loop else len(self._paths) - self._sequence
        skipped = max(0, min(count, left))
        self._sequence += skipped
        return skipped

    def close(self) -> None:
        """Ends the source."""
        self._closed = True
