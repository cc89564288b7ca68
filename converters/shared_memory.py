"""Large constants in memory that the worker sees as well, where it would hold a copy otherwise.

Each lies in an anonymous file of its own, which goes when the last array in it does. A worker gets the file itself over
its pipe, and maps it for reading.
"""

from __future__ import annotations

import mmap
import os
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LEAST_BYTES = 1 << 20
"""Smaller ones are sent."""
MOST = 200
"""Files at once, since a process may have a thousand open; what is beyond is sent."""

_files: dict[int, int] = {}
"""Address of the memory -> file descriptor."""


def copied(array: Array) -> Array:
    """A copy that nobody can write into, in shared memory where it is large enough for that."""
    found = _copied(array) if array.nbytes >= LEAST_BYTES and len(_files) < MOST else None
    if found is None:
        found = array.copy()
    found.flags.writeable = False
    return found


def _copied(array: Array) -> Array | None:
    """None where the system has no such memory left."""
    try:
        file = os.memfd_create("edgemm-constant")
    except OSError:
        return None
    try:
        os.posix_fallocate(
            file, 0, array.nbytes
        )  # memory that is not there is told here, and not by a signal
        memory = mmap.mmap(file, array.nbytes)
    except (OSError, ValueError):
        os.close(file)
        return None
    found = np.frombuffer(memory, array.dtype).reshape(array.shape)
    found[...] = array
    address = found.ctypes.data
    _files[address] = file
    weakref.finalize(memory, _close, address).atexit = False
    return found


def _close(address: int) -> None:
    os.close(_files.pop(address))


def file_of(array: Array) -> int | None:
    """The file that holds an array from its beginning; None for other memory."""
    return _files.get(array.ctypes.data) if array.flags.c_contiguous else None


def mapped(file: int, kind: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """The array at the beginning of such a file, for reading; the file is closed.

    Raises:
        OSError, ValueError: the file is none of these.
    """
    try:
        memory = mmap.mmap(file, 0, prot=mmap.PROT_READ)
    finally:
        os.close(file)
    return np.frombuffer(memory, kind, int(np.prod(shape, dtype=np.int64))).reshape(shape)
