"""ZIP archives from files that anybody may have written, read within bounds; and written without dates."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import zipfile

END = b"PK\x05\x06"
"""The end record: an archive is found from it, backwards."""
END_BYTES = 22
MAX_COMMENT = 0xFFFF
MAX_DIRECTORY = 1 << 16
"""Bytes of the list of members."""
BLOCK = 1 << 20
"""Bytes that are unpacked at once."""
DATE = (1980, 1, 1, 0, 0, 0)
"""Of every member, so that equal contents give equal bytes."""
STORED, DEFLATED = 0, 8
"""How a member is packed, as `zipfile` numbers it."""

_DATE, _MODE, _UNIX, _VERSION = 0x21, 0o644 << 16, 3, 20
"""What `entry` makes of every member: 1980-01-01, a plain file of Unix, version 2.0 of the format."""
_LISTED = struct.Struct("<4s4B4HL2L5H2L")
"""A member in the directory, before its name."""
_BEGUN = struct.Struct("<4s2B4HL2L2H")
"""The same in front of its content."""


def broken() -> tuple[type[Exception], ...]:
    """What archives that lie raise (NotImplementedError of `zipfile` is a RuntimeError)."""
    import zipfile
    import zlib

    return (
        zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError, ValueError, RuntimeError, KeyError,
        OSError,
    )  # fmt: skip


def find_end(data: bytes) -> int:
    """Where the end record stands, -1 where there is none: by the rule of `zipfile` itself."""
    last = len(data) - END_BYTES
    if last < 0:
        return -1
    if data[last : last + 4] == END and data[-2:] == b"\0\0":
        return last
    return data.rfind(END, max(last - MAX_COMMENT, 0))


def check_end(data: bytes, at: int, members: int) -> int:
    """That the directory, which `zipfile` reads whole, is small; gives how many members it lists.

    Raises:
        ValueError: it is not, or the archive has 64-bit sizes, which no model file needs.
    """
    if at < 0 or at + END_BYTES > len(data):
        raise ValueError("it is cut short: its end is missing")
    _, _, _, _, count, size, _, _ = struct.unpack_from("<4s4H2LH", data, at)
    if count > members or size > MAX_DIRECTORY:
        raise ValueError(f"{count} members listed in {size} bytes; at most {members} in {MAX_DIRECTORY}")
    if data[max(at - 20, 0) : at].startswith(b"PK\x06\x07"):
        raise ValueError("sizes of 64 bits")
    return int(count)


_Place = tuple[int, int, int, int, int]
"""How a member is packed, its checksum, where its content begins, bytes packed and unpacked."""


class Archive:
    """An archive at the end of some bytes, its layout checked.

    One that was written with `entry`, member after member, is read here: `zipfile` takes 4 ms to import, for which a
    program would wait at its start. Every other one is `zipfile`'s, and what it says of it.
    """

    def __init__(self, data: bytes, end: int, members: int) -> None:
        """Args:
        end: where its end record stands, by `find_end`.
        members: how many it may have.

        Raises:
            ValueError: as `check_end` and `check_layout`; or one of `broken()`.
        """
        self._data = data
        count = check_end(data, end, members)
        self._places = _places(data, end, count)
        self._zip: zipfile.ZipFile | None = None
        if self._places is None:
            opened = self._opened()
            self.begin = check_layout(opened, count)
            self.sizes: Mapping[str, int] = {info.filename: info.file_size for info in opened.infolist()}
        else:
            first = next(iter(self._places))
            self.begin = self._places[first][2] - _BEGUN.size - len(first)
            self.sizes = {name: place[4] for name, place in self._places.items()}

    def _opened(self) -> zipfile.ZipFile:
        import zipfile

        if self._zip is None:
            self._zip = zipfile.ZipFile(io.BytesIO(self._data))
        return self._zip

    def read(self, name: str, limit: int) -> bytes:
        """As `read_member`.

        Raises:
            KeyError: there is no such member.
            ValueError: it is longer; or one of `broken()`.
        """
        if self._places is not None and self.sizes[name] <= limit:
            content = _content(self._data, self._places[name])
            if content is not None:
                return content
        opened = self._opened()
        return read_member(opened, opened.getinfo(name), limit)


def _places(data: bytes, end: int, count: int) -> dict[str, _Place] | None:
    """Members by name, in their order, of an archive that was written with `entry`; None of another one."""
    _, disk, first, here, _, size, begin, comment = struct.unpack_from("<4s4H2LH", data, end)
    if disk or first or comment or here != count or not count or end + END_BYTES != len(data):
        return None
    if begin + size != end:
        return None
    found: dict[str, _Place] = {}
    at, follows = begin, -1
    for _ in range(count):
        if at + _LISTED.size > end:
            return None
        fields = _LISTED.unpack_from(data, at)
        method, _, _, crc, packed, unpacked, length = fields[6:13]
        name_at, offset = at + _LISTED.size, fields[-1]
        raw = data[name_at : name_at + length]
        header = _BEGUN.pack(
            b"PK\x03\x04", _VERSION, 0, 0, method, 0, _DATE, crc, packed, unpacked, length, 0
        )
        as_written = (b"PK\x01\x02", _VERSION, _UNIX, _VERSION, 0, 0, method, 0, _DATE, crc, packed, unpacked,
                      length, 0, 0, 0, 0, _MODE, offset)  # fmt: skip
        name, start = raw.decode("ascii", "replace"), offset + len(header) + length
        if (
            fields != as_written
            or method not in (STORED, DEFLATED)
            or name in found
            or not name.isprintable()
        ):
            return None
        if not raw.isascii() or follows not in (-1, offset) or data[offset:start] != header + raw:
            return None
        found[name] = method, crc, start, packed, unpacked
        at, follows = name_at + length, start + packed
    return found if at == end and follows == begin else None


def _content(data: bytes, place: _Place) -> bytes | None:
    """Of one member; None where it is not what the directory says."""
    import zlib

    method, crc, begin, packed, size = place
    content = data[begin : begin + packed]
    if method == DEFLATED:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = unpacker.decompress(content, size + 1)
        except zlib.error:
            return None
        if not unpacker.eof or unpacker.unused_data:
            return None
    return content if len(content) == size and zlib.crc32(content) == crc else None


def check_layout(archive: zipfile.ZipFile, count: int) -> int:
    """That the members follow each other and have one name each; gives where the archive begins.

    Raises:
        ValueError: they overlap, one name comes twice, or there are not `count`.
    """
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    if len(members) != count:
        raise ValueError(f"it has {len(members)} members and says {count}")
    if len({info.filename for info in members}) != len(members):
        raise ValueError("a member comes twice")
    if not members:
        return archive.start_dir
    starts = [*(info.header_offset for info in members[1:]), archive.start_dir]
    for info, next_start in zip(members, starts, strict=True):
        if info.header_offset + 30 + len(info.orig_filename) + info.compress_size > next_start:
            raise ValueError("its members overlap")
    return members[0].header_offset


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """The content of a member, unpacked no further than `limit` bytes; its checksum is right.

    Raises:
        ValueError, zipfile.BadZipFile, zlib.error: it is longer, or not what the directory says.
    """
    out = io.BytesIO()
    copy_member(archive, info, out, limit)
    return out.getvalue()


def copy_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, out: BinaryIO, limit: int) -> None:
    """Writes the content of a member to `out`, no more than `limit` bytes.

    Raises:
        ValueError, zipfile.BadZipFile, zlib.error: it is longer, or not what the directory says.
    """
    if info.file_size > limit:
        raise ValueError(
            f"{info.filename[:80]!r} unpacks to {info.file_size} bytes; at most {limit} are read"
        )
    if info.compress_type not in (STORED, DEFLATED):
        raise ValueError(f"{info.filename[:80]!r} is packed by method {info.compress_type}")
    copied = 0
    with archive.open(info) as member:
        while block := member.read(min(BLOCK, limit + 1 - copied)):
            copied += len(block)
            if copied > info.file_size:
                break
            out.write(block)
    if copied != info.file_size:
        raise ValueError(f"{info.filename[:80]!r} unpacks to another size than it says")


def entry(name: str, method: int = STORED) -> zipfile.ZipInfo:
    """A member to write: the same on every machine and day."""
    import zipfile

    info = zipfile.ZipInfo(name, DATE)
    info.compress_type = method
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info
