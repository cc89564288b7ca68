"""Label files: one name a line; from the archive behind a model, or beside it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from edgemm.foreign.tflite_metadata import AssociatedFile

MAX_BYTES = 4 << 20
UNNAMED = "???"
"""The label of a class that does not occur."""
_NUMBERED = re.compile(r"\s*(\d{1,6})(?:\s*[:,]\s*|\s+)(\S.*)")


def read_labels(content: bytes, counts: Collection[int] = ()) -> tuple[str, ...]:
    """One label for each line; lines "12 cup" stand in row 12, and rows that are missing are named ???.

    Args:
        content: of the file.
        counts: how many labels would fit. Lines are labels as they stand, "5 euro", where only so they do; and blank
            lines at the beginning are left out where only so they do. Otherwise a blank line is a class without a name.
    """
    text = content[:MAX_BYTES].decode("utf-8-sig", "replace")
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    lines = next((each for each in (lines, _from_first_name(lines)) if len(each) in counts), lines)
    numbered = _numbered(lines)
    plain = len(numbered) not in counts and len(lines) in counts
    return tuple(lines) if plain or not numbered else numbered


def _from_first_name(lines: list[str]) -> list[str]:
    return lines[next((place for place, line in enumerate(lines) if line), 0) :]


def _numbered(lines: list[str]) -> tuple[str, ...]:
    """The names by their numbers; () where not every line has one, or they are out of order."""
    found = [_NUMBERED.fullmatch(line) for line in lines if line]
    pairs = [(int(each[1]), each[2].strip()) for each in found if each]
    places = [place for place, _ in pairs]
    if len(pairs) != len(found) or len(set(places)) != len(places) or places != sorted(places):
        return ()
    if not pairs or places[-1] > 4 * len(pairs) + 100:
        return ()
    named = dict(pairs)
    return tuple(named.get(place, UNNAMED) for place in range(places[-1] + 1))


def pick(files: Iterable[AssociatedFile], kinds: tuple[int, ...], locale: str) -> AssociatedFile | None:
    """The file of one of the kinds: in the language that is asked for, else the first."""
    fitting = [each for each in files if each.kind in kinds]
    exact = [each for each in fitting if locale and each.locale.lower() == locale.lower()]
    alike = [each for each in fitting if locale and each.locale[:2].lower() == locale[:2].lower()]
    return next(iter(exact or alike or fitting), None)


def in_archive(associated: Mapping[str, bytes], counts: Collection[int] = ()) -> tuple[str, tuple[str, ...]]:
    """Name and labels of the one text file in the archive whose name speaks of labels; "" and () where there is none,
    or there are several."""
    named = [name for name in associated if re.search(r"label.*\.txt$", name, re.IGNORECASE)]
    return (named[0], read_labels(associated[named[0]], counts)) if len(named) == 1 else ("", ())


def beside(model: Path, counts: Collection[int] = ()) -> tuple[str, tuple[str, ...]]:
    """Name and labels of the file beside the model that carries its name, or is called labelmap.txt or labels.txt."""
    for name in (
        f"{model.stem}.labels.txt",
        f"{model.stem}_labels.txt",
        f"{model.stem}.txt",
        "labelmap.txt",
        "labels.txt",
    ):
        found = model.with_name(name)
        try:
            if found.is_file() and found.stat().st_size <= MAX_BYTES:
                return name, read_labels(found.read_bytes(), counts)
        except (OSError, ValueError):
            continue
    return "", ()
