"""An artifact on disk: one plain .tflite or .onnx file with its card and goldens inside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from edgemm import atomic
from edgemm.card import ModelCard
from edgemm.containers import onnx_metadata, zip_tail
from edgemm.errors import ArtifactError, DamagedArtifact, InputError
from edgemm.goldens import MAX_BYTES, Goldens

Format = Literal["tflite", "onnx"]
MAX_FILE_BYTES = (1 << 31) - 1
"""2 GiB: the limit of both formats."""

_CONTAINERS: dict[Format, ModuleType] = {"tflite": zip_tail, "onnx": onnx_metadata}
_BY_SUFFIX: dict[str, Format] = {".tflite": "tflite", ".onnx": "onnx"}


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """What a model file holds."""

    path: Path
    format: Format
    payload: bytes
    """The model itself, as a runtime takes it, without our card."""
    card: ModelCard | None
    """None in a file that edgemm did not make."""
    goldens: Goldens | None
    size_bytes: int
    """Of the file, card included."""

    @property
    def needs_probe(self) -> bool:
        """True when nobody vouches for the payload: without a card, or with one that has no hash."""
        return self.card is None or not self.card.payload_sha256


def read_artifact(path: str | Path) -> Artifact:
    """Reads a model file, and checks the payload against the card's hash before any runtime sees it.

    Raises:
        InputError: there is no such file.
        DamagedArtifact: empty, cut short, altered, too large, or no model.
        CardError: the card inside makes no sense.
        UnsupportedVersion: the file was made for a newer edgemm.
    """
    where = Path(path)
    data = _read(where)
    format_ = _format(where, data)
    container = _CONTAINERS[format_]
    try:
        payload, members = container.split(data)
        card = _card(members.get(container.CARD))
        if card is None and (members or container.TRACE in _tail(data)):
            raise DamagedArtifact("the card inside is damaged: its name is there, its content is not")
        _check_hash(payload, card)
        packed = members.get(container.GOLDENS)
        goldens = Goldens.from_bytes(packed) if packed is not None else None
    except ArtifactError as error:
        raise type(error)(f"{where}: {error}") from error
    return Artifact(where, format_, payload, card, goldens, len(data))


def _tail(data: bytes) -> bytes:
    """The last 8 MiB, where a card stands if there is one."""
    return data[-(8 << 20) :]


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path}: expected a .tflite or .onnx file, found a folder")
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise DamagedArtifact(f"{path}: {size} bytes; both formats end at {MAX_FILE_BYTES}")
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: there is no such file. Give the path of a .tflite or .onnx model"
        ) from error
    except PermissionError as error:
        raise InputError(
            f"{path}: this user may not read it. Change its permissions, or its owner"
        ) from error
    except OSError as error:
        raise DamagedArtifact(f"{path}: cannot be read ({error.strerror or error})") from error
    if not data:
        raise DamagedArtifact(f"{path}: the file is empty. Copy or convert it again")
    return data


def _format(path: Path, data: bytes) -> Format:
    """By what is in it; a name that says otherwise is an error, not a hint."""
    inside: Format = "tflite" if data[4:8] == zip_tail.IDENTIFIER else "onnx"
    named = _BY_SUFFIX.get(path.suffix.lower())
    if named is not None and named != inside and named == "onnx":
        raise DamagedArtifact(f"{path}: is named .onnx and holds a TFLite model. Rename it to .tflite")
    if named == "tflite":
        return "tflite"  # and is then refused with what is missing
    return inside


def _card(content: bytes | None) -> ModelCard | None:
    return None if content is None else ModelCard.from_json(content)


def _check_hash(payload: bytes, card: ModelCard | None) -> None:
    if card is None or not card.payload_sha256:
        return
    found = hashlib.sha256(payload).hexdigest()
    if found != card.payload_sha256:
        raise DamagedArtifact(
            f"altered or damaged since it was written: expected SHA-256 {card.payload_sha256[:16]}..., "
            f"found {found[:16]}... Copy the file again; after a compiler changed it, use `edgemm card set`"
        )


def write_artifact(
    path: str | Path, payload: bytes, card: ModelCard | None, goldens: Goldens | None = None
) -> Artifact:
    """Writes the file whole or not at all; the card gets the payload's hash.

    Args:
        path: ends in .tflite or .onnx.
        payload: the model as a runtime takes it.
        card: None writes the model alone.
        goldens: need a card.

    Raises:
        InputError: the name says no format, or the goldens are too large.
        DamagedArtifact: the payload is no model of that format.
    """
    where = Path(path)
    format_ = _BY_SUFFIX.get(where.suffix.lower())
    if format_ is None:
        raise InputError(f"{where}: the name must end in .tflite or .onnx, which says the format")
    container = _CONTAINERS[format_]
    payload = container.split(payload)[0]
    if (
        format_ == "tflite"
    ):  # members of other tools are written anew, with fixed dates: hash what will be read
        payload = container.split(b"".join(container.join(payload, {container.CARD: b"{}"})))[0]
    members = {}
    if card is not None:
        card = card.with_(payload_sha256=hashlib.sha256(payload).hexdigest())
        members[container.CARD] = card.to_json().encode("utf-8")
        if goldens is not None:
            members[container.GOLDENS] = _packed(where, goldens)
    size = atomic.write(where, container.join(payload, members) if members else [payload])
    return Artifact(where, format_, payload, card, goldens, size)


def _packed(path: Path, goldens: Goldens) -> bytes:
    packed = goldens.to_bytes()
    if len(packed) > MAX_BYTES:
        raise InputError(f"{path}: the goldens are {len(packed)} bytes; at most {MAX_BYTES} are written")
    return packed
