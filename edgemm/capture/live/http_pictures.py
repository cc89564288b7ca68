"""Pictures over HTTP: one answer that never ends (motion JPEG), or one answer for each picture (snapshots).

Whoever is slower than the camera gets the newest picture: what has come meanwhile is counted as "superseded", and not
decoded; but what has no end marker, or is no JPEG, is "corrupt" in any case. A picture is captured when its first bytes
come; the time on the wire and in the camera is not in its age.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from edgemm.capture.live.http_client import HttpClient
from edgemm.capture.live.http_reply import Reply
from edgemm.capture.live.jpeg_parts import MAX_PART_BYTES, JpegParts, Part
from edgemm.capture.live.newest import CORRUPT
from edgemm.errors import SourceLost

TOO_LARGE = "too-large"
_MOST_AT_ONCE = 256
"""So many pictures are passed over in one go, so that a sender without an end does not keep us from the newest."""


class Pictures(Protocol):
    """Coded pictures of one connection.

    Exists so that decoding and counting are written once for both ways in which cameras send them.
    """

    given: str
    """What it is, in words."""

    def newest(self, wait_s: float) -> tuple[Part | None, int]:
        """The newest picture that is there, waited for at most `wait_s`, and how many before it were passed over.

        Raises:
            SourceError: there will be no more.
        """

    def unreadable(self) -> dict[str, int]:
        """Pictures that came since this was asked last and cannot be decoded, reason -> how many."""


class PictureStream:
    """Motion JPEG: part after part of one answer."""

    given = "motion JPEG over HTTP"

    def __init__(
        self,
        reply: Reply,
        begun: bytes,
        parts: JpegParts,
        shown: str,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Args:
        reply: the answer.
        begun: bytes of its body that have been read already.
        parts: takes it apart.
        shown: how messages call the address.
        """
        self._reply = reply
        self._parts = parts
        self._shown = shown
        self._now_ns = now_ns
        self._pictures = 0
        self._lost: Counter[str] = Counter()
        self._trouble: SourceLost | None = None
        parts.feed(begun, now_ns())

    def newest(self, wait_s: float) -> tuple[Part | None, int]:
        """See `Pictures`."""
        give_up = time.monotonic() + wait_s
        newest, passed, late = None, 0, False
        while passed < _MOST_AT_ONCE:
            part = self._parts.next()
            if part is None:
                if late or self._trouble is not None:
                    break
                if not self._more(0.0 if newest else give_up - time.monotonic()):
                    break
                late = time.monotonic() >= give_up  # a sender that never pauses does not keep us here
                continue
            self._pictures += 1
            if not part.is_whole:
                self._lost[CORRUPT] += 1
                continue
            passed += newest is not None
            newest = part
        if newest is None and self._trouble is not None and not self._has_unreadable():
            raise self._trouble
        return newest, passed

    def unreadable(self) -> dict[str, int]:
        """See `Pictures`."""
        lost, self._lost = self._lost, Counter()
        lost[TOO_LARGE], self._parts.too_large = self._parts.too_large, 0
        return lost

    def _has_unreadable(self) -> bool:
        """True for losses that `unreadable` has not told yet: they come before the end of the stream."""
        return bool(self._lost.total() or self._parts.too_large)

    def _more(self, wait_s: float) -> bool:
        """Reads on; False when nothing came. At the end, what had begun is a picture too."""
        try:
            came = self._reply.read(max(0.0, wait_s))
        except SourceLost as error:
            self._trouble = error
            came = b""
        if came is None:
            return False
        if came:
            self._parts.feed(came, self._now_ns())
            return True
        self._trouble = self._trouble or SourceLost(
            f"{self._shown}: the server ended the stream after {self._pictures} pictures"
        )
        return self._parts.end()


class Snapshots:
    """One request for each picture."""

    def __init__(
        self,
        client: HttpClient,
        reply: Reply,
        begun: bytes,
        fps: float,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Args:
        client: asks again.
        reply: the first answer.
        begun: bytes of its body that have been read already.
        fps: requests per second.
        """
        self.given = f"JPEG snapshots over HTTP, {fps:g}/s"
        self._client = client
        self._reply: Reply | None = reply
        self._body = bytearray(begun)
        self._now_ns = now_ns
        self._begun_ns = now_ns()
        self._period_s = 1 / fps
        self._due_s = time.monotonic() + self._period_s
        self._too_large = 0

    def newest(self, wait_s: float) -> tuple[Part | None, int]:
        """See `Pictures`; none is ever passed over."""
        give_up = time.monotonic() + wait_s
        if self._reply is None and not self._asked(wait_s):
            return None, 0
        assert self._reply is not None
        while True:
            came = self._reply.read(max(0.0, give_up - time.monotonic()))
            if came is None:
                return None, 0
            if not came:
                return self._whole(), 0
            if not self._body:
                self._begun_ns = self._now_ns()
            self._body += came
            if len(self._body) > MAX_PART_BYTES:
                self._too_large += 1
                self._body.clear()
                self._reply = None
                return None, 0
            if time.monotonic() >= give_up:
                return None, 0

    def unreadable(self) -> dict[str, int]:
        """See `Pictures`."""
        counted, self._too_large = self._too_large, 0
        return {TOO_LARGE: counted}

    def _asked(self, wait_s: float) -> bool:
        """Asks for the next picture when it is due, for which is waited at most `wait_s`."""
        early_s = self._due_s - time.monotonic()
        if early_s > wait_s:
            time.sleep(wait_s)
            return False
        time.sleep(max(0.0, early_s))
        self._due_s = max(self._due_s + self._period_s, time.monotonic())
        self._reply = self._client.get()
        return True

    def _whole(self) -> Part:
        part = Part(bytes(self._body), self._begun_ns)
        self._body.clear()
        self._reply = None
        return part
