"""The outermost layer of protobuf's wire format: just enough to find records and skip the rest.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgemm.errors import DamagedArtifact

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MAX_RECORDS = 1 << 20
"""In one message, unless the caller knows better."""


@dataclass(frozen=True, slots=True)
class Record:
    """One field of a message, by its place in the data."""

    number: int
    kind: int
    """Wire type: VARINT, FIXED64, LENGTH or FIXED32."""
    begin: int
    """Where its tag starts."""
    value: int
    """Where its content starts; for a VARINT, the number itself."""
    end: int


def records(
    data: memoryview, begin: int = 0, end: int | None = None, *, limit: int = MAX_RECORDS
) -> Iterator[Record]:
    """The records of the message in data[begin:end], contents unread.

    Raises:
        DamagedArtifact: a record that reaches beyond the end, or is none; or more than `limit` of them.
    """
    stop = len(data) if end is None else end
    at = begin
    for _ in range(limit):
        if at == stop:
            return
        start = at
        tag, at = varint(data, at, stop)
        number, kind = tag >> 3, tag & 7
        value = at
        if kind == VARINT:
            value, at = varint(data, at, stop)
        elif kind == LENGTH:
            length, value = varint(data, at, stop)
            at = value + length
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise DamagedArtifact(f"damaged: no protobuf record at byte {start} (wire type {kind})")
        if number == 0 or at > stop:
            raise DamagedArtifact(f"damaged or cut short: the record at byte {start} reaches beyond the end")
        yield Record(number, kind, start, value, at)
    if at != stop:
        raise DamagedArtifact(f"more than {limit} records in one message")


def varint(data: memoryview, at: int, stop: int) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= stop:
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise DamagedArtifact(f"damaged or cut short: no number at byte {at}")


def encode(number: int, content: bytes) -> bytes:
    """A LENGTH record."""
    return head(number, len(content)) + content


def head(number: int, length: int) -> bytes:
    """What stands before the content of a LENGTH record of so many bytes."""
    return _varint_bytes(number << 3 | LENGTH) + _varint_bytes(length)


def _varint_bytes(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
