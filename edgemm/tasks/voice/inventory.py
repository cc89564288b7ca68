"""The symbols that an acoustic network knows, and their ids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from edgemm.errors import CardError
from edgemm.strict_json import parse

MAX_BYTES = 4 << 20
_PIPER = "phoneme_id_map"
_LARGEST_ID = 1 << 20


class Inventory:
    """Symbols -> ids. The asset `symbols` is a JSON object, each symbol with its id or a list of ids; or the JSON file
    of a Piper voice, which has such an object.

    Raises:
        CardError: it is none.
    """

    def __init__(self, content: bytes) -> None:
        try:
            found = parse(content, MAX_BYTES)
        except ValueError as error:
            raise CardError(f"asset symbols: expected JSON, symbol -> id: {error}") from error
        if isinstance(found, dict) and isinstance(found.get(_PIPER), dict):
            found = found[_PIPER]
        if not isinstance(found, dict) or not found:
            raise CardError(f"asset symbols: expected an object, symbol -> id, found {str(found)[:40]!r}")
        self._ids: Mapping[str, tuple[int, ...]] = {
            symbol: _read_ids(symbol, ids) for symbol, ids in found.items()
        }
        longest_first = sorted((each for each in self._ids if each), key=len, reverse=True)
        self._parts = frozenset("".join(self._ids))
        self._symbol = re.compile("|".join(map(re.escape, longest_first)))

    def ids(self, phonemes: str) -> tuple[list[tuple[int, ...]], int]:
        """The ids of each symbol in a text of phonemes, longest symbols first; and how many characters are in none."""
        written = "".join(map(self._known, phonemes))
        found = self._symbol.findall(written)
        return [self._ids[each] for each in found], len(written) - sum(map(len, found))

    def _known(self, character: str) -> str:
        """As the table has it: a capital as a small letter, and a letter with its accent as two, where it has only
        these."""
        if character in self._parts:
            return character
        small = character.lower()
        return small if small in self._parts else unicodedata.normalize("NFD", small)


def _read_ids(symbol: str, ids: Any) -> tuple[int, ...]:
    each = ids if isinstance(ids, list) else [ids]
    if not each or not all(type(one) is int and 0 <= one <= _LARGEST_ID for one in each):
        raise CardError(
            f"asset symbols: {symbol[:20]!r}: expected an id from 0 on, or a list of them, found {str(ids)[:40]!r}"
        )
    return tuple(each)
