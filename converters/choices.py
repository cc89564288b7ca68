"""Closed sets of words: one of them, or an error that names the nearest."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import TypeVar

from edgemm.errors import InputError

Word = TypeVar("Word", bound=str)


def choice(option: str, value: object, allowed: Collection[Word]) -> Word:
    """`value`, which must be one of the words allowed, letter for letter.

    Args:
        option: what the value is for, as the caller knows it: "gate", "--scheme".
        allowed: in the order in which an error lists them.

    Raises:
        InputError: another value; the message lists the words, and the near one.
    """
    for word in allowed:
        if type(value) is type(word) and value == word:
            return word
    hint = near(value, allowed)
    raise InputError(
        f"{option}: expected one of {', '.join(allowed)}; found {value!r}"
        + (f". Did you mean {hint!r}?" if hint else "")
    )


def near(value: object, allowed: Collection[Word]) -> Word | None:
    """The word that was probably meant; None where nothing is near."""
    if not isinstance(value, str):
        return None
    plain = {_plain(word): word for word in reversed(list(allowed))}
    found = difflib.get_close_matches(_plain(value), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def _plain(word: str) -> str:
    return word.strip().casefold().replace("_", "-").replace(" ", "-")
