"""Results as lines in a file that another program may read at any time.

    {"schema": "edgemm.record/1", "stream": "seen", "sequence": 7, "captured_ns": ..., ...,
     "captured_utc": "2026-11-28T07:48:15.123Z", "boot": "0b0c...", "app": "kiosk"}

Several programs may write into one file: each line is one `write` at its end, under a lock on the file.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from edgemm.errors import InputError
from edgemm.log import LOG, RateLimitedLog
from edgemm.redaction import shown_address, without_secrets
from edgemm.sinks.rotation import Rotation, age_s, end_file, remove_oldest
from edgemm.sinks.shared_file import SharedFile
from edgemm.sinks.stamp import boot_id, stamped
from edgemm.sinks.when import Filter, When
from edgemm.strict_json import line


class Record:
    """Appends JSON objects to a file, each a whole line or nothing.

    A disk that is full costs lines, never the program: they are counted, and writing begins again when
    there is room. What a killed program left half written is cut off, by whoever writes next.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        app: str = "",
        when: When | None = None,
        rotation: Rotation | None = None,
    ) -> None:
        """Args:
            path: the file; made where there is none.
            app: name of the program, repeated in each line.
            when: which results are recorded; None: all.
            rotation: when a file ends and what is kept; None: one file that grows.

        Raises:
            InputError: the file cannot be opened or made, is a link, or is something else than results.
        """
        self.path = Path(path)
        self.app = app
        self.written = self.not_written = self.filtered = self.rotated = self.removed = 0
        self._when = when or When()
        self._rotation = rotation or Rotation()
        self._filters: dict[str, Filter] = {}
        self._log = RateLimitedLog()
        self._adding = threading.Lock()
        self._reopen = self._closed = False
        self._begun_s: float | None = None
        self._file = SharedFile(self.path)
        try:
            self._begin()
        except OSError as error:
            self._file.close()
            raise InputError(f"record {self.path}: {self._expected(error)}") from error
        except BaseException:
            self._file.close()
            raise

    def add(self, content: Mapping[str, Any], when: When | None = None) -> None:
        """Appends one line; when it cannot be written it is counted in `not_written`.

        Args:
            content: keys as of `Item.to_json`, and "stream" where there are several.
            when: of this stream, instead of the record's own.
        """
        with self._adding:
            if not self._passes(content, when):
                self.filtered += 1
                return
            data = (line(stamped(_without_secrets(content), self.app)) + "\n").encode()
            try:
                self._append(data)
            except (OSError, InputError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                self._log.warning("write", f"{self.path} cannot be written: {reason}")
                self.not_written += 1
            else:
                self.written += 1

    def reopen(self) -> None:
        """Goes on in a new file of the same name, for `logrotate` and its like, which have moved the old one away.
        May be called in a signal handler: the next line does it."""
        self._reopen = True

    def summary(self) -> dict[str, Any]:
        """Plain JSON values: path; lines written, not_written (a full disk) and filtered (by `when`); files rotated
        (ended by size or age) and removed (to keep within the bound)."""
        return {
            "path": str(self.path),
            "written": self.written,
            "not_written": self.not_written,
            "filtered": self.filtered,
            "rotated": self.rotated,
            "removed": self.removed,
        }

    def close(self) -> None:
        """Brings what was written to the disk; may be called twice."""
        with self._adding:
            self._closed = True
            if self._file.is_open:
                try:
                    self._file.sync()
                except OSError as error:  # a disk that is full
                    LOG.warning("%s: %s", self.path, error.strerror)
                self._file.close()

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _begin(self) -> None:
        self._file.open()
        if self._rotation.renames and not os.access(self.path.parent, os.W_OK):
            raise OSError(
                errno.EACCES, f"its folder {self.path.parent} must be writable for files to be renamed"
            )
        with self._file.locked():
            self._file.repair()
            self._remove_oldest()

    def _passes(self, content: Mapping[str, Any], when: When | None) -> bool:
        result = content.get("result")
        if not isinstance(result, Mapping):
            return True
        stream = str(content.get("stream", ""))
        if stream not in self._filters:
            self._filters[stream] = Filter(when or self._when)
        return self._filters[stream].passes(result)

    def _append(self, data: bytes) -> None:
        if self._closed:
            raise OSError(errno.EBADF, "the record is closed")
        if not self._rotation.fits(len(data)):
            raise OSError(errno.EFBIG, f"a line of {len(data)} bytes is larger than all that is to be kept")
        if self._reopen or not self._file.is_open:
            self._reopen, self._begun_s = False, None
            self._file.open()
        with self._file.locked():
            self._file.repair()
            if self._rotation.is_due(self._file.size(), len(data), self._age_s()):
                self._rotate(len(data))
            self._file.append(data)

    def _rotate(self, more: int) -> None:
        self._file.sync()
        if self._file.has_its_name():
            end_file(self.path)
            self.rotated += 1
        self._begun_s = None
        self._file.begin_next()
        self._remove_oldest(more)

    def _remove_oldest(self, more: int = 0) -> None:
        room = max(self._rotation.rotate_bytes or 0, self._file.size(), more)
        try:
            self.removed += remove_oldest(self.path, self._rotation, room)
        except OSError as error:
            self._log.warning("remove", f"{self.path}: an old file cannot be removed: {error.strerror}")

    def _age_s(self) -> float:
        """Of the file's first line, in seconds."""
        if self._rotation.rotate_s is None or not self._file.size():
            return 0.0
        now_ns = time.monotonic_ns()
        if self._begun_s is None:
            self._begun_s = now_ns / 1e9 - age_s(self._file.first_line(), boot_id(), now_ns, time.time())
        return now_ns / 1e9 - self._begun_s

    def _expected(self, error: OSError) -> str:
        if error.errno == errno.ELOOP and self.path.is_symlink():
            return f"expected a file to append to, found a link to {os.readlink(self.path)}. Name the file itself"
        return f"expected a file to append to: {error.strerror}"


def _without_secrets(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a line says of the source, as it may be shown; the result is the model's own."""
    shown = {key: _shown(key, value) for key, value in content.items() if isinstance(value, str)}
    return {**content, **shown}


@lru_cache(maxsize=256)
def _shown(key: str, value: str) -> str:
    """Remembered, since a live source says the same of each of its frames."""
    return shown_address(value) if key == "origin" else without_secrets(value)
