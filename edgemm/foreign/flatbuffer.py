"""Reads flatbuffers that anybody may have written: every offset is checked, and the work is bounded.

https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

MAX_VISITS = 1 << 20
"""Tables, texts and numbers that are read from one buffer, the same place counted as often as it is led to."""
MAX_TEXT = 1 << 16
"""Bytes of one text."""

_SIZES = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}
"""`struct` character of a number -> its bytes."""


class BadFlatbuffer(ValueError):
    """An offset leads outside the buffer, or there is more in it than is read."""


class Flatbuffer:
    """The bytes of one buffer, and how much more may be read from them."""

    __slots__ = ("data", "left")

    def __init__(self, data: bytes | memoryview, visits: int = MAX_VISITS) -> None:
        self.data = memoryview(data)
        self.left = visits

    def root(self) -> Table:
        """The table that the buffer begins with."""
        return Table(self, self.offset(0))

    def visit(self, count: int = 1) -> None:
        """Counts what is read.

        Raises:
            BadFlatbuffer: it is more than the buffer may hold.
        """
        self.left -= count
        if self.left < 0:
            raise BadFlatbuffer("it holds more than is read of one file")

    def number(self, at: int, kind: str) -> int | float:
        """The number at a byte."""
        if not 0 <= at <= len(self.data) - _SIZES[kind]:
            raise BadFlatbuffer(f"byte {at} of {len(self.data)} is outside")
        value: int | float = struct.unpack_from(f"<{kind}", self.data, at)[0]
        return value

    def offset(self, at: int) -> int:
        """Where the unsigned offset at a byte leads to."""
        led = at + int(self.number(at, "I"))
        if led == at or led > len(self.data) - 4:
            raise BadFlatbuffer(f"the offset at byte {at} leads outside")
        return led

    def vector(self, at: int, size: int) -> tuple[int, int]:
        """Where the elements of the vector at a byte begin, and how many there are.

        Args:
            at: where its length stands.
            size: bytes of one element.
        """
        count = int(self.number(at, "I"))
        if count * size > len(self.data) - at - 4:
            raise BadFlatbuffer(f"the list at byte {at} is longer than the buffer")
        return at + 4, count


class Table:
    """One table; fields are asked for by their number in the schema."""

    __slots__ = ("_at", "_buffer", "_size", "_vtable")

    def __init__(self, buffer: Flatbuffer, at: int) -> None:
        buffer.visit()
        vtable = at - int(buffer.number(at, "i"))
        size = int(buffer.number(vtable, "H"))
        if vtable < 0 or size < 4 or size % 2 or vtable + size > len(buffer.data):
            raise BadFlatbuffer(f"there is no table at byte {at}")
        self._buffer, self._at, self._vtable, self._size = buffer, at, vtable, size

    def _place(self, field: int) -> int:
        """Where a field stands; 0 where it is absent."""
        entry = 4 + 2 * field
        if entry + 2 > self._size:
            return 0
        offset = int(self._buffer.number(self._vtable + entry, "H"))
        return self._at + offset if offset else 0

    def number(self, field: int, kind: str, default: float = 0) -> int | float:
        """A number, or the schema's default where it is left out; `kind` as in `struct`."""
        at = self._place(field)
        return self._buffer.number(at, kind) if at else default

    def whole(self, field: int, kind: str, default: int = 0) -> int:
        """A whole number, as `number`."""
        return int(self.number(field, kind, default))

    def table(self, field: int) -> Table | None:
        """A table inside this one; None where it is left out."""
        at = self._place(field)
        return Table(self._buffer, self._buffer.offset(at)) if at else None

    def tables(self, field: int) -> list[Table]:
        """A list of tables; empty where it is left out."""
        return [Table(self._buffer, self._buffer.offset(at)) for at in self._entries(field)]

    def nth(self, field: int, place: int) -> Table | None:
        """One table of a list; None where the list is shorter."""
        at = self._place(field)
        if not at or place < 0:
            return None
        begin, count = self._buffer.vector(self._buffer.offset(at), 4)
        return Table(self._buffer, self._buffer.offset(begin + 4 * place)) if place < count else None

    def text(self, field: int) -> str:
        """A text; "" where it is left out. Bytes that are no UTF-8 are replaced."""
        at = self._place(field)
        return self._text(self._buffer.offset(at)) if at else ""

    def texts(self, field: int) -> list[str]:
        """A list of texts; empty where it is left out."""
        return [self._text(self._buffer.offset(at)) for at in self._entries(field)]

    def numbers(self, field: int, kind: str) -> Sequence[int | float]:
        """A list of numbers; empty where it is left out."""
        at = self._place(field)
        if not at:
            return ()
        begin, count = self._buffer.vector(self._buffer.offset(at), _SIZES[kind])
        self._buffer.visit(count)
        numbers: Sequence[int | float] = struct.unpack_from(f"<{count}{kind}", self._buffer.data, begin)
        return numbers

    def content(self, field: int) -> memoryview:
        """A list of bytes, not copied; empty where it is left out."""
        at = self._place(field)
        if not at:
            return memoryview(b"")
        begin, count = self._buffer.vector(self._buffer.offset(at), 1)
        return self._buffer.data[begin : begin + count]

    def _entries(self, field: int) -> range:
        """Where the offsets of a list stand."""
        at = self._place(field)
        if not at:
            return range(0)
        begin, count = self._buffer.vector(self._buffer.offset(at), 4)
        self._buffer.visit(count)
        return range(begin, begin + 4 * count, 4)

    def _text(self, at: int) -> str:
        begin, count = self._buffer.vector(at, 1)
        if count > MAX_TEXT:
            raise BadFlatbuffer(f"a text of {count} bytes; at most {MAX_TEXT} are read")
        self._buffer.visit(1 + count // 64)
        return bytes(self._buffer.data[begin : begin + count]).decode("utf-8", "replace")
