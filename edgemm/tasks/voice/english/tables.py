"""How tables of words are written."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """A list of single words, as a table is written."""
    return tuple(text.split())
