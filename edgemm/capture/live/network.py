"""Network video through OpenCV's FFMPEG: RTSP, motion JPEG over HTTP, MPEG-TS over UDP.

    rtsp://user:password@camera/stream#timeout_s=3&transport=udp      http://camera/video.mjpg#frozen_s=10

A frame is captured, as far as can be known here, when the decoder hands it over. That is a bound, not the truth:
the time on the wire, in the server and in its encoder is not in the age. What is in our hands is: the decoder runs on
one thread, because each further one holds a picture back (33 ms at 30/s), and what waited while the stream was opened
(up to a second with H.264) is passed over and counted as "backlog".
"""

from __future__ import annotations

from edgemm.capture.live.ffmpeg import ffmpeg_options
from edgemm.capture.live.grabber import Shot
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.opencv_grabber import OpenCvGrabber
from edgemm.capture.live.timeouts import OPTIONS, patience_of
from edgemm.capture.uri import SourceUri
from edgemm.errors import InputError
from edgemm.opencv import opencv

_TRANSPORTS = ("tcp", "udp")
_MOST_BACKLOG = 300
_SHORTEST_MS = 20.0
"""A picture lasts so long at least; some streams tell no times."""


class NetworkGrabber(OpenCvGrabber):
    """One connection to an address."""

    def __init__(self, uri: str, address: str, timeout_s: float, transport: str) -> None:
        super().__init__()
        self._uri = uri
        self._address = address
        self._timeout_ms = round(timeout_s * 1000)
        self._transport = transport
        self._fresh = False

    def open(self) -> str:
        """Connects, and has FFMPEG find out what is in the stream."""
        cv2 = opencv()
        options = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, self._timeout_ms),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, self._timeout_ms),
            *(cv2.CAP_PROP_N_THREADS, 1),
        ]
        hint = (
            f"{self._uri}: cannot be opened: nothing answers there within {self._timeout_ms / 1000:g} s, it asks "
            "for other credentials, or it sends no video that FFMPEG knows. Try the address with ffplay"
        )
        with ffmpeg_options(self._transport, self._timeout_ms / 1000):
            self._try(self._address, cv2.CAP_FFMPEG, options, hint)
        return self._described()

    def grab(self) -> Shot | None:
        """The next picture; the first is one that did not wait."""
        if not self._fresh:
            self._fresh = True
            return self._after_backlog()
        return super().grab()

    def _after_backlog(self) -> Shot | None:
        """The first picture that is not handed over faster than it was taken: FFMPEG had received those before."""
        before_ns = before_ms = None
        for passed in range(_MOST_BACKLOG):
            if not self._capture.grab():
                break
            now_ns, at_ms = self._now_ns(), self._get("CAP_PROP_POS_MSEC")
            if before_ns is not None and before_ms is not None:
                took_ms, lasts_ms = (now_ns - before_ns) / 1e6, max(_SHORTEST_MS, at_ms - before_ms)
                if took_ms >= lasts_ms / 2:
                    good, pixels = self._capture.retrieve()
                    return Shot(pixels, now_ns, passed, "backlog") if good else None
            before_ns, before_ms = now_ns, at_ms
        return None


def open_network(named: SourceUri) -> LiveFrames:
    """Opens an address.

    Raises:
        SourceNotFound: it cannot be opened.
        InputError: an option is not known, or out of bounds.
        MissingDependency: OpenCV is not installed.
    """
    named.only(*OPTIONS, "transport")
    transport = named.options.get("transport", "")
    if transport and transport not in _TRANSPORTS:
        shown = named.shown("transport")
        raise InputError(f"transport={shown} in {named.text!r}: expected {' or '.join(_TRANSPORTS)}")
    if transport and not named.path.lower().startswith("rtsp"):
        raise InputError(f"{named.text!r}: transport is for rtsp addresses only")
    patience = patience_of(named)
    opencv()
    return LiveFrames(
        named.text,
        lambda: NetworkGrabber(named.text, named.path, patience.timeout_s, transport),
        patience,
    )
