"""Card and goldens in an .onnx file: `metadata_props` records after the model, without the onnx package.

ModelProto: ir_version 1, graph 7, metadata_props 14 (key 1, value 2), from onnx.proto. Appended records are
valid protobuf, and a session shows them in `get_modelmeta().custom_metadata_map`. Protobuf has no checksum
as a ZIP member has, so a record of ours holds one over the others.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode

from edgemm.artifact.containers import wire
from edgemm.artifact.containers.contents import MAX_FILE, MAX_MEMBERS, MAX_VALUE, Contents
from edgemm.errors import DamagedArtifact

IR_VERSION, GRAPH, METADATA = 1, 7, 14
PREFIX = "edgemm."
CARD, GOLDENS, SEAL = PREFIX + "card", PREFIX + "goldens", PREFIX + "seal"
"""SEAL: SHA-256 over the values of the other two; a card that somebody wrote by hand may go without."""
FILE = PREFIX + "file."
"""Before the name of a file of the card: zlib's format, in base64."""
MAX_RECORDS = 1 << 16
"""At the top of a model: a handful, its functions and its metadata."""


def split(data: bytes) -> Contents:
    """The model without our records, and what the records hold."""
    view = memoryview(data)
    found: dict[str, bytes] = {}
    kept: list[tuple[int, int]] = []
    seen = set()
    for record in wire.records(view, limit=MAX_RECORDS):
        seen.add((record.number, record.kind))
        ours = _ours(view, record) if (record.number, record.kind) == (METADATA, wire.LENGTH) else None
        if ours is None:
            begin = kept.pop()[0] if kept and kept[-1][1] == record.begin else record.begin
            kept.append((begin, record.end))
        elif ours[0] in found or len(found) == MAX_MEMBERS:
            raise DamagedArtifact(f"the record {ours[0]!r} comes twice, or there are too many")
        else:
            found[ours[0]] = ours[1]
    if not {(IR_VERSION, wire.VARINT), (GRAPH, wire.LENGTH)} <= seen:
        raise DamagedArtifact("expected an ONNX model, found no ir_version or no graph in it")
    if not found:
        return Contents(data)
    return _contents(b"".join(view[begin:end] for begin, end in kept), found)


def _contents(payload: bytes, found: dict[str, bytes]) -> Contents:
    card, goldens, seal = (found.pop(key, None) for key in (CARD, GOLDENS, SEAL))
    if card is None:
        problem = "the card is damaged: its records are there, and no card"
    elif seal is not None and seal != _seal(card, goldens):
        problem = "the card was altered since it was written"
    else:
        try:
            packed = {name: found.pop(name) for name in list(found) if name.startswith(FILE)}
            files = {name.removeprefix(FILE): _unpacked(name, value) for name, value in packed.items()}
            return Contents(
                payload, card, None if goldens is None else b64decode(goldens, validate=True), found, files
            )
        except (ValueError, zlib.error) as error:
            problem = f"the goldens or a file of the card cannot be unpacked ({error})"
    advice = "Copy the file again, or give it another card with `edgemm card set`"
    return Contents(payload, associated=found, problem=f"{problem}. {advice}")


def _ours(view: memoryview, record: wire.Record) -> tuple[str, bytes] | None:
    """Key and value of a metadata record; None when it is somebody else's."""
    key, value = "", b""
    for inner in wire.records(view, record.value, record.end, limit=MAX_MEMBERS):
        if inner.kind != wire.LENGTH:
            continue
        content = view[inner.value : inner.end]
        if inner.number == 1:
            key = bytes(content[:256]).decode("utf-8", "replace")
            if not key.startswith(PREFIX):
                return None
        elif inner.number == 2:
            most = _limit(key)
            if len(content) > most and key:
                raise DamagedArtifact(f"the record {key!r} has {len(content)} bytes; at most {most}")
            value = bytes(content[: most + 1])
    return (key, value) if key else None


def _limit(key: str) -> int:
    """Bytes of a record's value; base64 has four for three."""
    return MAX_FILE * 4 // 3 + 4 if key.startswith(FILE) else MAX_VALUE


def _unpacked(name: str, value: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    content = unpacking.decompress(b64decode(value, validate=True), MAX_FILE + 1)
    if len(content) > MAX_FILE or not unpacking.eof:
        raise ValueError(f"{name[:80]!r} is cut short, or unpacks to more than {MAX_FILE} bytes")
    return content


def _packed(content: bytes) -> bytes:
    return b64encode(zlib.compress(content, 9))


def _seal(card: bytes, goldens: bytes | None) -> bytes:
    """Hexadecimal."""
    lengths = b"%d,%d;" % (len(card), len(goldens or b""))
    return hashlib.sha256(lengths + card + (goldens or b"")).hexdigest().encode("ascii")


def join(contents: Contents) -> list[bytes]:
    """The model, then one record each."""
    records = {name: contents.associated[name] for name in sorted(contents.associated)}
    if contents.card is not None:
        goldens = None if contents.goldens is None else b64encode(contents.goldens)
        # the seal first: a file cut anywhere behind it lacks what it speaks of
        ours = {SEAL: _seal(contents.card, goldens), CARD: contents.card, GOLDENS: goldens}
        records |= {name: value for name, value in ours.items() if value is not None}
        records |= {FILE + name: _packed(contents.files[name]) for name in sorted(contents.files)}
    return [
        contents.payload,
        *(
            wire.encode(METADATA, wire.encode(1, name.encode()) + wire.encode(2, value))
            for name, value in records.items()
        ),
    ]
