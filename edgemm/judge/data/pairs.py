"""Texts, and what is to be written for them: a table or objects with a source and a target in each line.

NAME.txt            a text in each line, without a target
NAME.tsv, NAME.csv  a first line that names the columns; or, of two columns with tabs, source and target alone
NAME.jsonl          {"source": ..., "target": ...} in each line
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemm.errors import InputError
from edgemm.judge.data.objects import read_objects
from edgemm.judge.data.pictures import read_bounded

MAX_BYTES = 1 << 28
SUFFIXES = (".txt", ".tsv", ".csv", ".jsonl")
SOURCE, TARGET = ("source", "text", "sentence"), ("target", "translation")
"""Names of the columns, or keys."""
EXPECTED = "a file of texts: .txt with one in each line, or .tsv, .csv or .jsonl with source and target"


@dataclass(frozen=True, slots=True)
class TextPair:
    """One text."""

    source: str
    target: str | None = None
    """What is right; None where the file does not say it."""


def read_pairs(path: Path) -> tuple[TextPair, ...]:
    """The texts of a file that are not blank, in their order.

    Raises:
        InputError: it cannot be read, or has no such columns, or texts without a target among those with one; names
            the line.
    """
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        found = "another kind of file" if path.exists() else "nothing of that name"
        raise InputError(f"{path}: expected {EXPECTED}; found {found}")
    rows = [(line, pair) for line, pair in _read(path) if pair.source.strip()]
    if not rows:
        raise InputError(f"{path}: expected a text in each line, found none")
    known = [pair.target is not None for _, pair in rows]
    if any(known) and not all(known):
        raise InputError(f"{path}, line {rows[known.index(False)][0]}: has no target, and others have")
    return tuple(pair for _, pair in rows)


def _read(path: Path) -> Iterator[tuple[int, TextPair]]:
    try:
        content = read_bounded(path, MAX_BYTES, "a file of texts").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in UTF-8 ({error}). Save it as UTF-8") from error
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return ((at, TextPair(line)) for at, line in enumerate(content.split("\n"), 1))
    if suffix == ".jsonl":
        return ((at, _pair(row, path, at)) for at, row in read_objects(content, path))
    return _table(content, path)


def _table(content: str, path: Path) -> Iterator[tuple[int, TextPair]]:
    tabs = path.suffix.lower() == ".tsv"
    rows = csv.reader(
        io.StringIO(content, newline=""),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
    )
    columns: list[str] = []
    try:
        for row in rows:
            if not row:
                continue
            if not columns:
                columns = [each.strip().casefold() for each in row]
                if set(columns) & set(SOURCE):
                    continue
                if not tabs or len(row) != 2:
                    raise InputError(
                        f"{path}, line {rows.line_num}: expected a first line with the names of the columns, "
                        f"{SOURCE[0]!r} and {TARGET[0]!r}, found {', '.join(each[:40] for each in row)}"
                    )
                columns = [SOURCE[0], TARGET[0]]
            if len(row) > len(columns):
                raise InputError(
                    f"{path}, line {rows.line_num}: expected {len(columns)} columns, found {len(row)}"
                )
            yield (
                rows.line_num,
                _pair(dict(zip(columns, row, strict=False)), path, rows.line_num),
            )
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: not readable as a table ({error})") from error


def _pair(row: Mapping[str, Any], path: Path, line: int) -> TextPair:
    source, target = (next((row[name] for name in names if row.get(name) is not None), None)
                      for names in (SOURCE, TARGET))  # fmt: skip
    if not isinstance(source, str):
        found = ", ".join(str(name)[:40] for name in row) or "nothing"
        raise InputError(
            f"{path}, line {line}: expected {SOURCE[0]!r} with the text, and {TARGET[0]!r} with what is right for it, "
            f"found {found}"
        )
    if target is not None and not isinstance(target, str):
        raise InputError(f"{path}, line {line}: {TARGET[0]}: expected a text, found {type(target).__name__}")
    return TextPair(source, target)
