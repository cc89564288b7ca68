"""Texts with their classes: lines of a file, or a table.

NAME.txt            a text in each line, without a class
NAME.tsv, NAME.csv  a first line that names the columns: text (or sentence), pair, label
NAME.jsonl          an object with these keys in each line
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.judge.data.objects import read_objects
from edgemm.log import LOG

SUFFIXES = (".txt", ".jsonl", ".csv", ".tsv")
TEXT, PAIR, LABEL = ("text", "sentence"), ("pair", "text_pair"), ("label", "labels")
"""Names of the columns: of the text, of a second one that belongs to it, of the class."""
MAX_BYTES = 1 << 28
"""Of a file of texts."""


class LabelledText(NamedTuple):
    """One text of a file, and what its file says of it."""

    text: str
    pair: str | None = None
    label: str | int | None = None
    line: int = 0


def is_texts(path: Path) -> bool:
    """By the file's suffix."""
    return path.suffix.lower() in SUFFIXES


def read_class_texts(path: Path, where: str) -> tuple[LabelledText, ...]:
    """The texts of a file that are not blank, in their order; all of them have a label, or none.

    Args:
        where: what the file was given as, for messages.

    Raises:
        InputError: the file cannot be read, or has no text; names the line.
    """
    lines = list(_read(path, where))
    texts = [each for each in lines if each.text.strip()]
    if not texts:
        raise InputError(f"{where}: expected a text on each line, found none")
    if len(texts) < len(lines) and path.suffix.lower() != ".txt":
        empty = next(each.line for each in lines if not each.text.strip())
        LOG.warning(
            "%s: %d of %d rows have no text and are left out, such as line %d",
            where, len(lines) - len(texts), len(lines), empty,
        )  # fmt: skip
    labelled = [each.label is not None for each in texts]
    if any(labelled) and not all(labelled):
        raise InputError(f"{where}, line {texts[labelled.index(False)].line}: has no label, and others have")
    return tuple(texts)


def text_class(text: LabelledText, classes: Sequence[str], where: str) -> int:
    """The number of a text's class: its label's place among the card's, or the number that it is."""
    label = text.label
    if isinstance(label, str) and label in classes:
        return list(classes).index(label)
    number = int(label) if isinstance(label, int) or (isinstance(label, str) and label.isdecimal()) else -1
    if 0 <= number < (len(classes) or 1 << 31):
        return number
    known = (
        f"one of the card's labels ({', '.join(classes[:8])})" if classes else "the number of a class, from 0"
    )
    raise InputError(
        f"{where}, line {text.line}: label: expected {known}, found {str(label)[:40]!r}{hint(str(label), classes)}"
    )


def _read(path: Path, where: str) -> Iterator[LabelledText]:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{where}: expected at most {MAX_BYTES} bytes of text, found {size}")
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: expected UTF-8, found byte {error.start} to be none") from error
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error.strerror})") from error
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return (LabelledText(line, line=at) for at, line in enumerate(content.split("\n"), 1))
    rows = read_objects(content, where) if suffix == ".jsonl" else _table(content, suffix, where)
    return (_labelled(row, at, where) for at, row in rows)


def _table(content: str, suffix: str, where: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    tabs = suffix == ".tsv"
    table = csv.DictReader(
        io.StringIO(content, newline=""),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
    )
    try:
        for row in table:
            yield table.line_num, row
    except csv.Error as error:
        raise InputError(f"{where}, line {table.line_num}: not readable as a table ({error})") from error


def _labelled(row: Mapping[str, Any], line: int, where: str) -> LabelledText:
    text, pair, label = (next((row[name] for name in names if row.get(name) is not None), None)
                         for names in (TEXT, PAIR, LABEL))  # fmt: skip
    if not isinstance(text, str):
        found = ", ".join(str(name)[:40] for name in row) or "nothing"
        raise InputError(
            f"{where}, line {line}: expected a column or key {TEXT[0]!r} with the text, found {found}"
        )
    if pair is not None and not isinstance(pair, str):
        raise InputError(f"{where}, line {line}: {PAIR[0]}: expected a text, found {type(pair).__name__}")
    if label is not None and (isinstance(label, bool) or not isinstance(label, str | int)):
        raise InputError(
            f"{where}, line {line}: label: expected a text or a number, found {type(label).__name__}"
        )
    return LabelledText(text, pair, label, line)
