"""Width and height of a picture from its header, read before anything is decoded.

Exists because a file of a few kilobytes may hold a picture of a gigabyte. OpenCV's own limit is read from the
environment once, when it is imported, and is the same for the whole process; the standard library has no reader.

Follows the PNG specification (IHDR), ITU-T T.81 (SOFn), the Windows bitmap headers, RFC 9649 (WebP), TIFF 6.0 and
BigTIFF (first directory), the Netpbm formats, and ITU-T T.800 (SIZ).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

Size = tuple[int, int]
"""Width and height in pixels."""

_MAX_STEPS = 100_000
"""Segments, boxes or entries that are looked at."""


def picture_size(data: bytes | memoryview) -> Size | None:
    """Width and height; None for what is no PNG, JPEG, BMP, WebP, TIFF, PNM or JPEG 2000 file, or damaged.

    Where a file says several sizes, the largest that a decoder would make room for.
    """
    stored = memoryview(data)
    start = bytes(stored[:16])
    for mark, read in _READERS:
        if mark.match(start):
            try:
                return read(stored)
            except (struct.error, IndexError, ValueError):  # cut short
                return None
    return None


def _png(data: memoryview) -> Size | None:
    return _pair(data, 16, ">II") if bytes(data[12:16]) == b"IHDR" else None


def _jpeg(data: memoryview) -> Size | None:
    place = 2
    for _ in range(_MAX_STEPS):
        while data[place] == 0xFF and data[place + 1] == 0xFF:  # padding
            place += 1
        mark, marker = data[place], data[place + 1]
        if mark != 0xFF or marker == 0:  # decoders look for the next marker themselves, each in its own way
            return None
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = _pair(data, place + 5, ">HH")
            return width, height
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        place += 2 if alone else 2 + struct.unpack_from(">H", data, place + 2)[0]
    return None


def _bmp(data: memoryview) -> Size:
    old = struct.unpack_from("<I", data, 14)[0] == 12
    width, height = _pair(data, 18, "<HH" if old else "<ii")
    return abs(width), abs(height)  # a negative height: from the top down


def _webp(data: memoryview) -> Size | None:
    kind = bytes(data[12:16])
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = _pair(data, 26, "<HH")
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff(data: memoryview) -> Size | None:
    order = "<" if data[0] == 0x49 else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    place = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, 8 if big else 4)[0]
    count = struct.unpack_from(f"{order}Q" if big else f"{order}H", data, place)[0]
    place += 8 if big else 2
    found: dict[int, int] = {}
    for _ in range(min(count, _MAX_STEPS)):
        tag, kind = struct.unpack_from(f"{order}HH", data, place)
        code = _TIFF_TYPES.get(kind)
        if tag in _TIFF_SIZES and code is not None:
            value = struct.unpack_from(order + code, data, place + (12 if big else 8))[0]
            found[tag] = max(value, found.get(tag, 0))
        place += 20 if big else 12
    if 256 not in found or 257 not in found:
        return None
    # a tile may be larger than the picture, and room is made for all of it
    return max(found[256], found.get(322, 0)), max(found[257], found.get(323, 0))


_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}
"""Types of whole numbers."""
_TIFF_SIZES = (256, 257, 322, 323)
"""ImageWidth, ImageLength, TileWidth, TileLength."""
_PNM = re.compile(rb"P[1-6](?:\s|#[^\r\n]*[\r\n])+(\d{1,10})(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})\b")


def _pnm(data: memoryview) -> Size | None:
    found = _PNM.match(data)
    return (int(found[1]), int(found[2])) if found else None


def _jpeg_2000(data: memoryview) -> Size | None:
    place = 0
    for _ in range(_MAX_STEPS):
        length, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, place + 8)[0], 16
        if kind == b"jp2c":
            return _codestream(data[place + head :])
        if length < head:
            return None
        place += length
    return None


def _codestream(data: memoryview) -> Size | None:
    if bytes(data[:4]) != b"\xff\x4f\xff\x51":
        return None
    return _pair(data, 8, ">II")  # from the origin of the grid: not less than the picture


def _pair(data: memoryview, place: int, form: str) -> Size:
    first, second = struct.unpack_from(form, data, place)
    return first, second


_READERS: tuple[tuple[re.Pattern[bytes], Callable[[memoryview], Size | None]], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"BM"), _bmp),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), _tiff),
    (re.compile(rb"P[1-6]"), _pnm),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n"), _jpeg_2000),
    (re.compile(rb"\xff\x4f\xff\x51"), _codestream),
)
"""How a file begins -> who reads it."""
