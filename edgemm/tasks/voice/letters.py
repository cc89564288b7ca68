"""Letters to phonemes by a network: one run for each word, the phonemes read off as CTC is.

The asset `letters` is JSON: `in`, the characters in the order of their ids from 1; `out`, the phonemes likewise; and
`maxlen`, the most characters of one run.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np

from edgemm.errors import CardError
from edgemm.model.part import Part
from edgemm.strict_json import parse

MAX_BYTES = 1 << 20
KEPT = 4096
"""Words whose phonemes are remembered."""


class Letters:
    """Raises:
    CardError: the tables, or the part, are not as described.
    """

    def __init__(self, part: Part, content: bytes) -> None:
        try:
            tables = parse(content, MAX_BYTES)
        except ValueError as error:
            raise CardError(f"asset letters: expected JSON: {error}") from error
        self._ids = {each: at for at, each in enumerate(_texts(tables, "in"), 1)}
        self._phonemes = ("", *_texts(tables, "out"))
        self._longest = tables.get("maxlen")
        if type(self._longest) is not int or not 1 <= self._longest <= 1024:
            raise CardError(f"asset letters: maxlen: expected 1 to 1024, found {str(self._longest)[:40]}")
        if len(part.inputs) != 1 or len(part.outputs) != 1 or len(part.inputs[0].shape) != 2:
            raise CardError(
                "part letters: expected one input [1, characters] and one output [1, steps] of ids"
            )
        if part.inputs[0].shape[1] > 0:
            raise CardError(
                "part letters: expected an input of any length, since what fills up a word changes its phonemes; "
                f"found {list(part.inputs[0].shape)}"
            )
        self._part, self._input, self._output = part, part.inputs[0], part.outputs[0].name
        self._kept: dict[str, str] = {}

    def find(self, word: str) -> str:
        """The phonemes of a word; "" where no character of it is known."""
        if word not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            pieces = (word[at : at + self._longest] for at in range(0, len(word), self._longest))
            self._kept[word] = "".join(map(self._run, pieces))
        return self._kept[word]

    def _run(self, word: str) -> str:
        ids = [self._ids[each] for each in word if each in self._ids]
        if not ids:
            return ""
        given = self._part.step({self._input.name: np.array([ids], self._input.dtype)})
        found = np.asarray(given.stored(self._output)).reshape(-1)
        if found.size and not 0 <= found.min() <= found.max() < len(self._phonemes):
            raise CardError(
                f"asset letters: expected {int(found.max())} phonemes or more, as the part gives them; found "
                f"{len(self._phonemes) - 1}. The table belongs to another network"
            )
        return "".join(self._phonemes[int(each)] for each, _ in groupby(found))


def _texts(tables: Any, key: str) -> list[str]:
    found = tables.get(key) if isinstance(tables, dict) else None
    if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
        raise CardError(f"asset letters: {key}: expected a list of texts, found {str(found)[:40]!r}")
    return found
