"""The options of a custom operator: a FlexBuffers map of names to numbers.

https://flatbuffers.dev/internals/#flexbuffers
"""

from __future__ import annotations

import struct

MAX_ENTRIES = 256
_MAP = 9
_INT, _UINT, _FLOAT, _BOOL = 1, 2, 3, 26
_KINDS = {
    (_INT, 1): "b", (_INT, 2): "h", (_INT, 4): "i", (_INT, 8): "q",
    (_UINT, 1): "B", (_UINT, 2): "H", (_UINT, 4): "I", (_UINT, 8): "Q",
    (_BOOL, 1): "B", (_BOOL, 2): "H", (_BOOL, 4): "I", (_BOOL, 8): "Q",
    (_FLOAT, 4): "f", (_FLOAT, 8): "d",
}  # fmt: skip
"""Type and bytes of a number -> `struct` character."""


def read_options(data: bytes) -> dict[str, int | float]:
    """The numbers in the map, by name; {} where it is none, or does not hold together."""
    try:
        return _map(data)
    except (struct.error, IndexError, ValueError):
        return {}


def _map(data: bytes) -> dict[str, int | float]:
    width, packed = data[-1], data[-2]
    if packed >> 2 != _MAP or width not in (1, 2, 4, 8):
        return {}
    root = len(data) - 2 - width
    begin, each = _back(data, root, width), 1 << (packed & 3)
    count, keys_each = _whole(data, begin - each, each), _whole(data, begin - 2 * each, each)
    keys = _back(data, begin - 3 * each, each)
    if count > MAX_ENTRIES or keys_each not in (1, 2, 4, 8):
        return {}
    found: dict[str, int | float] = {}
    for place in range(count):
        kind = _KINDS.get((data[begin + count * each + place] >> 2, each))
        if kind:
            name = _key(data, _back(data, keys + place * keys_each, keys_each))
            found[name] = struct.unpack_from(f"<{kind}", data, begin + place * each)[0]
    return found


def _whole(data: bytes, at: int, width: int) -> int:
    if not 0 <= at <= len(data) - width:
        raise ValueError(f"byte {at} is outside")
    return int.from_bytes(data[at : at + width], "little")


def _back(data: bytes, at: int, width: int) -> int:
    """Where the offset at a byte leads: backwards."""
    led = at - _whole(data, at, width)
    if led < 0:
        raise ValueError(f"the offset at byte {at} leads outside")
    return led


def _key(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at, at + 128)].decode("ascii", "replace")
