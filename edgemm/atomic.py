"""Files that are there whole or not at all, also when the power goes.

A file is written under a temporary name beside its place, `.NAME.0123456789abcdef.edgemm.part`, brought to the disk,
and renamed. The writer holds a lock (flock) on the temporary file: what a killed writer left has no lock any more,
and the next writer in the same folder removes it.

A link in the last part of a name is not followed, since whoever may write into the folder could have put it there;
it is not replaced either, since somebody may need it. The error says what it leads to.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edgemm.errors import InputError

_PART = re.compile(r"\..*\.[0-9a-f]{16}\.edgemm\.part", re.DOTALL)
_NAME_BYTES = 80
"""Of a name that are repeated in the temporary one: a name has at most 255."""
_TRIES = 100
_ACCESS_LIST = "system.posix_acl_access"
_HINTS = {
    errno.ENOSPC: "Free some space, or choose another folder",
    errno.EDQUOT: "Free some space, or choose another folder",
    errno.EACCES: "Choose a folder that you may write to",
    errno.EPERM: "Choose a folder that you may write to",
    errno.EROFS: "Choose a folder that you may write to",
    errno.ENOENT: "Make the folder first",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ELOOP: "Name the file itself, or remove the link",
}


def refuse_source(source: Any, path: Path, what: str) -> None:
    """Refuses to write over the source file, by whatever name or link.

    Raises:
        InputError: both are one file.
    """
    named = isinstance(source, str | Path) and Path(source).exists()
    if named and path.exists() and path.samefile(source):
        raise InputError(f"{path}: {what} is the source file itself. Choose another name")


def write(
    path: str | Path, pieces: Iterable[bytes | memoryview], *, tidy: bool = True, fresh: bool = False
) -> int:
    """Writes the pieces one after the other to a temporary file beside `path`, then puts it in place.

    Permissions, owner and group of a file that was there are kept, and nobody else may read the new one at any
    time. Where the group cannot be kept, its permissions are not given to another. On any error what was there
    before is untouched and nothing is left over.

    Args:
        tidy: looks for leftovers of killed writers in the folder first; False for the second of many files in one.
        fresh: nothing may be there already, even from another program at this moment.

    Returns:
        The size in bytes.

    Raises:
        FileExistsError: `fresh`, and something is there.
        OSError: the folder cannot be written, the disk is full, or `path` is a link, a folder or a device.
    """
    target = Path(path)
    before = _what_is_there(target)
    if tidy:
        remove_leftovers(target.parent)
    part, handle = _new_part(target, 0o666 if before is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            if before is not None:
                _give_away(handle, before, target)
            size = sum(file.write(piece) for piece in pieces)
            file.flush()
            os.fsync(handle)
            _place(part, target, fresh=fresh)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    _sync_folder(target.parent)
    return size


def _place(part: Path, target: Path, *, fresh: bool) -> None:
    if fresh:
        try:
            os.link(part, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without links, such as that of an SD card
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        else:
            os.unlink(part)
            return
    os.replace(part, target)


def put_in_place(made: Path, path: str | Path, *, fresh: bool = False) -> int:
    """Brings a file that a library has written (`trial_folder`, `visible_part`) to the disk, and renames it to `path`.

    Permissions, owner and group of a file that was there are kept, as by `write`.

    Args:
        fresh: nothing may be there already.

    Returns:
        The size in bytes.

    Raises:
        FileExistsError: `fresh`, and something is there.
        OSError: the disk is full, or `path` is a link, a folder or a device; what was there is untouched.
    """
    target = Path(path)
    before = _what_is_there(target)
    with open(made, "rb") as file:
        if before is not None:
            _give_away(file.fileno(), before, target)
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    _place(made, target, fresh=fresh)
    _sync_folder(target.parent)
    return size


def free_name(path: Path) -> Path:
    """The path itself where nothing is there, else NAME-2.SUFFIX, NAME-3.SUFFIX ..."""
    number, found = 1, path
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


@contextmanager
def visible_part(beside: Path, *, replace: bool = False) -> Iterator[Path]:
    """NAME.part.SUFFIX, for a file that takes hours: what a killed program has written of it stays, under a name that
    says what it is. Otherwise it is removed at the end, unless it was put in its place.

    Where such a part is left over, or another program writes one, it is NAME.part-2.SUFFIX.

    Args:
        replace: what a killed program left is replaced.

    Raises:
        OSError: it cannot be made.
    """
    stem = os.fsdecode(os.fsencode(beside.stem)[:_NAME_BYTES])
    wanted = beside.with_name(f"{stem}.part{beside.suffix}")
    before = _what_is_there(beside)
    if replace:
        with suppress(OSError):
            _remove_if_dead(wanted)
    part, handle = _new_visible(wanted, 0o666 if before is None else 0o600)
    try:
        yield part
    finally:
        with suppress(OSError):
            if os.path.samestat(os.stat(part, follow_symlinks=False), os.fstat(handle)):
                os.unlink(part)
        os.close(handle)


def _new_visible(wanted: Path, mode: int) -> tuple[Path, int]:
    for _ in range(_TRIES):
        part = free_name(wanted)
        with suppress(FileExistsError):
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            if _locked(handle, part):
                return part, handle
    raise OSError(errno.EAGAIN, "other programs take every name of a temporary file")


def save(path: str | Path, text: str, what: str = "") -> None:
    """Writes a text file, such as a report.

    Args:
        what: stands before the path in the error, such as "--report".

    Raises:
        InputError: it cannot be written; says why and what to do.
    """
    try:
        write(path, [text.encode("utf-8", "replace")])
    except OSError as error:
        raise InputError(cannot_write(path, error, what)) from error


def check(path: str | Path, what: str = "") -> None:
    """Whether `path` could be written, asked before hours of work: an empty file is made beside it, and removed.

    Raises:
        InputError: it is a link, a folder or a device, or its folder is not there or not writable.
    """
    target = Path(path)
    try:
        _what_is_there(target)
        if not target.parent.is_dir():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        part, handle = _new_part(target, 0o600)
        os.close(handle)
        with suppress(FileNotFoundError):  # another program took it for a leftover
            os.unlink(part)
    except OSError as error:
        raise InputError(cannot_write(path, error, what)) from error


def cannot_write(path: str | Path, error: OSError, what: str = "") -> str:
    """The sentence for an error of `write`: what, where, why, and what to do."""
    head = f"{what} {path}" if what else f"{path}"
    if (
        error.errno == errno.ENOENT and Path(path).parent.is_dir()
    ):  # such as /proc, which makes its files itself
        return f"{head}: cannot be written (the folder takes no new files). Choose another folder"
    hint = _HINTS.get(error.errno or 0, "Choose another name or folder")
    return f"{head}: cannot be written ({error.strerror or error}). {hint}"


@contextmanager
def trial_folder(beside: Path) -> Iterator[Path]:
    """A folder in the folder of `beside`, for a file that is tried before it is put in place; removed at the end, or,
    after a kill, by the next writer.

    Raises:
        OSError: it cannot be made.
    """
    remove_leftovers(beside.parent)
    folder, handle = _new_folder(beside)
    try:
        yield folder
    finally:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Removes what killed writers of this user left in the folder; what a living one holds a lock on stays."""
    with suppress(OSError), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if _PART.fullmatch(entry.name)]
        for name in names:
            with suppress(OSError):
                _remove_if_dead(folder / name)


