"""The word that somebody probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def near(value: object, allowed: Collection[str]) -> str | None:
    """The allowed word that is nearest to `value`; None where none is near."""
    if not isinstance(value, str):
        return None
    plain = {_plain(word): word for word in reversed(list(allowed))}
    found = difflib.get_close_matches(_plain(value[:100]), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def hint(value: object, allowed: Collection[str]) -> str:
    """ ". Did you mean 'static'?", or "" where nothing is near."""
    found = near(value, allowed)
    return f". Did you mean {found!r}?" if found else ""


def _plain(word: str) -> str:
    return word.strip().casefold().replace("_", "-").replace(" ", "-")
