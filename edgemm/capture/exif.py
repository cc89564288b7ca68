"""The orientation that a camera wrote into a JPEG: Exif 2.3, tag 0x0112."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

_APP1, _SCAN = 0xE1, 0xDA
_ORIENTATION = 0x0112
_SHORT = 3
_MOST_ENTRIES = 512


def orientation(data: bytes) -> int:
    """1 to 8; 1, which is upright, where nothing is written or it cannot be read."""
    if b"Exif\0\0" not in data[: 1 << 16]:
        return 1
    try:
        return _in_tiff(_exif_segment(data))
    except (struct.error, IndexError):
        return 1


def upright(pixels: npt.NDArray[np.uint8], stored: int) -> npt.NDArray[np.uint8]:
    """The picture turned and mirrored as its orientation, 1 to 8, asks; itself where it stands upright."""
    if stored >= 5:
        pixels = pixels.swapaxes(0, 1)
    if stored in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if stored in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _exif_segment(data: bytes) -> bytes:
    """The TIFF structure inside the Exif segment; empty where there is none."""
    place = 2
    while data[place] == 0xFF and data[place + 1] != _SCAN:
        (length,) = struct.unpack_from(">H", data, place + 2)
        body = data[place + 4 : place + 2 + length]
        if data[place + 1] == _APP1 and body.startswith(b"Exif\0\0"):
            return body[6:]
        place += 2 + length
    return b""


def _in_tiff(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    (first,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, first)
    for number in range(min(entries, _MOST_ENTRIES)):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * number)
        if tag == _ORIENTATION and kind == _SHORT:
            return value if 1 <= value <= 8 else 1
    return 1
