"""Card and goldens in a .tflite file: a ZIP archive after the flatbuffer ("associated files").

Every interpreter ignores it, and any ZIP program reads it. Members of other tools are kept.
https://ai.google.dev/edge/litert/models/metadata
"""

from __future__ import annotations

import io
import re
import struct

from edgemm.artifact.containers import archive
from edgemm.artifact.containers.contents import MAX_FILE, MAX_MEMBERS, MAX_VALUE, TFLITE, Contents
from edgemm.errors import DamagedArtifact
from edgemm.log import LOG

CARD, GOLDENS = "edgemm/card.json", "edgemm/goldens.npz"
FILES = "edgemm/files/"
"""The folder of the card's own files."""
HEADER = b"PK\x03\x04"
HEADER_BYTES = 30
EMPTY = b"PK\x05\x06"
"""How an archive without members begins; some makers leave one behind the model."""
MAX_TAIL = 24 << 20
"""Bytes of all members together, unpacked; and how far from the end an archive may begin."""


def split(data: bytes) -> Contents:
    """The flatbuffer, and what the archive behind it holds.

    Bytes behind a foreign model that are no sound archive are not our concern: they stay in the payload,
    where an interpreter ignores them. Where our card stands, or stood, they must hold together.
    """
    _check_flatbuffer(data)
    end = archive.find_end(data)
    try:
        contents = _unpack(data, end)
    except archive.broken() as error:
        if _was_ours(data, end):
            raise DamagedArtifact(
                f"the archive with the card is damaged: {error}. Copy the file again"
            ) from error
        if end >= 0 or _begins_a_file(data):
            LOG.warning(
                "the archive behind the model is damaged (%s): the files in it, such as labels, are ignored. Copy the "
                "file again", error,
            )  # fmt: skip
        return Contents(data)
    if contents.card is None and _was_ours(data, end):
        raise DamagedArtifact("the card is damaged: its name is there, and no card. Copy the file again")
    return contents


def _check_flatbuffer(data: bytes) -> None:
    """Identifier, root table and its vtable are inside the file; what they lead to is not looked at."""
    if len(data) < 16 or data[4:8] != TFLITE:
        raise DamagedArtifact(f"expected a TFLite model, {TFLITE!r} at byte 4; found {data[4:8]!r}")
    root = int.from_bytes(data[:4], "little")
    if not 8 <= root <= len(data) - 4:
        raise DamagedArtifact(f"cut short or damaged: its root is at byte {root} of {len(data)}")
    table = root - struct.unpack_from("<i", data, root)[0]
    size = int.from_bytes(data[table : table + 2], "little") if 8 <= table <= len(data) - 4 else 0
    if size < 4 or size % 2 or table + size > len(data):
        raise DamagedArtifact(f"cut short or damaged: no table at byte {root} of {len(data)}")


def _unpack(data: bytes, end: int) -> Contents:
    opened = archive.Archive(data, end, MAX_MEMBERS)
    begin, sizes = opened.begin, opened.sizes
    if begin < 16 or data[begin : begin + 4] != (HEADER if sizes else EMPTY):
        raise ValueError("it does not begin where it says")
    if sum(sizes.values()) > MAX_TAIL:
        raise ValueError(f"more than {MAX_TAIL} bytes unpacked")
    found = {name: opened.read(name, _limit(name)) for name in sizes}
    card, goldens = found.pop(CARD, None), found.pop(GOLDENS, None)
    if goldens is not None and card is None:
        raise ValueError("goldens and no card")
    files = {name.removeprefix(FILES): found.pop(name) for name in list(found) if name.startswith(FILES)}
    return Contents(data[:begin], card, goldens, found, files)


def _limit(name: str) -> int:
    return MAX_FILE if name.startswith(FILES) else MAX_VALUE


def _was_ours(data: bytes, end: int) -> bool:
    """True where a card stands, or what is left of one that was cut."""
    begin = max(len(data) - MAX_TAIL, 0)
    if any(data.rfind(name.encode(), begin) >= 0 for name in (CARD, GOLDENS)):
        return True
    if end >= 0:
        return False
    if data.rfind(HEADER, len(data) - HEADER_BYTES - len(CARD)) >= 0:
        return True
    # A flatbuffer is a multiple of 4 bytes long; one, two or three bytes of a header are not.
    return len(data) % 4 != 0 and data.endswith((HEADER[:1], HEADER[:2], HEADER[:3]))


def _begins_a_file(data: bytes) -> bool:
    """True where a file of an archive begins near the end: its header, and a name with an ending."""
    at = data.rfind(HEADER, max(len(data) - MAX_TAIL, 0))
    if at < 0 or at + HEADER_BYTES > len(data):
        return False
    size = int.from_bytes(data[at + 26 : at + 28], "little")
    return re.fullmatch(rb"[\w .()/-]{1,200}\.\w{1,8}", data[at + HEADER_BYTES :][:size]) is not None


class OffsetBytes(io.BytesIO):
    """A file whose first byte stands at `begin`, so that an archive knows its place without the payload."""

    def __init__(self, begin: int) -> None:
        super().__init__()
        self._begin = begin

    def tell(self) -> int:
        return super().tell() + self._begin

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = self._begin if whence == io.SEEK_SET else 0
        return super().seek(offset - start, whence) + self._begin


def join(contents: Contents) -> list[bytes]:
    """The flatbuffer, then the archive: our members first, others by name."""
    ours = {CARD: contents.card, GOLDENS: contents.goldens}
    members = {name: content for name, content in ours.items() if content is not None}
    members |= {FILES + name: contents.files[name] for name in sorted(contents.files)}
    members |= {name: contents.associated[name] for name in sorted(contents.associated)}
    if not members:
        return [contents.payload]
    import zipfile

    tail = OffsetBytes(len(contents.payload))
    with zipfile.ZipFile(tail, "w") as made:
        for name, content in members.items():
            method = archive.DEFLATED if name.startswith(FILES) else archive.STORED
            made.writestr(archive.entry(name, method), content)
    return [contents.payload, tail.getvalue()]
