"""The rows that are done, in a file of lines: what was begun goes on from there."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from edgemm import strict_json
from edgemm.errors import InputError
from edgemm.judge.spread.piece import Json
from edgemm.sinks.shared_file import SharedFile

SCHEMA = "edgemm.judge.row/1"
_START = re.compile(rb'\{"schema": ?"edgemm\.judge\.row/')


class Rows:
    """A file of rows, each with the key of its piece; appended to, one line at a time, and never rewritten."""

    def __init__(self, path: Path | None) -> None:
        """Args:
            path: None: nothing is kept.

        Raises:
            InputError: there is something else than rows, or it cannot be written.
        """
        self._file = None if path is None else SharedFile(path, _START)
        self.done: dict[str, Json] = {}
        """Key -> row."""
        if self._file is None:
            return
        try:
            self._file.open()
            with self._file.locked():
                self._file.repair()
                self._read(self._file.path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
        except BaseException:
            self._file.close()
            raise

    def _read(self, path: Path) -> None:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    found: Any = json.loads(line)
                    self.done[str(found["key"])] = dict(found["row"])
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(
                        f"{path}, line {number}: expected a row of a judgement, found something else. Name another "
                        "file, or remove the line"
                    ) from error

    def add(self, key: str, piece: Json, row: Json) -> None:
        """Keeps a row, on the disk.

        Raises:
            InputError: it cannot be written, such as to a full disk.
        """
        self.done[key] = row
        if self._file is None:
            return
        line = strict_json.line({"schema": SCHEMA, "key": key, "piece": piece, "row": row})
        try:
            with self._file.locked():
                self._file.append(line.encode() + b"\n")
                self._file.sync()
        except OSError as error:
            raise InputError(
                f"{os.fspath(self._file.path)}: cannot be written ({error.strerror or error}). What it holds is kept: "
                "the judgement can go on from there"
            ) from error

    def close(self) -> None:
        """Closes the file; may be called twice."""
        if self._file is not None:
            self._file.close()
