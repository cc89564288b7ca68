"""A bundle on disk: the files that are one model to its user, as a folder with `bundle.json`, or as one ZIP.

A ZIP is unpacked once into the cache by its hash, and is then the folder there. Every file's hash is checked when it is
read, before a runtime or a driver sees it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from edgemm import atomic
from edgemm.artifact.bundle_archive import BundleArchive, write_archive
from edgemm.artifact.file import Artifact, is_bundle, read_artifact, require_hash
from edgemm.card.bundle_card import (
    BUNDLE_SCHEMA,
    CARD_NAME,
    BundleAsset,
    BundleCard,
    BundleGolden,
    BundlePart,
)
from edgemm.card.keys import refuse_unknown
from edgemm.card.reader import MAX_CARD_BYTES
from edgemm.choices import hint
from edgemm.errors import ArtifactError, CardError, DamagedArtifact, InputError

__all__ = [
    "BUNDLE_SCHEMA", "CARD_NAME", "Bundle", "BundleAsset", "BundleCard", "BundleGolden", "BundlePart", "is_bundle",
    "read_bundle", "write_bundle",
]  # fmt: skip
MAX_ASSET_BYTES = 512 << 20
"""Of one asset, which is read whole into memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """The files of a bundle, in a folder."""

    path: Path
    """As it was given: the folder, or the ZIP."""
    folder: Path
    """Where its files are."""
    card: BundleCard
    size_bytes: int
    """Of the ZIP, or of all its files."""
    origin: str = ""
    """Whose layout the folder has, where it is another project's and has no `bundle.json`."""
    temporary: TemporaryDirectory[str] | None = None
    """The folder, where the cache could not be written."""

    def part_path(self, role: str) -> Path:
        """Of the file of a part.

        Raises:
            InputError: there is no such part.
        """
        return self.folder / self._part(role).file

    def read_part(self, role: str) -> Artifact:
        """The file of a part, its hash checked. The card that the bundle gives it stands in `card.parts`.

        Raises:
            InputError: there is no such part.
            DamagedArtifact: its file is missing, or another than the bundle was written with.
            ArtifactError: see `read_artifact`.
        """
        entry = self._part(role)
        path = self._find(f"parts.{role}", entry)
        return read_artifact(path, sha256=entry.sha256)

    def asset(self, name: str) -> bytes:
        """The content of an asset, its hash checked.

        Raises:
            InputError: there is no such asset, or it cannot be read.
            DamagedArtifact: its file is missing, or another than the bundle was written with.
        """
        if name not in self.card.assets:
            known = ", ".join(self.card.assets) or "none"
            raise InputError(f"asset: expected one of {known}; found {name!r}{hint(name, self.card.assets)}")
        entry = self.card.assets[name]
        path = self._find(f"assets.{name}", entry)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        if entry.sha256:
            require_hash(path, hashlib.sha256(content).hexdigest(), entry.sha256)
        return content

    def hashes(self) -> dict[str, str]:
        """Key of each part and asset, as `BundleCard.files` gives it -> SHA-256 of its file, read now.

        Raises:
            DamagedArtifact: a file is missing, or has another hash than the card says.
        """
        found = {}
        for key, entry in self.card.files():
            path = self._find(key, entry)
            found[key] = _hash(path)
            if entry.sha256:
                require_hash(path, found[key], entry.sha256)
        return found

    def close(self) -> None:
        """Removes the folder where it is a temporary one; may be called twice."""
        if self.temporary is not None:
            self.temporary.cleanup()

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _part(self, role: str) -> BundlePart:
        if role not in self.card.parts:
            known = ", ".join(self.card.parts)
            raise InputError(f"part: expected one of {known}; found {role!r}{hint(role, self.card.parts)}")
        return self.card.parts[role]

    def files(self) -> dict[str, Path]:
        """Name inside the bundle -> path, of every part and asset.

        Raises:
            DamagedArtifact: one is missing, or is no plain file.
        """
        return {entry.file: self._find(key, entry) for key, entry in self.card.files()}

    def _find(self, key: str, entry: BundlePart | BundleAsset) -> Path:
        """The file of a part or an asset: a plain file, and in a folder with `bundle.json` no link to elsewhere."""
        path = self.folder
        for name in PurePosixPath(entry.file).parts:
            path = path / name
            if path.is_symlink() and not self.origin:
                raise DamagedArtifact(
                    f"{self.path}: bundle.{key}: {entry.file!r} is a link, or in a folder that is one: expected a file "
                    "in the bundle itself. Copy it there"
                )
        try:
            found = path.stat()
        except OSError as error:
            raise DamagedArtifact(
                f"{self.path}: bundle.{key}: expected the file {entry.file!r}, found none. Copy it into the folder"
            ) from error
        if not stat.S_ISREG(found.st_mode):
            raise DamagedArtifact(
                f"{self.path}: bundle.{key}: expected {entry.file!r} to be a file, found a folder, a pipe or a device"
            )
        if isinstance(entry, BundleAsset) and found.st_size > MAX_ASSET_BYTES:
            raise DamagedArtifact(f"{path}: {found.st_size} bytes; an asset may have {MAX_ASSET_BYTES}")
        return path


