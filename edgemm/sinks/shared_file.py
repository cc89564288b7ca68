"""A file of lines that several programs may append to at once, and another may move away."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgemm.errors import InputError
from edgemm.log import LOG

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAIL = 1 << 20
"""Bytes at the end of a file in which its last whole line is looked for, and at its start for its first."""
_START = re.compile(rb'\{"(?:stream|sequence)"|\{"schema": ?"edgemm\.record/')
"""How a line of results begins: no other file is ever cut."""
_LOCK_S = 2.0
"""Another program that holds the file for so long hangs; from then on it is not waited for."""
_LOOK_S = 0.002


class SharedFile:
    """Appends whole lines, under a lock (flock) on the file.

    Exists so that a half written line is cut off only when it is certain that nobody is still writing it.
    """

    def __init__(self, path: Path, start: re.Pattern[bytes] = _START) -> None:
        """Args:
        start: how a file begins that `repair` may cut.
        """
        self.path, self._start = path, start
        self._file = -1
        self._stuck = False

    def open(self, mode: int = 0o666) -> None:
        """Opens the file, or makes it.

        Raises:
            InputError: it is a pipe or a device.
            OSError: it is a link or a folder, or cannot be opened.
        """
        self.close()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._file = os.open(self.path, flags, mode)
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            self.close()
            raise InputError(f"record {self.path}: expected a file, found a pipe or a device")

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""
        return self._file >= 0

    def close(self) -> None:
        """Closes the file; may be called twice."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def sync(self) -> None:
        """Brings what was written to the disk."""
        os.fsync(self._file)

    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._file).st_size

    def first_line(self) -> bytes:
        """Without its end."""
        return os.pread(self._file, _TAIL, 0).partition(b"\n")[0]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other program writes, cuts or replaces the file meanwhile. Where one has begun another file under this
        name, that is opened first.

        Raises:
            OSError: another program hangs and holds it, or the file cannot be opened any more.
        """
        self._lock()
        while self._was_replaced():
            self.open()
            self._lock()
        try:
            yield
        finally:
            if self._file >= 0:
                with suppress(OSError):
                    fcntl.flock(self._file, fcntl.LOCK_UN)

    def repair(self) -> None:
        """Cuts off a last line that has no end, of a file that holds results and nothing else; under the lock.

        Raises:
            InputError: it holds something else.
        """
        size = self.size()
        if not size:
            return
        if not self._start.match(os.pread(self._file, 64, 0)):
            raise InputError(f"record {self.path}: expected a file of results, or none; found something else")
        if self._ends_whole(size):
            return
        tail = os.pread(self._file, min(size, _TAIL), max(0, size - _TAIL))
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        with suppress(OSError):
            os.ftruncate(self._file, size - torn)
            LOG.warning("%s: %d bytes of a line that was never finished, cut off", self.path, torn)

    def append(self, data: bytes) -> None:
        """One line, whole or not at all; under the lock.

        Raises:
            OSError: the disk is full, or fails.
        """
        size = self.size()
        left = data if self._ends_whole(size) else b"\n" + data
        try:
            while left:  # a disk that fills up takes a part first, and then says so
                left = left[os.write(self._file, left) :]
        except OSError:
            with suppress(OSError):  # a disk that does not even cut: the next line begins anew
                os.ftruncate(self._file, size)
            raise

    def begin_next(self) -> None:
        """Makes the next file under this name, once the old one was renamed, with its permissions; under the lock."""
        old, self._file = self._file, -1  # its lock is held until the new one exists: others wait for it
        try:
            before = os.fstat(old)
            self.open(0o600)
            self._lock()
            with suppress(OSError):
                os.fchown(self._file, before.st_uid, before.st_gid)
            os.fchmod(self._file, stat.S_IMODE(before.st_mode))
        finally:
            os.close(old)

    def has_its_name(self) -> bool:
        """False when it was moved away or replaced."""
        try:
            found = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self._file))

    def _was_replaced(self) -> bool:
        """True when the name belongs to another file by now, or the file is gone altogether. One that was only
        moved away is written on until it is opened anew, as `logrotate` expects."""
        return not self.has_its_name() and (os.path.lexists(self.path) or not os.fstat(self._file).st_nlink)

    def _lock(self) -> None:
        until_s = time.monotonic() + (0.0 if self._stuck else _LOCK_S)
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until_s:
                    self._stuck = True
                    raise OSError(errno.EAGAIN, "another program holds it, and hangs") from None
                time.sleep(_LOOK_S)
            except OSError:  # a file system without locks: a line is still one write
                return
            else:
                self._stuck = False
                return

    def _ends_whole(self, size: int) -> bool:
        return not size or os.pread(self._file, 1, size - 1) == b"\n"
