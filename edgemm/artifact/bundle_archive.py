"""The ZIP of a bundle: checked before anything of it is unpacked, and unpacked once, into the cache.

A ZIP may come from anybody. Its members are counted and their sizes added up before one is read; names that lead out,
links, encrypted and doubled members are refused; and only the files that `bundle.json` names are unpacked.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from edgemm.artifact.containers import archive
from edgemm.artifact.containers.contents import TFLITE
from edgemm.cache import cache_folder, open_private
from edgemm.card.bundle_card import CARD_NAME, MAX_FILES, BundleCard, check_file_name
from edgemm.card.reader import MAX_CARD_BYTES
from edgemm.errors import ArtifactError, CardError, DamagedArtifact, EdgemmError, InputError, MachineShortage
from edgemm.shortage import shortage

FOLDER = "bundles"
"""In the cache: the SHA-256 of a ZIP -> what was in it."""
MAX_KEPT = 32
"""Unpacked bundles; above that, the one that was used least lately is removed."""
MAX_MEMBERS = 2 * MAX_FILES
"""Folders and files that nobody reads counted in."""
MAX_UNPACKED = 4 << 30
"""Bytes of all members together, 4 GiB."""
MAX_RATIO = 200
"""Of a member's size to what it takes in the ZIP; weights stay under 10, text under 50."""
_SMALL = 1 << 20
"""Bytes up to which any ratio will do."""
_START = b"PK\x03\x04"
_ENCRYPTED = 0x1


class BundleArchive:
    """An open ZIP, its members and its card checked."""

    def __init__(self, path: Path) -> None:
        """Raises:
        InputError: it cannot be read.
        DamagedArtifact: it is no ZIP, does not hold together, or is made to do harm.
        CardError: it has no `bundle.json`, or what is in it is not valid or not complete.
        """
        self.path = path
        self._file = _open(path)
        try:
            with _told(path):
                self._archive = _checked(self._file)
                self._members = {info.filename: info for info in self._archive.infolist()}
                self._card_bytes = self._read_card()
            try:
                self.card = BundleCard.from_json(self._card_bytes)
                self._require_whole()
            except ArtifactError as error:
                raise type(error)(f"{path}: {error}") from error
            self.size_bytes = os.fstat(self._file.fileno()).st_size
        except BaseException:
            self._file.close()
            raise

    def unpack(self) -> tuple[Path, TemporaryDirectory[str] | None]:
        """The folder with its files, which is a temporary one where the cache cannot be written.

        Raises:
            DamagedArtifact: a member is not what the directory says.
            MachineShortage: there is no space for it.
        """
        with _told(self.path):
            kept = self._in_cache()
            if kept is not None:
                return kept, None
            made: TemporaryDirectory[str] | None = None
            try:
                made = TemporaryDirectory(prefix="edgemm-bundle-")
                self._unpack_into(Path(made.name))
                return Path(made.name), made
            except BaseException as error:
                if made is not None:
                    made.cleanup()
                if isinstance(error, OSError):
                    lacking = shortage(error) or str(error)
                    raise MachineShortage(f"{self.path}: cannot be unpacked: {lacking}") from error
                raise

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._file.close()

    def __enter__(self) -> BundleArchive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read_card(self) -> bytes:
        info = self._members.get(CARD_NAME)
        if info is None:
            inside = [name for name in self._members if name.endswith(f"/{CARD_NAME}")]
            if inside:
                folder = inside[0].rpartition("/")[0]
                raise CardError(
                    f"expected {CARD_NAME} at the top of the ZIP, found {inside[0][:80]!r}. Unpack it, and write the "
                    f"bundle with `edgemm bundle {folder[:80]} -o NEW.zip`"
                )
            raise CardError(
                f"expected {CARD_NAME} in the ZIP, found {', '.join(list(self._members)[:5]) or 'nothing'}. A folder "
                "of models as other tools make them is given unpacked; a PyTorch model is converted with "
                "`edgemm convert`"
            )
        return archive.read_member(self._archive, info, MAX_CARD_BYTES)

    def _require_whole(self) -> None:
        """Each file that the card names is there, and its hash is known."""
        for key, entry in self.card.files():
            if entry.file not in self._members:
                raise DamagedArtifact(
                    f"bundle.{key}: the file {entry.file!r} is not in the ZIP. Copy it again, or write it again with "
                    "`edgemm bundle`"
                )
            if not entry.sha256:
                raise CardError(
                    f"bundle.{key}.sha256: expected the hash of {entry.file!r}, found none. Unpack the ZIP, and write "
                    "it with `edgemm bundle`, which fills in the hashes"
                )

    def _in_cache(self) -> Path | None:
        """Its folder in the cache, unpacked now where it is not there yet; None where the cache cannot be used."""
        handle = open_private(FOLDER, create=True)
        root = cache_folder()
        if handle is None or root is None:
            return None
        place = root / FOLDER / self._digest()
        try:
            if not self._is_whole(place):
                fcntl.flock(handle, fcntl.LOCK_EX)  # one process unpacks, the others find its work
                if not self._is_whole(place):
                    self._put(place)
            with suppress(OSError):
                os.utime(place)
            return place
        except OSError:
            return None
        finally:
            os.close(handle)

    def _put(self, place: Path) -> None:
        """Unpacks beside the place and renames: who looks sees all of it or nothing. The folder is locked."""
        for left in place.parent.glob(".*.part"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=place.parent))
        try:
            self._unpack_into(made)
            if place.exists():  # damaged: somebody removed or cut a file
                os.rename(place, Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=place.parent)))
            os.rename(made, place)
        finally:
            for left in place.parent.glob(".*.part"):
                shutil.rmtree(left, ignore_errors=True)
        _forget_oldest(place)

    def _unpack_into(self, folder: Path) -> None:
        wanted = [CARD_NAME, *dict.fromkeys(entry.file for _, entry in self.card.files())]
        for name in wanted:
            info, target = self._members[name], folder / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(target, "xb") as out:
                archive.copy_member(self._archive, info, out, info.file_size)
                out.flush()
                os.fsync(out.fileno())

    def _is_whole(self, place: Path) -> bool:
        """It is unpacked there, and every file has its size. Its hash is checked when it is read."""
        with suppress(OSError):
            sizes = {entry.file: self._members[entry.file].file_size for _, entry in self.card.files()}
            return (place / CARD_NAME).read_bytes() == self._card_bytes and all(
                (place / name).stat().st_size == size for name, size in sizes.items()
            )
        return False

    def _digest(self) -> str:
        found = hashlib.sha256()
        self._file.seek(0)
        while block := self._file.read(archive.BLOCK):
            found.update(block)
        return found.hexdigest()


