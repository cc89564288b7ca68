"""A grabber for http and https addresses: motion JPEG and snapshots are read here, other video by FFMPEG."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from edgemm.capture.jpeg_decoder import decode_jpeg
from edgemm.capture.live.grabber import NOTHING_YET, Grabber, Lost, Shot
from edgemm.capture.live.http_address import HttpAddress
from edgemm.capture.live.http_client import HttpClient
from edgemm.capture.live.http_content import JPEGS, MULTIPART, PLAYLIST, SNAPSHOT, boundary_of, kind_of
from edgemm.capture.live.http_pictures import Pictures, PictureStream, Snapshots
from edgemm.capture.live.http_reply import Reply
from edgemm.capture.live.jpeg_parts import JpegParts, Part
from edgemm.capture.live.newest import CORRUPT, SUPERSEDED
from edgemm.errors import SourceLost, SourceNotFound, SourceTimeout
from edgemm.media import Color

_SLICE_S = 0.2
"""So long a read waits at most, so that whoever closes the source need not wait longer."""
_LOOK_AT = 256
"""Bytes that tell what an answer is."""


class HttpGrabber:
    """One connection to an address."""

    color: Color = "bgr"

    def __init__(
        self,
        uri: str,
        address: str,
        timeout_s: float,
        snapshot_fps: float,
        by_ffmpeg: Callable[[str], Grabber],
        playlist: bool = False,
    ) -> None:
        """Args:
        uri: how messages call it.
        address: the whole address, with user and password.
        timeout_s: longest that each step of opening may take.
        snapshot_fps: how often an address that gives one picture for each request is asked.
        by_ffmpeg: makes the grabber for what is neither.
        playlist: True where FFMPEG may follow a playlist.
        """
        self._uri = uri
        self._timeout_s = timeout_s
        self._snapshot_fps = snapshot_fps
        self._by_ffmpeg = by_ffmpeg
        self._playlist = playlist
        self._client = HttpClient(HttpAddress.parse(address, uri), uri, timeout_s)
        self._pictures: Pictures | None = None
        self._inner: Grabber | None = None
        self._next: Shot | None = None

    def open(self) -> str:
        """Asks for the address and sees what it is.

        Raises:
            SourceNotFound: nothing that can be played; the message says what was found.
            SourceTimeout: it does not answer, or answers and sends nothing.
            SourceLost: the connection broke meanwhile.
        """
        reply = self._client.get()
        begun = self._begin(reply)
        kind = kind_of(reply.header("content-type"), begun, self._uri)
        if kind == SNAPSHOT:
            self._pictures = Snapshots(self._client, reply, begun, self._snapshot_fps)
        elif kind in (MULTIPART, JPEGS):
            boundary = boundary_of(reply.header("content-type")) if kind == MULTIPART else None
            self._pictures = PictureStream(reply, begun, JpegParts(boundary), self._uri)
        else:
            return self._open_by_ffmpeg(kind == PLAYLIST)
        return self._pictures.given

    def grab(self) -> Shot | Lost | None:
        """The newest picture, or what was lost; nothing yet after a moment.

        Raises:
            SourceError: the stream has ended, or the server refuses.
        """
        if self._inner is not None:
            return self._inner.grab()
        if self._next is not None:
            ready, self._next = self._next, None
            return ready
        assert self._pictures is not None
        part, passed = self._pictures.newest(_SLICE_S)
        lost = Counter(self._pictures.unreadable())
        shot = self._decoded(part, passed) if part is not None else None
        if part is not None and shot is None:
            lost.update({CORRUPT: 1, SUPERSEDED: passed})
        if not lost.total():
            return shot or NOTHING_YET
        self._next = shot
        return Lost(dict(+lost))

    def _decoded(self, part: Part, passed: int) -> Shot | None:
        """None for a damaged picture."""
        try:
            return Shot(decode_jpeg(part.body), part.begun_ns, passed, SUPERSEDED)
        except SourceLost:
            return None

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()
        if self._inner is not None:
            self._inner.close()

    def _begin(self, reply: Reply) -> bytes:
        """The first bytes of the body: all that are needed to see what it is, where they come in time."""
        begun, deadline = b"", time.monotonic() + self._timeout_s
        while len(begun) < _LOOK_AT:
            came = reply.read(max(0.0, min(_SLICE_S, deadline - time.monotonic())))
            if came == b"":
                break
            begun += came or b""
            if (came is None and begun) or time.monotonic() >= deadline:
                break
        if not begun and not reply.whole:
            if time.monotonic() >= deadline:
                raise SourceTimeout(f"{self._uri}: answers, and sends nothing for {self._timeout_s:g} s")
            raise SourceLost(f"{self._uri}: the server answers and closes the connection without a picture")
        return begun

    def _open_by_ffmpeg(self, is_playlist: bool) -> str:
        self._client.close()  # some cameras serve one viewer at a time
        if is_playlist and not self._playlist:
            raise SourceNotFound(
                f"{self._uri}: answers with a playlist, which may lead to any host: it is followed where the address "
                "ends in #playlist=1"
            )
        self._inner = self._by_ffmpeg(self._client.address.text)
        self.color = self._inner.color
        return self._inner.open()
