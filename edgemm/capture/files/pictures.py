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
from edgemm.capture.files.picture_size import picture_size
from edgemm.capture.jpeg_decoder import decode_jpeg
from edgemm.capture.losses import Losses, Unreadable
from edgemm.errors import SourceLost
from edgemm.media import Color, Frame
from edgemm.opencv import opencv
from edgemm.runtime_noise import without_noise

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2"}
)
DEFAULT_FPS = 30.0
"""Pictures per second at live pace, when `?fps=` does not say."""
MAX_PICTURE_BYTES = 256 << 20
"""A file larger than this (256 MiB) is refused unread."""
MAX_PIXELS = 50_000_000
"""Width times height of a picture that is decoded, where `?max_pixels=` does not say; 150 MB in colour."""
_BYTES_PER_PIXEL = 3

MOST_PIXELS = 1 << 30
"""What `?max_pixels=` may allow: OpenCV decodes no more."""


def read_picture(path: str, max_pixels: int = MAX_PIXELS) -> tuple[npt.NDArray[np.uint8], Color]:
    """Decodes one picture file.

    Args:
        max_pixels: width times height, as its header says, of a picture that is not decoded any more.

    Returns:
        uint8[height, width, 3] and "bgr", or uint8[height, width] and "gray" for a file without colour.

    Raises:
        SourceLost: it cannot be read or decoded, is cut short, or is too large.
        MissingDependency: OpenCV is not installed.
    """
    cv2 = opencv()
    try:
        size = os.path.getsize(path)
        if not 0 < size <= MAX_PICTURE_BYTES:
            raise SourceLost(f"{path}: {size} bytes; a picture has 1 to {MAX_PICTURE_BYTES}")
        stored = np.fromfile(path, np.uint8)
        _require_size(path, stored, max_pixels)
        pixels = _decoded(path, stored)
    except (OSError, cv2.error) as error:
        raise SourceLost(f"{path} cannot be read as a picture: {error}") from error
    if pixels is None:
        raise SourceLost(_NO_PICTURE.format(path))
    return pixels, "gray" if pixels.ndim == 2 else "bgr"


def _decoded(path: str, stored: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    """None where OpenCV finds no picture."""
    if stored[:2].tobytes() != jpeg.START:
        cv2 = opencv()
        with without_noise():
            pixels: npt.NDArray[np.uint8] | None = cv2.imdecode(stored, cv2.IMREAD_ANYCOLOR)
        return pixels
    try:
        return decode_jpeg(stored.tobytes(), keep_gray=True)
    except SourceLost as error:
        raise SourceLost(f"{path} is not a whole picture: {error}") from None


_NO_PICTURE = (
    "{} is not a whole picture in a format that is read here (PNG, JPEG, BMP, WebP, TIFF, PNM, JPEG 2000): it is cut "
    "short, damaged, or something else under this name"
)


def _require_size(path: str, stored: npt.NDArray[np.uint8], max_pixels: int) -> None:
    """Refuses a picture that would take too much memory, before it is decoded."""
    size = picture_size(stored.data)
    if size is None:
        raise SourceLost(_NO_PICTURE.format(path))
    width, height = size
    if width * height > max_pixels:
        allow = f", or allow it with ?max_pixels={width * height}" if width * height <= MOST_PIXELS else ""
        megabytes = width * height * _BYTES_PER_PIXEL / 1e6
        raise SourceLost(
            f"{path}: {width}x{height} pixels, which take {megabytes:.0f} MB; at most {max_pixels} pixels are decoded. "
            f"Make the picture smaller{allow}"
        )


class PictureSource(FileSource):
    """Pictures one after the other. One that cannot be read is counted in `lost` and leaves a hole in
    the sequence numbers; when none can be read, that is an error."""

    modality: Literal["image", "audio", "text"] = "image"

    def __init__(
        self,
        uri: str,
        paths: Sequence[str],
        *,
        fps: float | None = None,
        loop: bool = False,
        max_pixels: int | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.uri = uri
        self.fps = fps or DEFAULT_FPS
        self._paths = paths
        self._loop = loop
        self._max_pixels = max_pixels or MAX_PIXELS
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
                pixels, color = read_picture(path, self._max_pixels)
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
