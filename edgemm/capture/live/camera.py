"""USB and built-in cameras, through OpenCV's V4L2.

    camera:0?size=1280x720&fps=30&fourcc=MJPG     the first that `edgemm doctor` lists
    camera:Logitech                               by a part of its name
    /dev/video2    /dev/v4l/by-id/usb-046d_...    by its device file

A frame is captured when the kernel says so (V4L2 stamps buffers with CLOCK_MONOTONIC), where that can be true.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edgemm.capture.live.camera_request import CameraRequest, request_of
from edgemm.capture.live.cameras import SYSFS, Camera, describe, list_cameras
from edgemm.capture.live.grabber import Grabber, Lost, Shot
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.opencv_grabber import OpenCvGrabber
from edgemm.capture.live.picamera import open_picamera, picamera_grabber
from edgemm.capture.live.stamps import Stamps
from edgemm.capture.live.timeouts import OPTIONS, timeouts_of
from edgemm.capture.uri import SourceUri
from edgemm.errors import SourceNotFound
from edgemm.log import LOG
from edgemm.media import Color
from edgemm.opencv import opencv

SETTINGS = ("size", "fps", "fourcc")
_BUFFERS = 2
"""One that is being filled while one is read. With a single one a camera has nowhere to put every second frame;
more would only hold older ones."""

_SELECT_S = "2"
"""So long OpenCV waits for a frame; by itself 10 s, in which a camera that stalled could not be opened anew. It
takes that from the environment alone."""


class CameraGrabber(OpenCvGrabber):
    """One opening of a V4L2 device."""

    def __init__(self, uri: str, find: Callable[[], str], request: CameraRequest, warned: set[str]) -> None:
        super().__init__()
        self._uri = uri
        self._find = find
        self._request = request
        self._warned = warned
        self._stamps = Stamps(uri, 0)

    def open(self) -> str:
        """Finds the device anew, since one that was unplugged may come back as another number."""
        path = self._find()
        cv2 = opencv()
        self._stamps = Stamps(self._uri, self._now_ns())
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", _SELECT_S)
        if not os.access(path, os.R_OK | os.W_OK):
            raise SourceNotFound(
                f"{self._uri}: {path} is there and this user may not open it: "
                "sudo usermod -aG video $USER, then log in again"
            )
        hint = (
            f"{self._uri}: {path} is there and gives no pictures: another program has it (see: fuser {path})"
        )
        self._try(path, cv2.CAP_V4L2, [], f"{hint}, or its formats are none that OpenCV reads")
        self._ask()
        self._take_jpegs()
        return self._described()

    def _ask(self) -> None:
        """Asks for what is wanted, the format first, since sizes and rates depend on it."""
        cv2, request = opencv(), self._request
        if request.fourcc:
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*request.fourcc))
        if request.size_wh:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, request.size_wh[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, request.size_wh[1])
        if request.fps:
            self._capture.set(cv2.CAP_PROP_FPS, request.fps)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, _BUFFERS)
        given = self._described()
        wanted = (_size(request), f"{request.fps:g}/s" if request.fps else "", request.fourcc)
        refused = ", ".join(each for each in wanted if each and each not in given.split())
        if refused and refused not in self._warned:
            self._warned.add(refused)
            LOG.warning("%s: asked for %s, the camera gives %s", self._uri, refused, given)

    def _captured_ns(self, now_ns: int) -> int:
        stamp_ms = self._get("CAP_PROP_POS_MSEC")
        return self._stamps.captured_ns(round(stamp_ms * 1e6) if stamp_ms > 0 else None, now_ns)


class AwaitedCameraGrabber:
    """One opening of a camera that may not be there yet: which kind it is shows when it comes."""

    color: Color = "bgr"

    def __init__(
        self, named: SourceUri, request: CameraRequest, warned: set[str], opened: list[Camera]
    ) -> None:
        """Args:
        opened: shared by all openings of one source; the camera that was opened first stands in it.
        """
        self._named = named
        self._request = request
        self._warned = warned
        self._opened = opened
        self._inner: Grabber | None = None

    def open(self) -> str:
        """Looks for it, and opens it.

        Raises:
            SourceNotFound: it is not there; the message lists those that are.
        """
        camera = self._opened[0] if self._opened else find_camera(self._named)
        self._inner = self._grabber(camera)
        self.color = self._inner.color
        given = self._inner.open()
        self._opened[:] = [camera]
        return given

    def grab(self) -> Shot | Lost | None:
        """The next picture."""
        return self._inner.grab() if self._inner else None

    def close(self) -> None:
        """Frees the camera."""
        if self._inner is not None:
            self._inner.close()

    def _grabber(self, camera: Camera) -> Grabber:
        if camera.is_csi:
            return picamera_grabber(_as_picamera(self._named, camera))
        return CameraGrabber(
            self._named.text, lambda: _find_again(self._named, camera), self._request, self._warned
        )


def open_camera(named: SourceUri) -> LiveFrames:
    """Opens a camera by number, name or device file; a Raspberry Pi's own camera through picamera2.

    Raises:
        SourceNotFound: there is none such, and it is not waited for; the message lists those that there are.
        InputError: an option is not known, or out of range.
        MissingDependency: OpenCV, or for a Raspberry Pi's own camera picamera2, is not installed.
    """
    named.only(*SETTINGS, *OPTIONS)
    request, timeouts, warned = request_of(named), timeouts_of(named), set[str]()
    if timeouts.wait:
        opencv()
        opened: list[Camera] = []
        return LiveFrames(named.text, lambda: AwaitedCameraGrabber(named, request, warned, opened), timeouts)
    camera = find_camera(named)
    if camera.is_csi:
        return open_picamera(_as_picamera(named, camera))
    opencv()
    return LiveFrames(
        named.text,
        lambda: CameraGrabber(named.text, lambda: _find_again(named, camera), request, warned),
        timeouts,
    )


def find_camera(named: SourceUri, sysfs: Path = SYSFS) -> Camera:
    """The camera that is meant."""
    wanted = named.path or "0"
    if wanted.startswith("/"):
        return _by_path(named, wanted, sysfs)
    cameras = list_cameras(sysfs)
    if wanted.isdecimal() and int(wanted) < len(cameras):
        return cameras[int(wanted)]
    alike = [camera for camera in cameras if wanted.lower() in camera.name.lower()]
    if wanted.isdecimal() or not alike:
        raise SourceNotFound(f"{named.text!r}: there is no such camera. {_those_there(cameras)}")
    if len({camera.name for camera in alike}) > 1:
        raise SourceNotFound(f"{named.text!r} is the name of several: {'; '.join(map(str, alike))}")
    return alike[0]


def _by_path(named: SourceUri, path: str, sysfs: Path) -> Camera:
    """Of /dev/video0, or of a link to it that says which camera it is, whatever its number."""
    node = os.path.realpath(path)
    if not os.path.exists(node):
        raise SourceNotFound(f"{named.text!r}: there is no {path}. {_those_there(list_cameras(sysfs))}")
    return replace(describe(sysfs / os.path.basename(node)), path=node)


def _find_again(named: SourceUri, camera: Camera) -> str:
    """The device file of the same camera now."""
    if named.path.startswith("/"):
        return _by_path(named, named.path, SYSFS).path
    cameras = list_cameras()
    if camera in cameras:
        return camera.path
    for other in cameras:
        if other.name == camera.name:
            return other.path
    raise SourceNotFound(f"{named.text}: {camera} is gone. {_those_there(cameras)}")


def _those_there(cameras: tuple[Camera, ...]) -> str:
    if not cameras:
        return "No camera is connected: `ls /dev/video*` is empty, or names nothing that captures"
    return "There are " + "; ".join(f"camera:{number} {camera}" for number, camera in enumerate(cameras))


def _as_picamera(named: SourceUri, camera: Camera) -> SourceUri:
    ports = [each.path for each in list_cameras() if each.is_csi]
    number = ports.index(camera.path) if camera.path in ports else 0
    return SourceUri(named.text, str(number), named.options, "picamera2")


def _size(request: CameraRequest) -> str:
    return "{}x{}".format(*request.size_wh) if request.size_wh else ""
