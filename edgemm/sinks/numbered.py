"""A folder of numbered files, one for each result."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections import deque
from pathlib import Path
from typing import Any, ClassVar

from edgemm import atomic
from edgemm.amounts import count
from edgemm.errors import EdgemmError, InputError
from edgemm.log import RateLimitedLog
from edgemm.sinks.queued import CompleteSink

LIMIT = 10_000
"""Files that are kept: some 2 GB of JPEG at 1280x720."""
_OURS = re.compile(r"edgemm-(?:(?P<stream>[A-Za-z0-9_.]+)-)?(?P<number>\d{6,})\.(?:jpg|png|wav)")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.]+")


class NumberedFolder(CompleteSink):
    """Writes `edgemm-000000.jpg`, `edgemm-000001.jpg` ...; `edgemm-STREAM-000000.jpg` where streams have names.

    The number is that of the result in its stream, as in its line of JSON, so one that was refused leaves a hole.
    Where a folder has files of an earlier run, numbers go on after its highest, and so they do where another program
    writes into the folder at the same time. Each file is written whole or not at all. Of more than `limit` files the
    oldest are removed; files with other names are never touched. A disk that is full costs files, which are counted;
    writing goes on when there is room, and `close` tells of it.

    A subclass makes `self._outbox`, with `_write` and `_finish`.
    """

    _WHAT: ClassVar[str] = "files"
    """What it writes, in messages."""

    def __init__(self, path: str | Path, suffix: str, limit: int) -> None:
        self.path = Path(path).absolute()
        self.name = str(path)
        self.removed = self.not_written = 0
        self._suffix = suffix
        self._limit = count("limit", limit)
        self._make_folder()
        self._kept, self._first = self._found()
        self._names: dict[str, str] = {}
        self._log = RateLimitedLog()
        self._first_error = ""

    @abstractmethod
    def _coded(self, slot: Any) -> bytes | memoryview:
        """The content of its file."""

    def summary(self) -> dict[str, Any]:
        """Plain JSON values: path; items taken, written, refused by reason; `not_written` for lack of space;
        `removed` to keep the limit."""
        return {
            "path": self.name,
            **super().summary(),
            "not_written": self.not_written,
            "removed": self.removed,
        }

    def _make_folder(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(atomic.cannot_write(self.path, error, "folder")) from error
        atomic.check(self.path / f"edgemm-0.{self._suffix}", "folder")
        atomic.remove_leftovers(self.path)

    def _found(self) -> tuple[deque[str], dict[str, int]]:
        """Names of earlier files, oldest first, and the number that comes after each stream's highest."""
        after: dict[str, int] = {}
        names = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                found = _OURS.fullmatch(entry.name)
                if found and entry.is_file(follow_symlinks=False):
                    names.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
                    stream = found["stream"] or ""
                    after[stream] = max(after.get(stream, 0), int(found["number"]) + 1)
        return deque(name for _, name in sorted(names)), after

    def _write(self, slot: Any) -> bool:
        """False where the disk does not take it."""
        stream = self._name_of(slot.stream)
        suffix, coded = self._suffix_of(slot), self._coded(slot)
        try:
            self._keep(self._put(coded, stream, slot.sequence, suffix))
        except OSError as error:
            name = self._free_name(stream, slot.sequence, suffix)
            self._count_failure(atomic.cannot_write(self.path / name, error))
            return False
        return True

    def _suffix_of(self, slot: Any) -> str:
        """Of its file."""
        return self._suffix

    def _free_name(self, stream: str, sequence: int, suffix: str) -> str:
        number = self._first.get(stream, 0) + sequence
        return f"edgemm-{stream}{'-' if stream else ''}{number:06d}.{suffix}"

    def _put(self, coded: bytes | memoryview, stream: str, sequence: int, suffix: str) -> str:
        """Writes a file under its name, or the next that is free: another program may write into the folder too."""
        while True:
            name = self._free_name(stream, sequence, suffix)
            try:
                atomic.write(self.path / name, [coded], tidy=False, fresh=True)
                return name
            except FileExistsError:
                self._first[stream] = self._first.get(stream, 0) + 1

    def _keep(self, name: str) -> None:
        self._kept.append(name)
        while len(self._kept) > self._limit:
            (self.path / self._kept.popleft()).unlink(missing_ok=True)
            self.removed += 1

    def _count_failure(self, message: str) -> None:
        self.not_written += 1
        self._first_error = self._first_error or message
        self._log.warning("write", message)

    def _finish(self, failed: bool) -> None:
        if self._first_error:
            raise EdgemmError(
                f"{self.not_written} {self._WHAT} were not written. The first: {self._first_error}"
            )

    def _name_of(self, stream: str) -> str:
        """The stream's name as part of a file's; two streams never have the same."""
        if stream not in self._names:
            plain = wanted = _NOT_IN_NAMES.sub("_", stream)[:64]
            again = 2
            while plain in self._names.values():
                plain, again = f"{wanted}_{again}", again + 1
            self._names[stream] = plain
        return self._names[stream]
