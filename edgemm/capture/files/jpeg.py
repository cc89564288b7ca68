"""Where a JPEG ends, and whether it is all there: ITU-T T.81, annex B."""

from __future__ import annotations

import re

START = b"\xff\xd8"
END = b"\xff\xd9"
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers that no length follows."""
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In a scan, a byte 0xFF of data is followed by 0, and restart markers belong to it."""
MORE, BROKEN = 0, -1


def is_whole_jpeg(data: bytes) -> bool:
    """True when the marker that ends the picture is reached; what comes after it is ignored."""
    return JpegEnd().find(data) > 0


class JpegEnd:
    """Finds the end of a picture of which more and more is there, and looks at no byte twice."""

    def __init__(self) -> None:
        self.sure = len(START)
        """Up to here nothing but this picture can be: it may lie beyond what is there, behind a segment whose length
        is known. Compressed data has no length, so that this is where the last of it begins."""
        self._place = len(START)
        self._in_scan = False

    def find(self, data: bytes | bytearray) -> int:
        """Length of the picture in bytes, end marker included; MORE (0) while the end is not there; BROKEN (-1)
        where `data`, which begins with START, is no JPEG. The same data is handed in each time, with more behind.
        """
        while True:
            if self._in_scan and not self._pass_scan(data):
                return MORE
            head = data[self._place : self._place + 4]
            if head[:2] == END:
                return self._place + 2
            if len(head) < 2 or (len(head) < 4 and head[0] == 0xFF):
                return MORE
            if head[0] != 0xFF or head[1] == _START:
                return BROKEN
            self._pass_marker(head)

    def _pass_marker(self, head: bytes | bytearray) -> None:
        marker = head[1]
        if marker == 0xFF:  # padding
            self._place += 1
        elif marker in _ALONE:
            self._place += 2
        else:
            self._place += 2 + int.from_bytes(head[2:4], "big")
            self._in_scan = marker == _SCAN
        self.sure = self._place

    def _pass_scan(self, data: bytes | bytearray) -> bool:
        """True when the marker behind the compressed data is there."""
        found = _NEXT_MARKER.search(data, self._place)
        if found:
            self._place, self._in_scan = found.start(), False
            return True
        self._place = max(self._place, len(data) - 1)
        return False
