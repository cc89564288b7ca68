"""The folder in which edgemm keeps what it may lose: EDGEMM_CACHE_DIR, or `edgemm` in the user's cache folder.

Nothing else that edgemm writes by itself lies outside of it. A machine where it cannot be written loses time only.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "EDGEMM_CACHE_DIR"


def cache_folder() -> Path | None:
    """Where the cache is, or would be; None where this user has no folder for one.

    EDGEMM_CACHE_DIR, $XDG_CACHE_HOME/edgemm, ~/.cache/edgemm: the first that is set. A home that belongs to somebody
    else (`sudo` keeps HOME) is not used.
    """
    from pathlib import Path

    root = _root()
    return None if root is None else Path(root)


def _root() -> str | None:
    named = os.environ.get(VARIABLE)
    if named:
        return os.path.join(os.getcwd(), named)
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):
        return os.path.join(xdg, "edgemm")
    home = os.environ.get("HOME", "")
    with suppress(OSError):
        if os.path.isabs(home) and os.stat(home).st_uid == os.geteuid():
            return os.path.join(home, ".cache", "edgemm")
    return None


def open_private(name: str, *, create: bool) -> int | None:
    """A folder inside the cache that nobody else can write or read, as a descriptor to close; None where there is none.

    It belongs to this user and has mode 0700. One that does not is never used: others could have written into it.

    Args:
        create: make it where it is missing.
    """
    root = _root()
    if root is None:
        return None
    path = os.path.join(root, name)
    with suppress(OSError):
        if create:
            os.makedirs(root, exist_ok=True)
            with suppress(FileExistsError):
                os.mkdir(path, mode=0o700)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        found = os.fstat(handle)
        if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700:
            return handle
        os.close(handle)
    return None
