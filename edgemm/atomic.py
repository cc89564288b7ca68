"""Files that are there whole or not at all, also when the power goes."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def write(path: str | Path, pieces: Iterable[bytes | memoryview]) -> int:
    """Writes the pieces one after the other to a temporary file beside `path`, then puts it in place.

    A symbolic link is followed; the permissions of a file that was there are kept. On any error what was
    there before is untouched and nothing is left over.

    Returns:
        The size in bytes.

    Raises:
        OSError: the folder cannot be written, the disk is full, or `path` is a folder or a device.
    """
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    part = target.with_name(f".{target.name[:80]}.{secrets.token_hex(8)}.part")
    # 0o666 less the user's mask, applied by the system: reading the mask would change it for other threads
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            size = sum(file.write(piece) for piece in pieces)
            file.flush()
            if mode is not None:
                os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    _sync_folder(target.parent)
    return size


def _mode(target: Path) -> int | None:
    """Permissions of the file that is replaced; None for a new one."""
    try:
        found = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found):
        raise OSError(
            errno.EINVAL, "expected a file or nothing there, found a folder or a device", str(target)
        )
    return stat.S_IMODE(found)


def _sync_folder(folder: Path) -> None:
    """Makes the new name last too; some file systems cannot, and say so."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
