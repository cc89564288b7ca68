"""ZIP archives from files that anybody may have written, read within bounds; and written without dates."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import BinaryIO

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

BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError, ValueError, RuntimeError, KeyError,
    OSError,
)  # fmt: skip
"""What `zipfile` raises on archives that lie (its NotImplementedError is a RuntimeError)."""


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
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
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


def entry(name: str, method: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    """A member to write: the same on every machine and day."""
    info = zipfile.ZipInfo(name, DATE)
    info.compress_type = method
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info
