"""Network video: motion JPEG and snapshots over HTTP, and through OpenCV's FFMPEG RTSP, UDP, and other video over HTTP.

    rtsp://user:password@camera/stream#timeout_s=3&transport=udp      http://camera/video.mjpg#frozen_s=10
    http://camera/snapshot.jpg#fps=2                                  http://camera/live.m3u8#playlist=1

What FFMPEG reads is captured, as far as can be known here, when the decoder hands it over. That is a bound, not the
truth: the time on the wire, in the server and in its encoder is not in the age. What is in our hands is: the decoder
runs on one thread, because each further one holds a picture back (33 ms at 30/s), and what waited while the stream was
opened (up to a second with H.264) is passed over and counted as "backlog".

Nothing is connected to but the host that is named: see `http_client.py` and `ffmpeg.py`. What cannot be prevented: an
RTSP server may send FFMPEG to another address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgemm.capture.live.ffmpeg import ffmpeg_options
from edgemm.capture.live.grabber import Grabber, Lost, Shot
from edgemm.capture.live.http_address import HttpAddress
from edgemm.capture.live.http_grabber import HttpGrabber
from edgemm.capture.live.live_frames import LiveFrames
from edgemm.capture.live.opencv_grabber import OpenCvGrabber
from edgemm.capture.live.rtsp_reason import rtsp_reason
from edgemm.capture.live.timeouts import OPTIONS, Timeouts, timeouts_of
from edgemm.capture.uri import SourceUri
from edgemm.errors import InputError, SourceNotFound
from edgemm.opencv import opencv

SNAPSHOT_FPS = 2.0
"""How often a snapshot address is asked where `fps` does not say."""
BACKLOG = "backlog"
_TRANSPORTS = ("tcp", "udp")
_OF_HTTP = ("fps", "playlist")
_BACKLOG_NS = 1_000_000_000
"""Longest to pass over what had waited, or half the time-out where that is shorter."""
_SHORTEST_MS = 20.0
"""A picture is taken to last so long at least, since some streams tell no times."""


class NetworkGrabber(OpenCvGrabber):
    """One connection of FFMPEG to an address."""

    def __init__(
        self, uri: str, address: str, timeout_s: float, transport: str = "", playlist: bool = False
    ) -> None:
        super().__init__()
        self._uri = uri
        self._address = address
        self._timeout_ms = round(timeout_s * 1000)
        self._transport = transport
        self._playlist = playlist
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
        with ffmpeg_options(self._transport, self._timeout_ms / 1000, self._playlist):
            self._open_or_explain(options, hint)
        return self._described()

    def _open_or_explain(self, options: list[int], hint: str) -> None:
        try:
            self._try(self._address, opencv().CAP_FFMPEG, options, hint)
        except SourceNotFound:
            is_rtsp = self._address.lower().startswith("rtsp:")
            reason = rtsp_reason(self._address, self._uri, self._timeout_ms / 1000) if is_rtsp else None
            if reason is None:
                raise
            raise reason from None

    def grab(self) -> Shot | Lost | None:
        """The next picture; the first is one that did not wait."""
        if not self._fresh:
            self._fresh = True
            return self._after_backlog()
        return super().grab()

    def _after_backlog(self) -> Shot | None:
        """The first picture that FFMPEG had not received before: those are handed over faster than they were taken.
        One that is slow may be this machine's fault, two in a row are live. Where that does not show in time, or the
        stream ends, it is the newest."""
        began_ns = before_ns = self._now_ns()
        limit_ns = min(_BACKLOG_NS, self._timeout_ms * 500_000)
        newest: Any = None
        before_ms, passed, slow = 0.0, 0, 0
        while True:
            good, pixels = self._capture.read()
            now_ns, at_ms = self._now_ns(), self._get("CAP_PROP_POS_MSEC")
            if not good:
                return Shot(newest, before_ns, passed - 1, BACKLOG) if passed else None
            took_ms, lasts_ms = (now_ns - before_ns) / 1e6, max(_SHORTEST_MS, at_ms - before_ms)
            slow = slow + 1 if passed and took_ms >= lasts_ms / 2 else 0
            if slow == 2 or now_ns - began_ns >= limit_ns:
                return Shot(pixels, now_ns, passed, BACKLOG)
            newest, before_ns, before_ms, passed = pixels, now_ns, at_ms, passed + 1


def open_network(named: SourceUri) -> LiveFrames:
    """Opens an address.

    Raises:
        SourceNotFound: it cannot be opened.
        InputError: an option is not known, or out of bounds.
        MissingDependency: OpenCV is not installed.
    """
    is_http = named.path.lower().startswith(("http:", "https:"))
    named.only(*OPTIONS, "transport", *_OF_HTTP)
    transport = named.options.get("transport", "")
    if transport and transport not in _TRANSPORTS:
        shown = named.shown("transport")
        raise InputError(f"transport={shown} in {named.text!r}: expected {' or '.join(_TRANSPORTS)}")
    if transport and not named.path.lower().startswith("rtsp"):
        raise InputError(f"{named.text!r}: transport is for rtsp addresses only")
    if not is_http and any(name in named.options for name in _OF_HTTP):
        raise InputError(f"{named.text!r}: {' and '.join(_OF_HTTP)} are for http addresses only")
    timeouts = timeouts_of(named)
    opencv()
    make = _http_grabber(named, timeouts) if is_http else _ffmpeg_grabber(named, timeouts, transport)
    return LiveFrames(named.text, make, timeouts)


def _ffmpeg_grabber(named: SourceUri, timeouts: Timeouts, transport: str) -> Callable[[], Grabber]:
    return lambda: NetworkGrabber(named.text, named.path, timeouts.timeout_s, transport)


def _http_grabber(named: SourceUri, timeouts: Timeouts) -> Callable[[], Grabber]:
    """Checks the address and its options once, before anything is opened."""
    HttpAddress.parse(named.path, named.text)
    fps, playlist = named.fps or SNAPSHOT_FPS, named.switch("playlist", default=False)
    if named.fps and 1 / fps >= timeouts.timeout_s:
        longest_s = timeouts.timeout_s
        raise InputError(f"{named.text!r}: at fps={fps:g} pictures are further apart than timeout_s={longest_s:g}: "
                         f"expected fps above {1 / longest_s:g}, or a longer time-out")  # fmt: skip

    def by_ffmpeg(address: str) -> Grabber:
        return NetworkGrabber(named.text, address, timeouts.timeout_s, playlist=playlist)

    return lambda: HttpGrabber(named.text, named.path, timeouts.timeout_s, fps, by_ffmpeg, playlist)