def _open(path: Path) -> BinaryIO:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path}: expected the ZIP or the folder of a bundle, found a pipe or a device")
        return open(path, "rb")
    except EdgemmError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{path}: there is no such file. Give the path of a bundle, a folder or a .zip"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What is wrong with the archive, with its name; an error of this machine's disk stays what it is."""
    try:
        yield
    except EdgemmError as error:
        if str(error).startswith(str(path)):
            raise
        raise type(error)(f"{path}: {error}") from error
    except archive.broken() as error:
        if lacking := shortage(error):
            raise MachineShortage(f"{path}: {lacking}") from error
        raise DamagedArtifact(f"{path}: the ZIP is damaged: {error}. Copy it again") from error


def _checked(file: BinaryIO) -> zipfile.ZipFile:
    """The archive, where it is one that may be unpacked.

    Raises:
        DamagedArtifact: it is none.
        ValueError and others in `archive.broken()`: it does not hold together.
    """
    start = file.read(8)
    if start[4:8] == TFLITE:
        raise DamagedArtifact(
            "expected a bundle, its ZIP or its folder, found a TFLite model, whose name ends in .tflite"
        )
    if not start.startswith((_START, archive.END)):
        raise DamagedArtifact("expected a ZIP, found a file that does not begin as one. Copy it again")
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - archive.END_BYTES - archive.MAX_COMMENT - 20))
    tail = file.read()
    count = archive.check_end(tail, archive.find_end(tail), MAX_MEMBERS)
    opened = zipfile.ZipFile(file)
    if archive.check_layout(opened, count) != 0:
        raise ValueError("it does not begin with its first member")
    _check_members(opened.infolist())
    return opened


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    """Names, kinds and sizes, before anything is unpacked."""
    names: set[str] = set()
    for info in members:
        name = info.filename.rstrip("/") if info.is_dir() else info.filename
        if info.filename != info.orig_filename:
            raise DamagedArtifact(
                f"the ZIP has a member whose name is not plain: {info.orig_filename[:80]!r}"
            )
        if name.casefold() != CARD_NAME:
            try:
                check_file_name(name, "the ZIP")
            except CardError as error:
                raise DamagedArtifact(str(error)) from error
        if name.casefold() in names:
            raise DamagedArtifact(f"the ZIP has the member {name[:80]!r} twice")
        names.add(name.casefold())
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DamagedArtifact(f"the ZIP has a link or a device, {name[:80]!r}: expected files alone")
        if info.flag_bits & _ENCRYPTED:
            raise DamagedArtifact(
                f"the ZIP has an encrypted member, {name[:80]!r}. Write it without a password"
            )
        if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
            raise DamagedArtifact(
                f"{name[:80]!r} unpacks from {info.compress_size} bytes to {info.file_size}: expected at most "
                f"{MAX_RATIO} times as many"
            )
    total = sum(info.file_size for info in members)
    if total > MAX_UNPACKED:
        raise DamagedArtifact(f"the ZIP unpacks to {total} bytes; expected at most {MAX_UNPACKED}")


def _forget_oldest(newest: Path) -> None:
    dated = []
    for each in newest.parent.iterdir():
        with suppress(OSError):
            if each != newest and not each.name.startswith("."):
                dated.append((each.stat().st_mtime_ns, each))
    for _, each in sorted(dated)[: max(0, len(dated) + 1 - MAX_KEPT)]:
        shutil.rmtree(each, ignore_errors=True)


def write_archive(path: Path, card: BundleCard, files: Mapping[str, Path | bytes]) -> None:
    """Writes the ZIP: the same content always gives the same bytes.

    Raises:
        zipfile.LargeZipFile: it would be larger than a ZIP with sizes of 32 bits.
        OSError: it cannot be written.
    """
    with zipfile.ZipFile(path, "w", allowZip64=False) as out:
        _add(out, CARD_NAME, card.to_json().encode("utf-8"))
        for name, content in files.items():
            _add(out, name, content)


def _add(out: zipfile.ZipFile, name: str, content: Path | bytes) -> None:
    with out.open(archive.entry(name), "w") as member:
        if isinstance(content, bytes):
            member.write(content)
            return
        with open(content, "rb") as file:
            shutil.copyfileobj(file, member, archive.BLOCK)