def has_card(folder: Path) -> bool:
    """There is a `bundle.json` in it."""
    return os.path.lexists(folder / CARD_NAME)


def read_bundle(path: str | Path) -> Bundle:
    """Opens a folder with `bundle.json`, or a ZIP, which is unpacked where it was not before.

    Raises:
        InputError: there is no such file or folder, or it may not be read.
        DamagedArtifact: the ZIP does not hold together, or is made to do harm.
        CardError: there is no `bundle.json`, or it is not valid.
        UnsupportedVersion: it was made for a newer edgemm.
        MissingDependency: the package that has its driver cannot be imported.
        MachineShortage: there is no space to unpack it.
    """
    where = Path(path)
    if where.is_dir():
        return _read_folder(where)
    with BundleArchive(where) as archive:
        folder, temporary = archive.unpack()
        return Bundle(where, folder, archive.card, archive.size_bytes, temporary=temporary)


def bundle_of(folder: Path, card: BundleCard, origin: str = "") -> Bundle:
    """A bundle whose card does not stand in its folder.

    Args:
        origin: whose layout the folder has.

    Raises:
        CardError: the card is not valid; names the folder.
        DamagedArtifact: a file is missing.
    """
    try:
        made = Bundle(folder, folder, card.completed(), 0, origin)
    except CardError as error:
        raise CardError(f"{folder}: {error}") from error
    return replace(made, size_bytes=sum(path.stat().st_size for path in made.files().values()))


def _read_folder(folder: Path) -> Bundle:
    place = folder / CARD_NAME
    try:
        if place.is_symlink() or not place.is_file():
            found = "a link" if place.is_symlink() else "none"
            raise CardError(f"{folder}: expected the file {CARD_NAME} in the folder, found {found}")
        with open(place, "rb") as file:
            text = file.read(MAX_CARD_BYTES + 1)
        card = BundleCard.from_json(text)
    except ArtifactError as error:
        said = str(error) if str(error).startswith(str(folder)) else f"{place}: {error}"
        raise type(error)(said) from error
    except OSError as error:
        raise InputError(f"{place}: cannot be read ({error.strerror})") from error
    return bundle_of(folder, card)


def write_bundle(
    source: str | Path | Bundle | BundleCard,
    output: str | Path,
    *,
    files: Mapping[str, bytes | Path] | None = None,
) -> Bundle:
    """Writes the ZIP of a bundle whole or not at all: the same content always gives the same bytes.

    Args:
        source: a folder with `bundle.json`, an open bundle, or a card with `files`.
        output: ends in .zip.
        files: for a card: name inside the bundle -> content, or the path of it.

    Returns:
        The bundle as it stands in the ZIP, unpacked; close it.

    Raises:
        InputError: the name is no .zip, a file is missing, or the ZIP cannot be written.
        CardError: the card is not valid, or has a key that is not known.
        DamagedArtifact: a file is missing, is no model, or is another than the card says.
    """
    target = require_zip(output)
    if isinstance(source, BundleCard):
        card, content = source.completed(), dict(files or {})
    else:
        opened = source if isinstance(source, Bundle) else read_bundle(source)
        try:
            card = opened.card.with_hashes(opened.hashes())
            return _write(card, opened.files(), target)
        finally:
            if opened is not source:
                opened.close()
    missing = [entry.file for _, entry in card.files() if entry.file not in content]
    if missing:
        raise InputError(f"files: expected the content of {', '.join(map(repr, missing))} too, found none")
    found = {key: _hash(content[entry.file]) for key, entry in card.files()}
    for key, entry in card.files():
        if entry.sha256:
            require_hash(f"bundle.{key}", found[key], entry.sha256)
    return _write(
        card.with_hashes(found), {entry.file: content[entry.file] for _, entry in card.files()}, target
    )


def require_zip(output: str | Path) -> Path:
    """Raises:
    InputError: the name of a bundle that is to be written does not end in .zip.
    """
    target = Path(output)
    if target.suffix.lower() != ".zip":
        raise InputError(f"{target}: the name of a bundle must end in .zip")
    return target


def _write(card: BundleCard, files: Mapping[str, bytes | Path], target: Path) -> Bundle:
    refuse_unknown(card)
    BundleCard.from_json(card.to_json())  # what could not be read again is not written
    try:
        with atomic.trial_folder(target) as folder:
            made = folder / "bundle.zip"
            write_archive(made, card, files)
            with BundleArchive(made):
                pass  # what could not be opened again is not put in place
            atomic.put_in_place(made, target)
    except zipfile.LargeZipFile as error:
        raise InputError(f"{target}: a bundle may have 2 GiB in each file, and 4 in all: {error}") from error
    except OSError as error:
        raise InputError(atomic.cannot_write(target, error)) from error
    return read_bundle(target)


def _hash(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    found = hashlib.sha256()
    with open(content, "rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()
