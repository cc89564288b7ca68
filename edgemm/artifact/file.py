"""An artifact on disk: one plain .tflite or .onnx file with its card and goldens inside.

The card holds a hash of the payload, which is checked before any runtime sees the file. The hash shows damage, not
who wrote the file: whether it may be opened in this process at once is decided by its origin (`edgemm.artifact.trust`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

from edgemm.artifact.containers.contents import ORT, TFLITE, Container, Contents
from edgemm.card.model_card import ModelCard
from edgemm.errors import ArtifactError, DamagedArtifact, EdgemmError, InputError, MachineShortage
from edgemm.frozen import dataclass, field, replace
from edgemm.sha256 import sha256_hex

if TYPE_CHECKING:
    from pathlib import Path

    from edgemm.artifact.goldens import Goldens

Format = Literal["tflite", "onnx", "ort"]
"""ort: ONNX Runtime's own form of an ONNX graph, which has no place for a card inside."""
MAX_FILE_BYTES = (1 << 31) - 1
"""2 GiB: the limit of both formats."""

_CONTAINERS: Mapping[Format, str] = {"tflite": "zip_tail", "onnx": "onnx_metadata", "ort": "ort_file"}
"""Format -> its module in `edgemm.artifact.containers`."""
_BY_SUFFIX: Mapping[str, Format] = {".tflite": "tflite", ".onnx": "onnx", ".ort": "ort"}
_INSIDE: Mapping[bytes, Format] = {TFLITE: "tflite", ORT: "ort"}
"""Bytes 4 to 8 of a flatbuffer -> what it holds."""
_ONNX_START = b"\x08"
"""Field 1, `ir_version`: every exporter writes it first. Only asked of files that cannot be read."""
_NO_MODEL = {
    b"version https://git-lfs": "a pointer of Git LFS. Get the file itself with `git lfs pull`",
    b"<": "a web page. Download the file itself",
    b"PK\x03\x04": "a ZIP archive. Of a bundle, give a model in it; a PyTorch model is converted by `edgemm convert`",
    b"\x1f\x8b": "a gzip archive. Unpack it",
    b"\x89HDF": "an HDF5 file, such as Keras writes. Export it as .onnx or .tflite",
}
"""How a file begins that is often taken for a model -> what it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """What a model file holds."""

    path: Path
    format: Format
    payload: bytes
    """The model itself, as a runtime takes it, without our card."""
    card: ModelCard | None
    """None in a file without a card of edgemm."""
    goldens: Goldens | None
    size_bytes: int
    """Of the file, card included."""
    associated: Mapping[str, bytes] = field(default_factory=dict)
    """Files that other tools put beside the card, by name; they are kept when the artifact is written again."""

    digest: str = ""
    """SHA-256 of the payload in hexadecimal, where it was computed already."""

    @property
    def where(self) -> str:
        """`path` as a text: a program that asks for no more does not wait for `pathlib`."""
        return str(_GIVEN.__get__(self, Artifact))

    @property
    def runtime_format(self) -> Literal["tflite", "onnx"]:
        """Of the files that the same runtime takes."""
        return "onnx" if self.format == "ort" else self.format

    def sha256(self) -> str:
        """SHA-256 of the payload, in hexadecimal."""
        return self.digest or sha256_hex(self.payload)


class _AsPath:
    """The field `path` of an artifact: becomes a `Path` when somebody asks for it."""

    def __get__(self, artifact: Any, kind: type) -> Any:
        if artifact is None:
            return _GIVEN
        given = _GIVEN.__get__(artifact, kind)
        if isinstance(given, str):
            from pathlib import Path

            given = Path(given)
            _GIVEN.__set__(artifact, given)
        return given

    def __set__(self, artifact: Any, given: Any) -> None:
        _GIVEN.__set__(artifact, given)


_GIVEN: Any = vars(Artifact)["path"]
setattr(Artifact, "path", _AsPath())  # noqa: B010  mypy would take it for the field's type


def _text(path: str | Path) -> str:
    where = os.fspath(path)
    if not isinstance(where, str):
        raise TypeError(f"path: expected a text or a Path, found {type(where).__name__}")
    return where


def _container(format_: Format) -> Container:
    return cast("Container", import_module(f"edgemm.artifact.containers.{_CONTAINERS[format_]}"))


def read_artifact(path: str | Path, *, sha256: str = "") -> Artifact:
    """Reads a model file, and checks the payload against the card's hash before any runtime sees it.

    Args:
        sha256: of the whole file, hexadecimal; "" where it is not known.

    Raises:
        InputError: there is no such file, or it may not be read.
        DamagedArtifact: empty, cut short, altered, too large, or no model; or of another hash.
        CardError: the card inside is invalid.
        UnsupportedVersion: the file was made for a newer edgemm.
    """
    where = _text(path)
    data = _read(where)
    if sha256:
        require_hash(where, sha256_hex(data), sha256)
    format_ = _format(where, data)
    contents = _split(where, format_, data)
    try:
        card, goldens = _understand(contents)
    except ArtifactError as error:
        raise type(error)(f"{where}: {error}") from error
    return Artifact(
        cast("Path", where), format_, contents.payload, card, goldens, len(data), contents.associated,
        digest=card.payload_sha256 if card is not None else "",
    )  # fmt: skip


def is_bundle(path: str | Path) -> bool:
    """The name leads to a folder, or is that of a ZIP: not of a model file. A .tflite may have a ZIP at its end, and
    is none."""
    return os.path.splitext(_text(path).rstrip(os.sep))[1].lower() == ".zip" or os.path.isdir(path)


def require_hash(where: object, found: str, expected: str) -> None:
    """Returns where a file has the hash that is written down for it.

    Raises:
        DamagedArtifact: it has another.
    """
    if found != expected:
        raise DamagedArtifact(
            f"{where}: altered or damaged since the bundle was written: expected SHA-256 {expected[:16]}..., found "
            f"{found[:16]}... Copy it again"
        )


def write_artifact(
    path: str | Path,
    payload: bytes,
    card: ModelCard | None,
    goldens: Goldens | None = None,
    associated: Mapping[str, bytes] | None = None,
) -> Artifact:
    """Writes the file whole or not at all; the card gets the payload's hash.

    Args:
        path: ends in .tflite or .onnx.
        payload: the model as a runtime takes it. A card in it is left out; files of other tools are kept.
        card: None writes the model alone.
        goldens: need a card.
        associated: .tflite alone: more files to keep in it, by name.

    Raises:
        InputError: the name says no format, the file cannot be written, or the goldens do not fit.
        CardError: the card could not be read again, or names a vocabulary that it does not bring.
        DamagedArtifact: the payload is no model of that format.
    """
    from pathlib import Path

    where = Path(path)
    format_ = _BY_SUFFIX.get(where.suffix.lower())
    if format_ is None:
        raise InputError(f"{where}: the name must end in .tflite or .onnx, which says the format")
    contents = _container(format_).split(payload)
    beside = {**contents.associated, **(associated or {})}
    files: Mapping[str, bytes] = {}
    if card is not None:
        from edgemm.card.vocabulary import sealed

        card = sealed(card.with_(payload_sha256=sha256_hex(contents.payload)))
        files = card.files
    new = Contents(contents.payload, _card_bytes(card), _goldens_bytes(where, card, goldens), beside, files)
    return _put(Artifact(where, format_, contents.payload, card, goldens, 0, beside), new)


def replace_card(path: str | Path, card: ModelCard | None) -> Artifact:
    """Writes another card into a file, in place; None takes it out.

    The old hash is not checked, so that a model that a compiler changed can get its card back. The goldens are kept
    only where the payload is the one that they were measured on.

    Raises:
        InputError, CardError, DamagedArtifact: as `read_artifact` and `write_artifact`.
    """
    from pathlib import Path

    where = Path(path)
    data = _read(where)
    format_ = _format(where, data)
    contents = _split(where, format_, data)
    try:
        goldens = _understand(contents)[1]
    except ArtifactError:  # what is replaced need not be sound
        goldens = None
    named = where if where.suffix.lower() in _BY_SUFFIX else where.with_suffix(f".{format_}")
    if named != where:
        raise InputError(f"{where}: rename it to {named.name} first: the name says the format")
    return write_artifact(where, contents.payload, card, goldens if card else None, contents.associated)


def read_payload(path: str | Path) -> Artifact:
    """The model in a file without its card and goldens, which are neither read nor checked.

    Raises:
        InputError, DamagedArtifact: as `read_artifact`.
    """
    from pathlib import Path

    where = Path(path)
    data = _read(where)
    format_ = _format(where, data)
    contents = _split(where, format_, data)
    return Artifact(where, format_, contents.payload, None, None, len(data), contents.associated)


def _read(path: str | Path) -> bytes:
    """The bytes of a file, and of nothing else: a pipe or a device may never end."""
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            raise InputError(f"{path}: expected a .tflite or .onnx file, found a folder")
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path}: expected a .tflite or .onnx file, found a pipe or a device")
        if found.st_size > MAX_FILE_BYTES:
            raise DamagedArtifact(f"{path}: {found.st_size} bytes; both formats end at {MAX_FILE_BYTES}")
        with open(path, "rb") as file:
            data = file.read(found.st_size + 1)
    except EdgemmError:  # an InputError is a ValueError too
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{path}: there is no such file. Give the path of a .tflite or .onnx model"
        ) from error
    except PermissionError as error:
        raise InputError(
            f"{path}: this user may not read it. Change its permissions, or its owner"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a path that can be none
        raise InputError(f"{path}: cannot be read ({error})") from error
    except MemoryError as error:
        raise MachineShortage(
            f"{path}: {found.st_size} bytes, more memory than this machine has free"
        ) from error
    if len(data) != found.st_size:
        raise DamagedArtifact(f"{path}: its size changed while it was read. Wait until it is written")
    if not data:
        raise DamagedArtifact(f"{path}: the file is empty. Copy or convert it again")
    return data


def _format(path: str | Path, data: bytes) -> Format:
    """By what is in it; a name that says otherwise is an error, not a hint."""
    named = _BY_SUFFIX.get(os.path.splitext(path)[1].lower())
    for start, what in _NO_MODEL.items():
        if data.startswith(start):
            raise DamagedArtifact(f"{path}: expected a .tflite or .onnx model, found {what}")
    inside = _INSIDE.get(data[4:8], "onnx")
    if named in ("onnx", "ort") and inside == "tflite":
        raise DamagedArtifact(f"{path}: is named .{named} and holds a TFLite model. Rename it to .tflite")
    if named in ("tflite", "onnx") and inside == "ort":
        raise DamagedArtifact(
            f"{path}: is named .{named} and holds a model in ONNX Runtime's own format. Rename it to .ort"
        )
    return named or inside


def _split(path: str | Path, format_: Format, data: bytes) -> Contents:
    """Model and card apart; an error names the file."""
    try:
        return _container(format_).split(data)
    except DamagedArtifact as error:
        again = "" if "again" in str(error) else ". Copy or convert it again"
        raise DamagedArtifact(f"{path}: {_no_model(format_, data) or f'{error}{again}'}") from error


def _no_model(format_: Format, data: bytes) -> str:
    """What is said of a file that does not even begin as a model does; "" where it does, and is damaged."""
    like_onnx = data.startswith(_ONNX_START)
    if data[4:8] != TFLITE and not like_onnx:
        return "not a .tflite or .onnx file. Give the path of a model in one of these formats"
    if format_ == "tflite" and like_onnx and data[4:8] != TFLITE:
        return "is named .tflite and begins as an ONNX model does. Rename it to .onnx"
    return ""


def _understand(contents: Contents) -> tuple[ModelCard | None, Goldens | None]:
    """Card and goldens, and that the payload is the one they speak of."""
    if contents.problem:
        raise DamagedArtifact(contents.problem)
    if contents.card is None:
        return None, None
    card = ModelCard.from_json(contents.card).with_(files=contents.files)
    found = sha256_hex(contents.payload)
    if card.payload_sha256 and card.payload_sha256 != found:
        raise DamagedArtifact(
            f"altered or damaged since it was written: expected SHA-256 {card.payload_sha256[:16]}..., "
            f"found {found[:16]}... Copy the file again; after a compiler changed it, use `edgemm card copy`"
        )
    if any(each.text is not None for each in card.inputs):
        _check_vocabularies(card)
    if contents.goldens is None:
        return card, None
    from edgemm.artifact.goldens import Goldens

    return card, Goldens.from_bytes(contents.goldens)


def _check_vocabularies(card: ModelCard) -> None:
    from edgemm.card.vocabulary import names, require_same

    missing = [name for name in names(card) if name not in card.files]
    if missing:
        raise DamagedArtifact(
            f"the vocabulary {missing[0]!r} that its card names is not in it. Copy the file again"
        )
    require_same(card)


def _card_bytes(card: ModelCard | None) -> bytes | None:
    """As it stands in the file; what could not be read again is not written."""
    if card is None:
        return None
    text = card.to_json()
    ModelCard.from_json(text)
    return text.encode("utf-8")


def _goldens_bytes(path: Path, card: ModelCard | None, goldens: Goldens | None) -> bytes | None:
    if goldens is None:
        return None
    if card is None:
        raise InputError(f"{path}: goldens are written beside a card, and there is none")
    from edgemm.artifact.goldens import MAX_BYTES

    packed = goldens.to_bytes()
    if len(packed) > MAX_BYTES:
        raise InputError(f"{path}: the goldens are {len(packed)} bytes; at most {MAX_BYTES} are written")
    return packed


def _put(artifact: Artifact, contents: Contents) -> Artifact:
    from edgemm import atomic

    try:
        size = atomic.write(artifact.path, _container(artifact.format).join(contents))
    except OSError as error:
        raise InputError(atomic.cannot_write(artifact.path, error)) from error
    return replace(artifact, size_bytes=size)
