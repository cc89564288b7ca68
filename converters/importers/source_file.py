"""A model file with the files of weights that it names: how large it is, and the hash of all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.external_data_helper import ExternalDataInfo, _get_all_tensors, uses_external_data

from edgemm.errors import ConversionError, DamagedArtifact

PIECE = 1 << 20
"""Bytes read at once."""
LOCATION = b"location"
"""Stands before the name of a file of weights."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What a model was made of, on disk."""

    path: Path
    external: tuple[Path, ...]
    """Resolved paths of the files of weights, in the order of their names in the model."""

    @property
    def size_bytes(self) -> int:
        """Of the model and its files of weights."""
        return sum(each.stat().st_size for each in (self.path, *self.external))

    def sha256(self) -> str:
        """Of the model's bytes with those of its files of weights behind them; without such, the file's own hash."""
        digest = hashlib.sha256()
        for path in (self.path, *self.external):
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
        return digest.hexdigest()


def source_file(path: str | Path) -> SourceFile:
    """Finds the files that a model is in.

    Raises:
        ConversionError: a file of weights is missing, or lies outside the model's folder.
    """
    file = Path(path)
    if file.suffix.lower() != ".onnx":
        return SourceFile(file, ())
    if not _names_files(file):
        return SourceFile(file, ())
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(file.read_bytes())
    except DecodeError:  # whoever reads it says what it is
        return SourceFile(file, ())
    return SourceFile(file, external_files(file, proto))


def _names_files(file: Path) -> bool:
    """False where nothing in it can be the name of a file of weights: then it need not be parsed to know."""
    before = b""
    with file.open("rb") as stream:
        while piece := stream.read(PIECE):
            if LOCATION in before + piece:
                return True
            before = piece[-len(LOCATION) :]
    return False


def external_files(file: Path, proto: onnx.ModelProto) -> tuple[Path, ...]:
    """The files of weights that a model names, each one once.

    Links are followed as far as they stay in the model's own folder, or in the folder that the model itself is a link
    into: that is how a cache of downloaded models keeps them (`model.onnx` and `model.onnx_data` both link to
    `../../blobs/`).

    Raises:
        ConversionError: one is missing, or is somewhere else.
    """
    return tuple(external_file(file, location) for location in sorted(set(_locations(proto))))


def _locations(proto: onnx.ModelProto) -> Iterator[str]:
    for tensor in _get_all_tensors(proto):
        if uses_external_data(tensor):
            yield external_data(tensor).location


def external_data(tensor: onnx.TensorProto) -> ExternalDataInfo:
    """Where the bytes of one tensor are.

    Raises:
        DamagedArtifact: its offset or length is no number, or below 0.
    """
    try:
        return ExternalDataInfo(tensor)
    except ValueError as error:
        raise DamagedArtifact(
            f"tensor {tensor.name!r}: where its external data lies is not valid ({error}). Export the model again"
        ) from error


def external_file(file: Path, location: str) -> Path:
    """Where one file of weights is, beside the model or beside what the model's name links to; links resolved.

    Raises:
        ConversionError: it is missing, or is somewhere else.
    """
    if not location or Path(location).is_absolute() or ".." in Path(location).parts:
        raise ConversionError(
            f"{file.name}: its external data is in {location!r}: expected a file in the model's own folder. "
            "Export the model again, with its data beside it"
        )
    homes = [file.parent.resolve(), file.resolve().parent]
    named = next((home / location for home in homes if (home / location).is_file()), None)
    if named is None:
        raise ConversionError(
            f"{file.name}: its external data is in {location!r}, and there is no such file. "
            "Put the files beside the model as they were exported"
        )
    target = named.resolve()
    if not any(target.is_relative_to(home) for home in homes):
        raise ConversionError(
            f"{file.name}: its external data {location!r} is a link to a place outside the model's folder, which is "
            "not followed. Copy the file there"
        )
    return target
