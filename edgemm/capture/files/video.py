"""A video file as a source of frames, decoded by OpenCV's FFMPEG. Rotation written in the file is applied.

Motion JPEG is read by FFMPEG and decoded by `decode_jpeg`, which notices a damaged picture where FFMPEG fills the
rest of it with grey or with the picture before.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from edgemm.capture.files.file_source import FileSource
from edgemm.capture.files.frame_times import FrameTimes
from edgemm.capture.jpeg_decoder import decode_jpeg, simplejpeg
from edgemm.capture.live.ffmpeg import ffmpeg_options
from edgemm.capture.losses import Losses
from edgemm.errors import SourceLost
from edgemm.log import LOG
from edgemm.media import Frame
from edgemm.opencv import opencv

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mjpg", ".mjpeg"}
)
DEFAULT_FPS = 30.0
"""For a file that does not tell its own rate."""
_TIMEOUT_MS = 5000
_MJPG = int.from_bytes(b"MJPG", "little")
_PACKETS = -1
"""OpenCV's value of CAP_PROP_FORMAT for coded pictures."""
_MISSES = 16
"""Undecodable frames in a row after which the file is taken to have ended: one failed read is not the end."""


class VideoSource(FileSource):
    """The frames of one video file.

    At live pace each frame comes at the file's own time, so that a variable frame rate keeps its intervals; with an
    `fps` that the caller sets, frames come at equal intervals.
    """

    modality: Literal["image", "audio", "text"] = "image"

    def __init__(
        self,
        uri: str,
        path: str,
        *,
        fps: float | None = None,
        loop: bool = False,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Opens the file.

        Raises:
            SourceLost: FFMPEG finds no video in it.
            MissingDependency: OpenCV is not installed.
        """
        self.uri = uri
        self._path = path
        self._loop = loop
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._closed = False
        self._decodes_jpeg = simplejpeg() is not None
        self._sequence = 0
        self._losses = Losses()
        self._capture = self._open()
        self.fps = fps or _sane_rate(self._property("CAP_PROP_FPS"))
        self._times = None if fps else FrameTimes(round(1e9 / self.fps))

    @property
    def lost(self) -> Mapping[str, int]:
        """{"unreadable": frames in the middle that could not be decoded}."""
        return self._losses.counts

    @property
    def moment_ns(self) -> int | None:
        """When the frame that was decoded last is due, counted from the first, in nanoseconds; None: frames come
        at equal intervals."""
        return self._times.moment_ns if self._times else None

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame, stamped when it is decoded; None at the end.

        Raises:
            SourceLost: not one frame can be decoded.
        """
        with self._lock:
            pixels = self._decode()
            if pixels is None:
                return None
            sequence, self._sequence = self._sequence, self._sequence + 1
            moment_ns = self.moment_ns
            if moment_ns is None:
                moment_ns = round(sequence * 1e9 / self.fps)
            return Frame(pixels, self._now_ns(), sequence, "bgr", self._path, moment_ns)

    def skip(self, count: int) -> int:
        """Passes over up to `count` frames; returns how many there were."""
        with self._lock:
            skipped = 0
            while skipped < count and not self._closed and self._capture.grab():
                skipped += 1
                self._take_time()
            self._sequence += skipped
            self._in_this_pass += skipped
            return skipped

    def close(self) -> None:
        """Frees the decoder, once a read that is under way has returned."""
        self._closed = True
        with self._lock:
            self._capture.release()

    def _open(self) -> Any:
        cv2 = opencv()
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        with ffmpeg_options("", _TIMEOUT_MS / 1000):
            capture = cv2.VideoCapture(os.path.abspath(self._path), cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            raise SourceLost(f"{self._path} is not a video that FFMPEG opens: it is cut short, damaged, "
                             "or something else under this name")  # fmt: skip
        self._in_this_pass = self._damaged_in_pass = 0
        self._as_jpeg = self._decodes_jpeg and _give_packets(capture)
        return capture

    def _decode(self) -> Any:
        """Pixels of the next frame that can be decoded; None at the end."""
        misses = 0
        while not self._closed:
            ok, pixels = self._capture.read()
            if ok and self._as_jpeg:
                pixels = self._decode_packet(pixels)
                if pixels is None:
                    misses = 0
                    continue
            if ok:
                self._count_misses(misses)
                self._in_this_pass += 1
                self._take_time()
                return pixels
            misses += 1
            if (misses == 1 and self._in_this_pass >= self._length()) or misses > _MISSES:
                if not self._begin_again():
                    return None
                misses = 0
        return None

    def _decode_packet(self, packet: Any) -> Any:
        """Pixels of one JPEG; None when it is damaged, which is counted."""
        try:
            pixels = decode_jpeg(packet.tobytes())
        except SourceLost:
            self._damaged_in_pass += 1
            self._count_misses(1)
            return None
        if 2 * len(pixels) == self._property("CAP_PROP_FRAME_HEIGHT"):
            return self._fields_as_ffmpeg_weaves_them()
        return pixels

    def _fields_as_ffmpeg_weaves_them(self) -> Any:
        """Two pictures in a packet, of every second line each: FFMPEG puts them together, here and from now on."""
        self._decodes_jpeg = False
        read_before, passed = self._in_this_pass, 0
        self._capture.release()
        self._capture = self._open()
        while passed < read_before and self._capture.grab():
            passed += 1
        self._in_this_pass = passed
        return self._capture.read()[1]

    def _count_misses(self, misses: int) -> None:
        """Frames that failed with a good one after them: lost. At the end of a file they mean nothing."""
        if misses:
            self._sequence += misses
            self._in_this_pass += misses
            self._losses.add("unreadable", misses, f"{self._path}: a frame cannot be decoded")

    def _begin_again(self) -> bool:
        """At the end of the file: True when it was opened anew."""
        if self._in_this_pass == self._damaged_in_pass:
            raise SourceLost(f"{self._path}: FFMPEG opens it and can decode no frame")
        if self._in_this_pass < self._length():
            LOG.warning(
                "%s ended after %d of about %d frames", self._path, self._in_this_pass, self._length()
            )
        if not self._loop:
            return False
        self._capture.release()
        self._capture = self._open()
        return True

    def _take_time(self) -> None:
        if self._times is not None:
            self._times.add(self._property("CAP_PROP_POS_MSEC"))

    def _length(self) -> float:
        """Frames in the file as its header says, which may be an estimate; 0 when it says nothing."""
        count = self._property("CAP_PROP_FRAME_COUNT")
        return count if math.isfinite(count) and count > 0 else 0

    def _property(self, name: str) -> float:
        return float(self._capture.get(getattr(opencv(), name)))


def _give_packets(capture: Any) -> bool:
    """Has FFMPEG hand over coded pictures where they are JPEGs that stand upright; True when it does."""
    cv2 = opencv()
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    turned = capture.get(cv2.CAP_PROP_ORIENTATION_META)
    return code == _MJPG and not turned and bool(capture.set(cv2.CAP_PROP_FORMAT, _PACKETS))


def _sane_rate(fps: float) -> float:
    return fps if math.isfinite(fps) and 0.1 <= fps <= 1000.0 else DEFAULT_FPS
