"""Tables for people: columns in line, cells wrapped where the terminal is too narrow."""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence

GAP = 2
NARROWEST = 8
"""A column is not made narrower than this, even where the table is then wider than the terminal."""


def columns(rows: Sequence[Sequence[object]], header: Sequence[str], width: int | None = None) -> str:
    """Numbers stand to the right, the rest to the left. Nothing is cut off: a cell that is too long goes on below.

    Args:
        width: columns of the terminal; None: of this one, without limit where stdout is not a terminal.
    """
    cells = [[printable(str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(map(shown_width, column)) for column in zip(*cells, strict=True)]
    numeric = [
        bool(rows) and all(isinstance(row[column], int | float) for row in rows)
        for column in range(len(header))
    ]
    _narrow(widths, terminal_width() if width is None else width)
    return "\n".join(text for row in cells for text in _lines(row, widths, numeric))


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is; None where it is none."""
    if not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def printable(text: str) -> str:
    """Without control characters, which a terminal obeys, and without line breaks; names come from files."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def shown_width(text: str) -> int:
    """Columns that a terminal gives the text: two for East Asian characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _narrow(widths: list[int], limit: int | None) -> None:
    """Takes from the widest column until the table fits."""
    if limit is None:
        return
    over = sum(widths) + GAP * (len(widths) - 1) - limit
    while over > 0:
        widest = max(range(len(widths)), key=widths.__getitem__)
        others = sorted(widths)[-2] if len(widths) > 1 else 0
        less = min(over, max(widths[widest] - max(others, NARROWEST), 1), widths[widest] - NARROWEST)
        if less <= 0:
            return
        widths[widest] -= less
        over -= less


def _lines(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    """One row, over as many lines as its longest cell takes."""
    parts = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for index in range(max(map(len, parts))):
        shown = [
            _padded(part, index, width, right)
            for part, width, right in zip(parts, widths, numeric, strict=True)
        ]
        lines.append((" " * GAP).join(shown).rstrip())
    return lines


def _wrapped(cell: str, width: int) -> list[str]:
    if shown_width(cell) <= width:
        return [cell]
    narrow = width if cell.isascii() else max(width // 2, 1)
    return textwrap.wrap(cell, narrow, break_on_hyphens=False) or [""]


def _padded(part: Sequence[str], index: int, width: int, right: bool) -> str:
    text = part[index] if index < len(part) else ""
    space = " " * max(width - shown_width(text), 0)
    return space + text if right else text + space
