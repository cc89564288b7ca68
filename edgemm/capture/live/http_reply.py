"""The answer to an HTTP request, its body decoded as it comes: RFC 9112."""

from __future__ import annotations

import re
import time

from edgemm.capture.live.http_wire import Wire
from edgemm.errors import SourceLost, SourceNotFound, SourceTimeout

_MOST_HEAD = 1 << 16
_STATUS = re.compile(rb"^(HTTP/(\d)\.(\d)|ICY) +(\d{3})(?: +([^\r\n]*))?\r?\n")
_BLANK = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"^([0-9a-fA-F]{1,15})[ \t]*(?:;[^\n]{0,1000})?\r?\n")
_MOST_CHUNK_LINE = 1100
_NO_BODY = frozenset({204, 304})


class Reply:
    """Status and headers at once, the body by and by."""

    def __init__(self, wire: Wire, shown: str, deadline: float) -> None:
        """Reads until the headers have ended.

        Args:
            wire: the request is sent.
            shown: how messages call the address.
            deadline: `time.monotonic()` until which the headers must be there.

        Raises:
            SourceTimeout: they are not.
            SourceLost: the other side closes before.
            SourceNotFound: it is not HTTP, or the headers are too long.
        """
        self._wire = wire
        self._shown = shown
        self._rest = b""
        self._ended = self.whole = False
        self.status = 100
        while self.status // 100 == 1:  # "wait, the answer follows"
            head = self._read_head(deadline)
            self._understand(head)
        self._plan_body()

    def header(self, name: str) -> str:
        """The value of a header, names in lower case; "" where it is not there; several are joined by commas."""
        return ", ".join(value for key, value in self.headers if key == name)

    def read(self, wait_s: float) -> bytes | None:
        """The next bytes of the body; None when none come within `wait_s`, b"" at its end.

        Raises:
            SourceLost: the connection broke, or the body is not coded as it says.
        """
        give_up = time.monotonic() + wait_s
        while True:
            body = self._decoded()
            if body or self._ended:
                return body
            came = self._wire.receive(max(0.0, give_up - time.monotonic()))
            if came is None:
                return None
            self._rest += came
            if not came:
                self._ended = True
                self.whole = self._left is None and not self._chunked

    @property
    def keeps_open(self) -> bool:
        """True when another request may follow on the same connection: the body has ended as announced."""
        return self.whole and self._ended and self._persistent and not self._rest

    def _read_head(self, deadline: float) -> bytes:
        """Up to and with the blank line."""
        while True:
            head = self._rest.lstrip(b"\r\n")
            found = _BLANK.search(head)
            if found:
                self._rest = head[found.end() :]
                return head[: found.end()]
            if len(head) > 8 and not head.startswith((b"HTTP/", b"ICY ")):
                raise SourceNotFound(f"{self._shown}: what answers there is no HTTP server")
            if len(head) > _MOST_HEAD:
                raise SourceNotFound(f"{self._shown}: answers with headers of more than {_MOST_HEAD} bytes")
            came = self._wire.receive(deadline - time.monotonic()) if time.monotonic() < deadline else None
            if came is None:
                what = "only a part of its headers" if head else "nothing"
                raise SourceTimeout(
                    f"{self._shown}: the connection is accepted, and {what} comes within the time-out"
                )
            if not came:
                raise SourceLost(f"{self._shown}: the server closes the connection without an answer")
            self._rest = head + came

    def _understand(self, head: bytes) -> None:
        status = _STATUS.match(head)
        if not status:
            raise SourceNotFound(f"{self._shown}: what answers there is no HTTP server")
        self.status = int(status[4])
        newer = status[2] is not None and (int(status[2]), int(status[3])) >= (1, 1)
        self.headers = [
            (name.strip().lower(), value.strip())
            for line in head[status.end() :].decode("latin-1").splitlines()
            for name, colon, value in [line.partition(":")]
            if colon
        ]
        asked = self.header("connection").lower()
        self._persistent = "close" not in asked and (newer or "keep-alive" in asked)

    def _plan_body(self) -> None:
        length = self.header("content-length").partition(",")[0].strip()
        self._chunked = "chunked" in self.header("transfer-encoding").lower()
        self._left = int(length) if length.isdecimal() and len(length) < 19 and not self._chunked else None
        if self.status in _NO_BODY:
            self._left = 0
        if self._chunked:
            self._left = 0  # of the first chunk, whose size is not read yet
        self._chunk_ends = False
        self._persistent = self._persistent and self._left is not None
        self._ended = self.whole = self._left == 0 and not self._chunked

    def _decoded(self) -> bytes:
        """What can be handed out of the bytes that are there."""
        if self._ended or not self._rest:
            return b""
        if self._chunked and self._left == 0:
            self._next_chunk()
            if self._ended or not self._left:
                return b""
        taken, self._rest = (
            (self._rest, b"") if self._left is None else (self._rest[: self._left], self._rest[self._left :])
        )
        if self._left is not None:
            self._left -= len(taken)
            self._chunk_ends = self._chunked and self._left == 0
            if self._left == 0 and not self._chunked:
                self._ended = self.whole = True
        return taken

    def _next_chunk(self) -> None:
        """Reads the size of the next chunk, if its line is there."""
        rest = self._rest.removeprefix(b"\r\n").removeprefix(b"\n") if self._chunk_ends else self._rest
        line = _CHUNK.match(rest)
        if line is None:
            if b"\n" in rest or len(rest) > _MOST_CHUNK_LINE:
                raise SourceLost(f"{self._shown}: the body is not in chunks, as its headers say")
            return
        self._rest, self._left, self._chunk_ends = rest[line.end() :], int(line[1], 16), False
        if self._left == 0:  # trailers, if there are any, are nobody's business
            self._rest = b"" if self._rest in (b"\r\n", b"\n") else self._rest
            self._ended = self.whole = True
