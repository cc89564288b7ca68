"""Card and goldens in an .onnx file: `metadata_props` records after the model, read without the onnx package.

ModelProto: ir_version 1, graph 7, metadata_props 14 (key 1, value 2), from onnx.proto.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from edgemm.containers import wire
from edgemm.errors import DamagedArtifact

IR_VERSION, GRAPH, METADATA = 1, 7, 14
PREFIX = b"edgemm."
CARD, GOLDENS = "edgemm.card", "edgemm.goldens"
TRACE = b"edgemm.card"
MAX_VALUE = 4 << 20
"""Bytes of one of our records."""


def split(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The model without our records, and the records: key -> content.

    Raises:
        DamagedArtifact: no ONNX model, or one that is cut short.
    """
    view = memoryview(data)
    found: dict[str, bytes] = {}
    kept: list[tuple[int, int]] = []
    seen = set()
    for record in wire.records(view):
        seen.add(record.number)
        ours = _ours(view, record) if record.number == METADATA and record.kind == wire.LENGTH else None
        if ours is None:
            if kept and kept[-1][1] == record.begin:
                kept[-1] = (kept[-1][0], record.end)
            else:
                kept.append((record.begin, record.end))
            continue
        key, value = ours
        if key in found:
            raise DamagedArtifact(f"the file has {key} twice")
        found[key] = _decode(key, value)
    if not {IR_VERSION, GRAPH} <= seen:
        raise DamagedArtifact("no ONNX model: it has no ir_version or no graph")
    payload = data if not found else b"".join(view[begin:end] for begin, end in kept)
    return payload, found


def _ours(view: memoryview, record: wire.Record) -> tuple[str, bytes] | None:
    key = value = b""
    for inner in wire.records(view, record.value, record.end):
        if inner.kind != wire.LENGTH:
            continue
        content = view[inner.value : inner.end]
        if inner.number == 1:
            key = bytes(content[:64])
            if not key.startswith(PREFIX):
                return None
        elif inner.number == 2:
            if len(content) > MAX_VALUE:
                raise DamagedArtifact(
                    f"a metadata record of {len(content)} bytes; at most {MAX_VALUE} are read"
                )
            value = bytes(content)
    return (key.decode("ascii", "replace"), value) if key.startswith(PREFIX) else None


def _decode(key: str, value: bytes) -> bytes:
    if key != GOLDENS:
        return value
    try:
        return b64decode(value, validate=True)
    except Base64Error as error:
        raise DamagedArtifact(f"{key} is not base64 ({error})") from error


def join(payload: bytes, members: dict[str, bytes]) -> list[bytes]:
    """The pieces of the file: the model, then one record per member."""
    pieces = [payload]
    for key, content in members.items():
        value = b64encode(content) if key == GOLDENS else content
        entry = wire.encode(1, key.encode("ascii")) + wire.encode(2, value)
        pieces.append(wire.encode(METADATA, entry))
    return pieces
