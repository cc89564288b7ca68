"""A Raspberry Pi's own camera, through picamera2 and libcamera.

    picamera2:0?size=1280x720&fps=30

picamera2's "RGB888" is named after a little-endian word: its arrays are B, G, R. The sensor's time stamp is that of
the first row. libcamera documents it as CLOCK_BOOTTIME; the drivers of a Raspberry Pi take CLOCK_MONOTONIC, which is
the same less the time that the system slept. Whichever it is, it is brought to the latter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from edgemm.capture.live.camera_request import request_of
from edgemm.capture.live.grabber import Shot
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.stamps import Stamps
from edgemm.capture.live.timeouts import OPTIONS, timeouts_of
from edgemm.capture.uri import SourceUri
from edgemm.dependency import load_dependency
from edgemm.errors import InputError, SourceNotFound
from edgemm.media import Color

INSTALL = "sudo apt install python3-picamera2"
_BUFFERS = 4
_SIZE_WH = (1280, 720)


class PicameraGrabber:
    """One opening of a camera."""

    color: Color = "bgr"

    def __init__(
        self,
        uri: str,
        number: int,
        size_wh: tuple[int, int],
        fps: float | None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._uri = uri
        self._number = number
        self._size_wh = size_wh
        self._fps = fps
        self._now_ns = now_ns
        self._stamps = Stamps(uri, 0)
        self._camera: Any = None

    def open(self) -> str:
        """Configures the camera and starts it."""
        module = picamera2()
        there = module.Picamera2.global_camera_info()
        if self._number >= len(there):
            names = (
                "; ".join(f"picamera2:{n} {each.get('Model', '?')}" for n, each in enumerate(there)) or "none"
            )
            raise SourceNotFound(f"{self._uri}: libcamera lists {names}. Try: rpicam-hello --list-cameras")
        self._camera = module.Picamera2(self._number)
        controls = {"FrameRate": self._fps} if self._fps else {}
        main = {"size": self._size_wh, "format": "RGB888"}
        self._camera.configure(
            self._camera.create_video_configuration(main=main, controls=controls, buffer_count=_BUFFERS)
        )
        self._stamps = Stamps(self._uri, self._now_ns())
        self._camera.start()
        width, height = self._camera.camera_configuration()["main"]["size"]
        return f"{width}x{height}" + (f" at {self._fps:g}/s" if self._fps else "")

    def grab(self) -> Shot | None:
        """The next picture, with the time of its first row."""
        request = self._camera.capture_request()
        try:
            pixels = request.make_array("main")
            stamp_ns = request.get_metadata().get("SensorTimestamp")
        finally:
            request.release()
        now_ns = self._now_ns()
        if stamp_ns is not None and stamp_ns > now_ns:
            stamp_ns -= _slept_ns()
        return Shot(pixels, self._stamps.captured_ns(stamp_ns, now_ns))

    def close(self) -> None:
        """Stops the camera and gives it back."""
        if self._camera is not None:
            self._camera.stop()
            self._camera.close()


def open_picamera(named: SourceUri) -> LiveFrames:
    """Opens a Raspberry Pi's own camera by its number.

    Raises:
        SourceNotFound: libcamera does not list it, and it is not waited for.
        InputError: an option is not known, or out of range.
        MissingDependency: picamera2 is not installed.
    """
    picamera_grabber(named)
    picamera2()
    return LiveFrames(named.text, lambda: picamera_grabber(named), timeouts_of(named))


def picamera_grabber(named: SourceUri) -> PicameraGrabber:
    """For one opening of the camera that a name means.

    Raises:
        InputError: an option is not known, or out of range.
    """
    named.only("size", "fps", *OPTIONS)
    if named.path and not named.path.isdecimal():
        raise InputError(f"{named.text!r}: expected a number, such as picamera2:0")
    request = request_of(named)
    return PicameraGrabber(named.text, int(named.path or "0"), request.size_wh or _SIZE_WH, request.fps)


def picamera2() -> Any:
    """The `picamera2` module.

    Raises:
        MissingDependency: it is not installed, is not visible from this virtual environment, or cannot be imported.
    """
    feature = "picamera2, which a Raspberry Pi's own camera needs,"
    command = (
        f"{INSTALL} (it is not on PyPI; a virtual environment sees it where it was made "
        "by: python3 -m venv --system-site-packages)"
    )
    return load_dependency("picamera2", feature, command=command)


def _slept_ns() -> int:
    """How far CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
