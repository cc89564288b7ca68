"""Whether a JPEG file is all there: ITU-T T.81, annex B.

OpenCV before 5 decodes a JPEG that is cut short without a word, grey where data is missing.
"""

from __future__ import annotations

import re

START = b"\xff\xd8"
_END, _SCAN = 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers that no length follows."""
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In a scan, a byte 0xFF of data is followed by 0, and restart markers belong to it."""


def is_whole_jpeg(data: bytes) -> bool:
    """True when the marker that ends the picture is reached; what comes after it does not matter."""
    place = len(START)
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
        elif marker in _ALONE:
            place += 2
        elif marker == _END:
            return True
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
            if marker == _SCAN:
                found = _NEXT_MARKER.search(data, place)
                place = found.start() if found else len(data)
    return data[place : place + 2] == bytes([0xFF, _END])
