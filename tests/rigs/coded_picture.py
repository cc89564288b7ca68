"""A picture that says which one it is and when it was made, in blocks that survive lossy coding.

Four rows of 32 black or white blocks: the number, the capture time (CLOCK_MONOTONIC, microseconds) in two rows, and
a checksum over them. Painting needs the standard library alone, reading needs NumPy.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy.typing as npt

WIDTH, HEIGHT = 640, 480
_BLOCK = 16
_BITS = 32
_LEFT, _TOP = 64, 64
_GREY = 90


class Code(NamedTuple):
    """What a picture says of itself."""

    number: int
    made_ns: int
    """CLOCK_MONOTONIC, nanoseconds, in steps of a microsecond."""


def paint(number: int, made_ns: int) -> bytes:
    """Grey picture, uint8[480, 640] as bytes. A bar beneath the code moves, so that no two are alike."""
    made_us = made_ns // 1000
    rows = [number & 0xFFFFFFFF, made_us >> 32, made_us & 0xFFFFFFFF]
    picture = bytearray([_GREY]) * (WIDTH * HEIGHT)
    for place, value in enumerate([*rows, _checksum(rows)]):
        _paint_band(picture, _TOP + 2 * _BLOCK * place, _line(value))
    bar = bytearray([_GREY]) * WIDTH
    at = number * 8 % (WIDTH - 64)
    bar[at : at + 64] = b"\xff" * 64
    _paint_band(picture, HEIGHT - 64, bar)
    return bytes(picture)


def read_code(pixels: npt.NDArray[Any]) -> Code | None:
    """The code in uint8[480, 640] or [480, 640, 3]; None where the checksum does not fit."""
    import numpy as np

    grey = pixels if pixels.ndim == 2 else pixels[:, :, 1]
    middle = _BLOCK // 2
    tops = _TOP + middle + 2 * _BLOCK * np.arange(4)
    lefts = _LEFT + middle + _BLOCK * np.arange(_BITS)
    bits = (grey[tops[:, None], lefts] > 128).astype(np.uint64)
    number, high, low, checksum = (
        int(row) for row in bits @ (np.uint64(1) << np.arange(_BITS, dtype=np.uint64))
    )
    if checksum != _checksum([number, high, low]):
        return None
    return Code(number, ((high << 32) + low) * 1000)


def _checksum(rows: list[int]) -> int:
    return zlib.crc32(b"".join(row.to_bytes(4, "little") for row in rows))


def _line(value: int) -> bytearray:
    """One line of a row of blocks."""
    line = bytearray([_GREY]) * WIDTH
    for bit in range(_BITS):
        shade = b"\xff" if value >> bit & 1 else b"\0"
        line[_LEFT + bit * _BLOCK : _LEFT + (bit + 1) * _BLOCK] = shade * _BLOCK
    return line


def _paint_band(picture: bytearray, top: int, line: bytearray) -> None:
    picture[top * WIDTH : (top + _BLOCK) * WIDTH] = line * _BLOCK
