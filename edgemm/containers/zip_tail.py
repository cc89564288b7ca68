"""Card and goldens in a .tflite file: a ZIP archive after the flatbuffer ("associated files").

Every interpreter ignores it. Members of other tools are kept.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from edgemm.errors import DamagedArtifact

CARD, GOLDENS = "edgemm/card.json", "edgemm/goldens.npz"
TRACE = b"edgemm/card.json"
IDENTIFIER = b"TFL3"
MAX_MEMBERS = 64
MAX_VALUE = 4 << 20
"""Bytes of one of our members, unpacked."""
DATE = (1980, 1, 1, 0, 0, 0)
"""Of every member, so that equal conversions give equal bytes."""

_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError, ValueError, RuntimeError,
    NotImplementedError, KeyError, OSError,
)  # fmt: skip
"""What zipfile raises on archives that lie."""


def split(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The flatbuffer, and our members: name -> content.

    Raises:
        DamagedArtifact: no TFLite model, or an archive that does not hold together.
    """
    _check_flatbuffer(data)
    if (
        b"PK\x05\x06" not in data[-65557:]
    ):  # an archive ends in this record and a comment of at most 65535 bytes
        return data, {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            begin = _check_layout(members, archive.start_dir)
            found = {
                info.filename: _content(archive, info) for info in members if info.filename in (CARD, GOLDENS)
            }
    except DamagedArtifact:
        raise
    except _BROKEN as error:
        raise DamagedArtifact(
            f"the archive behind the model is damaged ({error}); copy the file again"
        ) from error
    if begin is None or not found:
        return data, {}
    if data[begin : begin + 4] != b"PK\x03\x04":
        raise DamagedArtifact("the archive behind the model does not start where it says")
    foreign = len(members) > len(found)
    return (_with_foreign(data, begin, members) if foreign else data[:begin]), found


def _check_flatbuffer(data: bytes) -> None:
    if len(data) < 32 or data[4:8] != IDENTIFIER:
        raise DamagedArtifact(
            f"no TFLite model: expected {IDENTIFIER.decode()} at byte 4, found {data[4:8]!r}"
        )
    root = int.from_bytes(data[:4], "little")
    if not 8 <= root < len(data) - 4:
        raise DamagedArtifact(f"no TFLite model: its root is at byte {root} of {len(data)}")


def _check_layout(members: list[zipfile.ZipInfo], directory: int) -> int | None:
    """Where the archive begins; each member must end before the next one starts."""
    if len(members) > MAX_MEMBERS:
        raise DamagedArtifact(
            f"the archive behind the model has {len(members)} members; at most {MAX_MEMBERS}"
        )
    if len({info.filename for info in members}) != len(members):
        raise DamagedArtifact("the archive behind the model has a member twice")
    ordered = sorted(members, key=lambda info: info.header_offset)
    ends = [info.header_offset + 30 + info.compress_size for info in ordered]
    starts = [*(info.header_offset for info in ordered[1:]), directory]
    if any(end > start for end, start in zip(ends, starts, strict=True)) or any(
        i.header_offset < 32 for i in ordered
    ):
        raise DamagedArtifact("members of the archive behind the model overlap")
    return ordered[0].header_offset if ordered else None


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > MAX_VALUE:
        raise DamagedArtifact(
            f"{info.filename} unpacks to {info.file_size} bytes; at most {MAX_VALUE} are read"
        )
    with archive.open(info) as member:
        content = member.read(MAX_VALUE + 1)
    if len(content) != info.file_size:
        raise DamagedArtifact(f"{info.filename} unpacks to another size than it says")
    return content


def _with_foreign(data: bytes, begin: int, members: list[zipfile.ZipInfo]) -> bytes:
    """The flatbuffer with an archive of the members that are not ours: they belong to the payload."""
    out = io.BytesIO()
    out.write(data[:begin])
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "a") as new:
        for info in members:
            if info.filename in (CARD, GOLDENS):
                continue
            if info.file_size > MAX_VALUE:
                raise DamagedArtifact(f"{info.filename[:80]!r} unpacks to more than {MAX_VALUE} bytes")
            try:
                new.writestr(_info(info.filename), old.read(info))
            except _BROKEN as error:
                raise DamagedArtifact(f"the archive behind the model is damaged ({error})") from error
    return out.getvalue()


def join(payload: bytes, members: dict[str, bytes]) -> list[bytes]:
    """The pieces of the file: the flatbuffer, then an archive of the members (and of those it had)."""
    out = io.BytesIO(payload)
    with zipfile.ZipFile(out, "a") as archive:
        for name, content in members.items():
            archive.writestr(_info(name), content)
    return [out.getvalue()]


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, DATE)
    info.external_attr = 0o644 << 16
    info.create_system = 3
    return info
