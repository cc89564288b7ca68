"""Results as lines in a file that another program may read at any time."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemm.log import LOG, RateLimitedLog

_TAIL = 1 << 20
"""Bytes at the end of a file in which its last whole line is looked for."""


class Record:
    """Appends JSON objects to a file, each a whole line or nothing.

    A disk that is full costs lines, never the program: they are counted, and writing begins again when
    there is room. What a killed program left half written is cut off when the file is opened again.
    """

    def __init__(self, path: str | Path) -> None:
        """Raises:
        OSError: the file cannot be opened or made.
        """
        self.path = Path(path)
        self.written = 0
        self.not_written = 0
        """Lines that could not be written."""
        self._log = RateLimitedLog()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise OSError(errno.EINVAL, "expected a file, found a pipe or a device", str(self.path))
            self._mend()
        except BaseException:
            os.close(self._file)
            raise

    def add(self, content: Mapping[str, Any]) -> None:
        """Appends one line; when it cannot be written it is counted in `not_written`."""
        line = (json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n").encode()
        size = os.fstat(self._file).st_size
        try:
            done = os.write(self._file, line)
            if done < len(line):  # the disk is full in the middle of the line
                done += os.write(self._file, line[done:])
        except OSError as error:
            os.ftruncate(self._file, size)
            self.not_written += 1
            self._log.warning("write", f"{self.path} cannot be written: {error.strerror}")
            return
        self.written += 1

    def summary(self) -> dict[str, Any]:
        """Plain JSON values: path, written, not_written."""
        return {"path": str(self.path), "written": self.written, "not_written": self.not_written}

    def close(self) -> None:
        """Brings what was written to the disk; may be called twice."""
        if self._file >= 0:
            file, self._file = self._file, -1
            try:
                os.fsync(file)
            except OSError as error:  # a pipe, or a disk that is full
                LOG.warning("%s: %s", self.path, error.strerror)
            finally:
                os.close(file)

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _mend(self) -> None:
        """Cuts off a last line that has no end."""
        size = os.fstat(self._file).st_size
        if not size:
            return
        tail = os.pread(self._file, min(size, _TAIL), max(0, size - _TAIL))
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            LOG.warning(
                "%s: %d bytes of a line that was never finished, cut off", self.path, len(tail) - whole
            )
            os.ftruncate(self._file, size - (len(tail) - whole))
