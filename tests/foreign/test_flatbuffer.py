"""Flatbuffers that lie: each offset is checked, and the work is bounded."""

from __future__ import annotations

import struct

import pytest

from edgemm.foreign.flatbuffer import BadFlatbuffer, Flatbuffer, Table

pytestmark = pytest.mark.device


def buffer_of(field: bytes, *rest: bytes) -> bytes:
    """A root table with one field of 4 bytes, and what follows it."""
    vtable = struct.pack("<3H", 6, 8, 4) + b"\0\0"
    table = struct.pack("<i", 8) + field
    return struct.pack("<I", 12) + vtable + table + b"".join(rest)


def root(data: bytes, visits: int = 1000) -> Table:
    return Flatbuffer(data, visits).root()


def test_a_field_that_is_left_out_has_its_default() -> None:
    table = root(buffer_of(struct.pack("<I", 7)))
    assert (table.whole(0, "I"), table.whole(1, "I", 5), table.text(3), table.tables(9)) == (7, 5, "", [])


@pytest.mark.parametrize("offset", [0, 9, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_offset_that_leads_outside_is_refused(offset: int) -> None:
    with pytest.raises(BadFlatbuffer):
        root(buffer_of(struct.pack("<I", offset), b"abc")).text(0)


@pytest.mark.parametrize("count", [5, 0x40000000, 0xFFFFFFFF])
def test_a_list_longer_than_the_buffer_is_refused(count: int) -> None:
    data = buffer_of(struct.pack("<I", 4), struct.pack("<I", count), b"four")
    for read in (Table.text, Table.tables, Table.content):
        with pytest.raises(BadFlatbuffer, match=r"longer|outside"):
            read(root(data), 0)


def test_text_that_ends_with_the_buffer_is_read() -> None:
    assert root(buffer_of(struct.pack("<I", 4), struct.pack("<I", 4), b"four")).text(0) == "four"


@pytest.mark.parametrize("vtable", [b"\3\0", b"\2\0", b"\xff\xff", b"\7\0"])
def test_a_vtable_that_is_none_is_refused(vtable: bytes) -> None:
    data = bytearray(buffer_of(b"\0\0\0\0"))
    data[4:6] = vtable
    with pytest.raises(BadFlatbuffer, match="no table"):
        root(bytes(data))


def test_a_vtable_before_the_buffer_is_refused() -> None:
    data = bytearray(buffer_of(b"\0\0\0\0"))
    data[12:16] = struct.pack("<i", 14)
    with pytest.raises(BadFlatbuffer):
        root(bytes(data))


def test_lists_that_share_their_entries_end_at_the_bound() -> None:
    """A thousand entries that lead to one list of a thousand: a million tables of 16 kB."""
    entries = b"".join(struct.pack("<I", 4 * (1000 - at)) for at in range(1000))
    inner = struct.pack("<3H", 6, 8, 4) + b"\0\0" + struct.pack("<i", 8) + b"\0\0\0\0"
    data = buffer_of(struct.pack("<I", 4), struct.pack("<I", 1000), entries, b"\0" * 8, inner)
    table = root(data, 500)
    with pytest.raises(BadFlatbuffer, match="more than is read"):
        table.tables(0)


def test_numbers_count_as_what_they_are() -> None:
    data = buffer_of(struct.pack("<I", 4), struct.pack("<I", 600), b"\0" * 2400)
    assert len(root(data, 700).numbers(0, "f")) == 600
    with pytest.raises(BadFlatbuffer, match="more than is read"):
        root(data, 500).numbers(0, "f")
