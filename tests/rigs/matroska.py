"""A video file whose pictures come at any times: motion JPEG in Matroska, written byte by byte.

Matroska (RFC 9559) is a tree of elements: a number that names one, its length, its content.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 64, 48
_UNKNOWN = bytes([0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
"""The length of what is still being written."""


def write_video(path: Path, times_ms: Sequence[int]) -> Path:
    """One picture for each time, the n-th in the shade 10 * n."""
    clusters = b"".join(
        _element(0x1F43B675, _number(0xE7, time_ms) + _element(0xA3, b"\x81\0\0\x80" + _jpeg(number)))
        for number, time_ms in enumerate(times_ms)
    )
    header = _element(
        0x1A45DFA3, _text(0x4282, "matroska") + _number(0x4287, 4) + _number(0x4285, 2)
    )  # EBML: document type, its version, the oldest reader's
    info = _element(0x1549A966, _number(0x2AD7B1, 1_000_000))  # times are milliseconds
    video = _element(0xE0, _number(0xB0, WIDTH) + _number(0xBA, HEIGHT))
    track = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1) + _text(0x86, "V_MJPEG") + video
    tracks = _element(0x1654AE6B, _element(0xAE, track))
    path.write_bytes(header + bytes.fromhex("18538067") + _UNKNOWN + info + tracks + clusters)
    return path


def _jpeg(number: int) -> bytes:
    import cv2

    good, coded = cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 10 * number, np.uint8))
    assert good
    return coded.tobytes()


def _element(name: int, content: bytes) -> bytes:
    length = len(content) | 1 << 56  # eight bytes, the first bit of which says so
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + length.to_bytes(8, "big") + content


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))


def _text(name: int, value: str) -> bytes:
    return _element(name, value.encode())
