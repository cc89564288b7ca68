"""Holes in a JPEG: zero bytes where compressed data should be, as a lost packet or a bad block of memory leaves them.

A Huffman decoder reads zeros as valid codes and notices nothing. With the usual code tables each block of brightness
has an end-of-block code with bits that are 1, even in a flat picture, so that 16 zero bytes in a row do not occur.
Where all tables of a picture are its own and have this code as zeros, they may occur: such a picture is not judged, nor
is a progressive one. ITU-T T.81, annexes C, F.1.2.2 and K.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgemm.capture.files.jpeg import JpegEnd

_HOLE = bytes(16)
_SEQUENTIAL = (0xC0, 0xC1)
_TABLES, _SCAN = 0xC4, 0xDA
_END_OF_BLOCK = 0x00
_USUAL = {0: 0x01, 1: _END_OF_BLOCK}
"""Of the usual AC tables, 0 for brightness and 1 for colour: the symbol whose code is all zeros."""


def has_hole(data: bytes) -> bool:
    """True where 16 or more zero bytes stand in the compressed data of a picture in which they cannot mean anything.

    Args:
        data: a JPEG; bytes behind its end marker are ignored.
    """
    if data.find(_HOLE) < 0:
        return False
    symbols, components = dict(_USUAL), 0
    for marker, body, end in _segments(data):
        if marker in _SEQUENTIAL and len(body) > 5:
            components = body[5]
        elif marker == _TABLES:
            symbols.update(_zero_symbols(body))
        elif marker == _SCAN:
            tables = [choice & 15 for choice in body[2 : 1 + 2 * body[0] : 2]] if body else []
            all_at_once = 0 < components == len(tables)
            if not all_at_once or all(symbols.get(each, _END_OF_BLOCK) == _END_OF_BLOCK for each in tables):
                return False
            found = data.find(_HOLE, end)
            return found >= 0 and (JpegEnd().find(data) or len(data)) > found
    return False


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """(marker, what follows its length, where it ends) of each, up to the first scan."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        yield marker, data[place + 4 : end], end
        if marker == _SCAN:
            return
        place = end


def _zero_symbols(body: bytes) -> Iterator[tuple[int, int]]:
    """(number, symbol whose code is all zeros) of each AC table in a segment; that symbol is the first one."""
    place = 0
    while place + 17 < len(body):
        kind, total = body[place], sum(body[place + 1 : place + 17])
        if kind >> 4 == 1 and total:
            yield kind & 15, body[place + 17]
        place += 17 + total
