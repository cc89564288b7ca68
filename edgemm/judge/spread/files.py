"""The files that a piece reads: at the same path on every machine, and of the same content, which a hash holds."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from edgemm.errors import InputError

Stamp = tuple[tuple[str, int, int], ...]
FRESH_S = 10.0
"""Files that were right so short a time ago are not looked at again: a data set may have a hundred thousand."""
_right: dict[tuple[str, str], float] = {}
"""Path and hash -> when they were found to belong together, seconds of the monotonic clock."""


def file_hash(path: str | Path) -> str:
    """SHA-256, hexadecimal, of a file, or of a folder: of its names and what is in its files.

    Raises:
        InputError: nothing is there, or it cannot be read.
    """
    where = Path(path)
    try:
        return _hash(str(where.absolute()), _stamp(where))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def require_files(files: Mapping[str, str]) -> None:
    """Checks what a piece reads, on the machine that does it.

    Args:
        files: absolute path -> `file_hash`.

    Raises:
        InputError: one is missing here, or of another content.
    """
    for path, wanted in files.items():
        if time.monotonic() - _right.get((path, wanted), -FRESH_S) < FRESH_S:
            continue
        here = f"{path} on {socket.gethostname()}"
        if not os.path.exists(path):
            raise InputError(
                f"{here}: expected a file or folder, found none. Every machine that judges needs the same files at the "
                "same path: copy them there, or share the folder"
            )
        if file_hash(path) != wanted:
            raise InputError(
                f"{here}: expected the content with the hash {wanted[:12]}, found another. Copy the file anew, or "
                "judge again from the beginning if it was changed on purpose"
            )
        _right[path, wanted] = time.monotonic()


def _stamp(path: Path) -> Stamp:
    """Of each file: its name within the folder, size, time of the last change in nanoseconds. In a fixed order."""
    if not path.is_dir():
        found = path.stat()
        return (("", found.st_size, found.st_mtime_ns),)
    stamps = []
    for folder, folders, names in os.walk(path, onerror=_raise):
        folders.sort()
        for name in names:
            each = Path(folder, name)
            found = each.stat()
            stamps.append((str(each.relative_to(path)), found.st_size, found.st_mtime_ns))
    return tuple(sorted(stamps))


def _raise(error: OSError) -> None:
    raise error


@lru_cache(maxsize=256)
def _hash(path: str, stamp: Stamp) -> str:
    """Read once for each content: a file that is as large and as old as before is not read again."""
    if stamp and not stamp[0][0]:
        return _of_file(Path(path)).hexdigest()
    whole = hashlib.sha256(b"folder\n")
    for name, _, _ in stamp:
        whole.update(os.fsencode(name) + b"\n" + _of_file(Path(path, name)).digest())
    return whole.hexdigest()


def _of_file(path: Path) -> hashlib._Hash:
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found