def _remove_if_dead(part: Path) -> None:
    handle = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if found.st_uid != os.geteuid() or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            return
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails when its writer lives
        if stat.S_ISDIR(found.st_mode):
            import shutil

            shutil.rmtree(part, ignore_errors=True)
        else:
            os.unlink(part)
    finally:
        os.close(handle)


def _part_name(target: Path) -> Path:
    stem = os.fsdecode(os.fsencode(target.name)[:_NAME_BYTES])
    return target.with_name(f".{stem}.{os.urandom(8).hex()}.edgemm.part")


def _new_part(target: Path, mode: int) -> tuple[Path, int]:
    """A new file that is locked by us.

    Another program may take it for a leftover between the two steps, and remove it: then it is made again.
    """
    for _ in range(_TRIES):
        part = _part_name(target)
        # less the user's mask, applied by the system: reading the mask would change it for other threads
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        if _locked(handle, part):
            return part, handle
    raise OSError(errno.EAGAIN, "another program removes temporary files as they are made")


def _new_folder(beside: Path) -> tuple[Path, int]:
    for _ in range(_TRIES):
        folder = _part_name(beside)
        os.mkdir(folder, 0o700)
        with suppress(FileNotFoundError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if _locked(handle, folder):
                return folder, handle
    raise OSError(errno.EAGAIN, "another program removes temporary folders as they are made")


def _locked(handle: int, part: Path) -> bool:
    """True when it is ours and still there; a file system without locks has no leftovers removed either."""
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        if os.path.samestat(os.stat(part, follow_symlinks=False), os.fstat(handle)):
            return True
    except FileNotFoundError:
        pass
    os.close(handle)
    return False


def _what_is_there(target: Path) -> os.stat_result | None:
    """The file that is replaced; None where there is none.

    Raises:
        OSError: something else than a file is there.
    """
    try:
        found = os.stat(target, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        raise OSError(
            errno.ELOOP, f"it is a link to {os.readlink(target)}, and links are not followed", str(target)
        )
    if not stat.S_ISREG(found.st_mode):
        raise OSError(
            errno.EINVAL, "expected a file or nothing there, found a folder or a device", str(target)
        )
    return found


def _give_away(handle: int, before: os.stat_result, target: Path) -> None:
    """Owner, group, permissions and access list of the file that is replaced, where this user may set them."""
    mode = stat.S_IMODE(before.st_mode)
    for owner, group in ((before.st_uid, before.st_gid), (-1, before.st_gid)):
        with suppress(OSError):
            os.fchown(handle, owner, group)
            break
    now = os.fstat(handle)
    if now.st_gid != before.st_gid or not _access_list_kept(handle, target):
        # another group gets no more than everybody has
        mode = mode & ~0o2070 | (mode & 0o007) << 3
    if now.st_uid != before.st_uid:
        mode &= ~stat.S_ISUID
    os.fchmod(handle, mode)


def _access_list_kept(handle: int, target: Path) -> bool:
    """Copies the file's POSIX access list, whose mask stands where the group's permissions do; False where there
    is one and it cannot be copied."""
    if not hasattr(os, "getxattr"):
        return True
    try:
        entries = os.getxattr(target, _ACCESS_LIST, follow_symlinks=False)
    except OSError:  # there is none, or the file system has no such thing
        return True
    try:
        os.setxattr(handle, _ACCESS_LIST, entries)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Makes the new name last too; some file systems cannot, and say so."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
