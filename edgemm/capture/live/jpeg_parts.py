"""Pictures out of a stream of bytes: `multipart/x-mixed-replace` as cameras write it, or JPEG behind JPEG.

Cameras differ: boundaries with dashes, quotes or another text than the header says, lines that end in LF alone, parts
without a type or a length, or with a wrong length, empty headers, garbage between parts. A part ends where its length
says, if a JPEG ends there; else where its JPEG ends; else at the next boundary. So a picture is handed on as soon as it
is there, not when the next one begins. A length is wrong where a boundary comes before its end, outside the segments of
a JPEG: what follows that boundary is the next part. Only what has no boundary before it, and no start of a JPEG, is not
noticed as a part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from edgemm.capture.files.jpeg import BROKEN, END, MORE, START, JpegEnd

MAX_PART_BYTES = 32 << 20
"""A larger picture (32 MiB) is passed over, and counted."""
_MOST_HEAD = 1 << 14
_KEPT_BACK = 512
"""Bytes at the end of what was searched that may be the beginning of a boundary."""
_FILLING = b"\0\r\n\t "
_OTHER_BOUNDARY = rb"--[^\r\n]{1,200}\r?\n(?=[Cc]ontent-)"
_BLANK = re.compile(rb"\r?\n\r?\n|^\r?\n")


class Part(NamedTuple):
    """One picture, still coded."""

    body: bytes
    begun_ns: int
    """When its first bytes came: CLOCK_MONOTONIC, nanoseconds."""

    @property
    def is_whole(self) -> bool:
        """False for what is cut short, or no JPEG: no decoder is needed to see that."""
        return self.body.startswith(START) and _ends_as_jpeg(self.body)


class JpegParts:
    """Takes bytes as they come, and gives the pictures in them."""

    def __init__(self, boundary: bytes | None) -> None:
        """Args:
        boundary: as the header gives it, with or without dashes; b"" where the header gives none; None for JPEG
            behind JPEG without anything between them.
        """
        self.too_large = 0
        """Pictures passed over so far because they have more than MAX_PART_BYTES."""
        self.plain = boundary is None
        mark = re.escape((boundary or b"").lstrip(b"-").rstrip())
        named = rb"-*%s(?:--)?[ \t]*\r?\n" % mark if mark else rb"(?!)"
        self._boundary = re.compile(rb"(?:^|\n)(?:%s|%s)" % (named, _OTHER_BOUNDARY))
        self._in_body = re.compile(
            rb"\r?\n(?:-*%s(?:--)?[ \t]*\r?\n|%s)" % (mark or rb"(?!)", _OTHER_BOUNDARY)
        )
        self._data = bytearray()
        self._came_ns = self._begun_ns = 0
        self._step: Callable[[], Part | None] = self._seek
        self._kind = ""
        self._ended = False
        self._length: int | None = None

    def feed(self, data: bytes, now_ns: int) -> None:
        """Takes the next bytes, which came at `now_ns`."""
        if not self._data and self._step == self._body:
            self._begun_ns = now_ns
        self._came_ns = now_ns
        self._data += data

    def next(self) -> Part | None:
        """The next picture; None when more bytes are needed."""
        while True:
            step = self._step
            part = step()
            if part is not None:
                return part
            if self._step == step:
                return None

    def end(self) -> bool:
        """The stream has ended: True when `next` gives one more picture, which had begun and may be cut short."""
        self._ended, self._length = True, None
        return self._step == self._body and bool(self._data.strip(_FILLING)) and self._is_picture()

    def _seek(self) -> Part | None:
        """Passes over everything up to the next boundary."""
        if self.plain:
            at = self._data.find(START)
            del self._data[: at if at >= 0 else max(0, len(self._data) - 1)]
            if at >= 0:
                self._begin_body(None, "")
            return None
        found = self._boundary.search(self._data)
        if found:
            del self._data[: found.end()]
            self._step = self._head
        elif len(self._data) > 2 * _KEPT_BACK:
            del self._data[: len(self._data) - _KEPT_BACK]
        return None

    def _head(self) -> Part | None:
        """Reads the headers of a part, which may be none."""
        if self._data[:2] == START:
            self._begin_body(None, "")
            return None
        found = _BLANK.search(self._data)
        if not found:
            if len(self._data) > _MOST_HEAD:
                self._step = self._seek
            return None
        fields = dict(_fields(bytes(self._data[: found.start()])))
        del self._data[: found.end()]
        length = fields.get("content-length", "")
        known = int(length) if length.isdecimal() and len(length) < 19 else None
        self._begin_body(known, fields.get("content-type", "").lower())
        return None

    def _begin_body(self, length: int | None, kind: str) -> None:
        self._length = None if length is not None and length > MAX_PART_BYTES else length
        self._kind = kind
        self._end, self._searched, self._broken = JpegEnd(), 0, False
        self._begun_ns = self._came_ns
        self._step = self._body

    def _body(self) -> Part | None:
        end = self._find_end()
        if end is None and self._ended and self._data.strip(_FILLING):
            end = len(self._data)
        if end is None:
            if len(self._data) > MAX_PART_BYTES:
                self.too_large += self._is_picture()
                self._data.clear()
                self._step = self._seek
            return None
        part = self._take(end) if self._is_picture() and end else None
        del self._data[:end]
        self._step = self._seek
        return part

    def _find_end(self) -> int | None:
        """Bytes in the body; None while it is not all there."""
        if len(self._data) < 2:
            return None
        is_jpeg = self._data[:2] == START
        if self._length is not None and len(self._data) >= self._length:
            if is_jpeg and _ends_as_jpeg(self._data[: self._length]):
                return self._length
            if not is_jpeg:
                inside = self._boundary_from(0)
                return self._length if inside is None else min(inside, self._length)
            self._length = None  # it is wrong, or the picture is damaged
        found = self._end.find(self._data) if is_jpeg else BROKEN
        if found == MORE and self._ended:
            found = BROKEN  # no more comes
        if found > 0 and self._length is None:
            return found
        if found == MORE and self._length is not None:
            return None  # as it should be
        if found == BROKEN and not self._broken:
            self._broken, self._searched = True, 0  # nor was a segment's length right, perhaps
        inside = self._boundary_from(found if found > 0 else 0 if self._broken else self._end.sure)
        return found if inside is not None and found > 0 else inside

    def _boundary_from(self, place: int) -> int | None:
        """Where the next part begins, at `place` or later: what is in a JPEG's segments is no boundary."""
        place = max(place, self._searched)
        if self.plain:
            at = self._data.find(START + b"\xff", max(2, place))
        else:
            found = self._in_body.search(self._data, place)
            at = found.start() if found else -1
        self._searched = max(place, len(self._data) - _KEPT_BACK)
        return at if at >= 0 else None

    def _is_picture(self) -> bool:
        """False for a part that says to be something else: text, sound."""
        return self._data[:2] == START or self._kind.startswith("image/") or not self._kind

    def _take(self, end: int) -> Part:
        return Part(bytes(self._data[:end]), self._begun_ns)


def _ends_as_jpeg(data: bytes | bytearray) -> bool:
    """True when a JPEG's end marker is the last of it, but for filling."""
    return data[-256:].rstrip(_FILLING).endswith(END)


def _fields(head: bytes) -> list[tuple[str, str]]:
    """Names in lower case and values of header lines."""
    lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
    return [(name.strip().lower(), value.strip()) for name, colon, value in lines if colon]
