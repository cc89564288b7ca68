"""What a search may write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError

LONGEST_LOOP = 32
"""Tokens of a sequence that is watched for following itself."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Ids of tokens, and lengths.

    Raises:
        InputError: nothing ends a text, or a number is out of range.
    """

    end: tuple[int, ...]
    """Any of these ends a text."""
    most: int
    """Tokens of a text: one that has so many ends there."""
    least: int = 0
    """Tokens before the end may be written."""
    forced: tuple[int, ...] = ()
    """The first tokens that are written, whatever the scores say."""
    suppressed: tuple[int, ...] = ()
    """Never written, unless forced."""
    no_repeat: int = 0
    """A sequence of so many tokens is written once at most; 0: as often as it comes."""
    most_repeats: int = 0
    """How often any sequence of up to 32 tokens may stand in a row, as "no no no": 0: as often as it comes."""
    more: Callable[[npt.NDArray[np.float32], Sequence[int]], Any] | None = None
    """More rules: called with the logarithms of probabilities, which it may set to -inf, and the tokens so far."""

    def __post_init__(self) -> None:
        if self.most < 1 or not 0 <= self.least <= self.most or len(self.forced) > self.most:
            raise InputError(
                f"rules: expected 1 or more tokens at most, and no more at least or forced than these; found most "
                f"{self.most}, least {self.least}, {len(self.forced)} forced"
            )
        if min(self.no_repeat, self.most_repeats) < 0:
            raise InputError(
                f"rules: expected no_repeat and most_repeats of 0 or more, found {self.no_repeat}, {self.most_repeats}"
            )

    def check(self, words: int) -> None:
        """Raises:
        InputError: an id is none of a vocabulary of `words`.
        """
        for each in (*self.end, *self.forced, *self.suppressed):
            if not 0 <= each < words:
                raise InputError(f"rules: expected ids below {words}, the scores of a step, found {each}")

    def forbid(self, row: npt.NDArray[np.float32], tokens: Sequence[int]) -> None:
        """Sets what must not follow `tokens` to -inf, in place."""
        place = len(tokens)
        if place < len(self.forced):
            kept = row[self.forced[place]]
            row.fill(-inf)
            row[self.forced[place]] = kept
            return
        for each in self.suppressed:
            row[each] = -inf
        if place < self.least:
            for each in self.end:
                row[each] = -inf
        for each in self._repeated(tokens):
            row[each] = -inf
        if self.more is not None:
            self.more(row, tokens)

    def _repeated(self, tokens: Sequence[int]) -> list[int]:
        found = _completing(tokens, self.no_repeat) if self.no_repeat else []
        if self.most_repeats:
            found += _looping(tokens, self.most_repeats)
        return found


def _completing(tokens: Sequence[int], count: int) -> list[int]:
    """What would complete a sequence of `count` tokens that is there already."""
    if len(tokens) < count:
        return []
    last = list(tokens[len(tokens) - count + 1 :])
    return [
        tokens[at + count - 1]
        for at in range(len(tokens) - count + 1)
        if list(tokens[at : at + count - 1]) == last
    ]


def _looping(tokens: Sequence[int], times: int) -> list[int]:
    """What would complete a sequence for the `times` + 1st time in a row."""
    found = []
    for period in range(1, min(LONGEST_LOOP, (len(tokens) + 1) // (times + 1)) + 1):
        tail = tokens[len(tokens) + 1 - period * (times + 1) :]
        if tail[period:] == tail[: len(tail) - period]:
            found.append(tokens[len(tokens) - period])
    return found
