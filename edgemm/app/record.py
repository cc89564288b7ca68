"""Results as lines in a file that another program may read at any time."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemm.errors import InputError
from edgemm.log import LOG, RateLimitedLog
from edgemm.strict_json import line

_TAIL = 1 << 20
"""Bytes at the end of a file in which its last whole line is looked for."""
_STARTS = (b'{"stream"', b'{"sequence"')
"""How a line of results begins: no other file is ever cut."""


class Record:
    """Appends JSON objects to a file, each a whole line or nothing.

    A disk that is full costs lines, never the program: they are counted, and writing begins again when
    there is room. What a killed program left half written is cut off when the file is opened again.
    """

    def __init__(self, path: str | Path) -> None:
        """Raises:
        InputError: the file cannot be opened or made, or is something else than results.
        """
        self.path = Path(path)
        self.written = 0
        self.not_written = 0
        """Lines that could not be written."""
        self._log = RateLimitedLog()
        self._torn = False
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise InputError(f"record {self.path}: expected a file to append to: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise InputError(f"record {self.path}: expected a file, found a pipe or a device")
            self._mend()
        except BaseException:
            os.close(self._file)
            raise

    def add(self, content: Mapping[str, Any]) -> None:
        """Appends one line; when it cannot be written it is counted in `not_written`."""
        data = (line(content) + "\n").encode()
        if self._torn:
            data = b"\n" + data
        size = os.fstat(self._file).st_size
        try:
            self._write(data)
        except OSError as error:
            self._take_back(size)
            self.not_written += 1
            self._log.warning("write", f"{self.path} cannot be written: {error.strerror}")
            return
        self._torn = False
        self.written += 1

    def summary(self) -> dict[str, Any]:
        """Plain JSON values: path, written, not_written."""
        return {"path": str(self.path), "written": self.written, "not_written": self.not_written}

    def reopen(self) -> None:
        """Goes on in the file that has the name now, as after it was moved away to rotate it; where that cannot be
        opened, in the old one."""
        try:
            fresh = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            LOG.warning("%s cannot be opened again: %s", self.path, error.strerror)
            return
        before, self._file = self._file, fresh
        os.close(before)
        self._torn = False

    def close(self) -> None:
        """Brings what was written to the disk; may be called twice."""
        if self._file >= 0:
            file, self._file = self._file, -1
            try:
                os.fsync(file)
            except OSError as error:  # a disk that is full
                LOG.warning("%s: %s", self.path, error.strerror)
            finally:
                os.close(file)

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        """All of it; a disk that fills up takes a part first, and then says so."""
        while data:
            data = data[os.write(self._file, data) :]

    def _take_back(self, size: int) -> None:
        """What was half written is cut off; where the disk does not even do that, the next line begins anew."""
        try:
            os.ftruncate(self._file, size)
        except OSError:
            self._torn = True

    def _mend(self) -> None:
        """Cuts off a last line that has no end, of a file that holds results and nothing else."""
        size = os.fstat(self._file).st_size
        if not size:
            return
        if not os.pread(self._file, 16, 0).startswith(_STARTS):
            raise InputError(f"record {self.path}: expected a file of results, or none; found something else")
        tail = os.pread(self._file, min(size, _TAIL), max(0, size - _TAIL))
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            LOG.warning(
                "%s: %d bytes of a line that was never finished, cut off", self.path, len(tail) - whole
            )
            os.ftruncate(self._file, size - (len(tail) - whole))
