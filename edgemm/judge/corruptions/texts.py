"""Texts with misspelt words, or without some. `level` counts from 0."""

from __future__ import annotations

import re

import numpy as np

SHARE = (0.05, 0.1, 0.2, 0.35, 0.5)
"""Of the words; at least one."""
_WORD = re.compile(r"\S+")


def misspelling(text: str, level: int, rng: np.random.Generator) -> str:
    """Two letters of a word change places. Words of one letter stay; so do signs and spaces."""
    words = [each for each in _WORD.finditer(text) if _pairs(each[0])]
    letters = list(text)
    order = rng.permutation(len(words))
    draws = rng.random(len(words))
    for at in order[: _count(len(words), level)]:
        pairs = _pairs(words[at][0])
        left = words[at].start() + pairs[int(draws[at] * len(pairs))]
        letters[left], letters[left + 1] = letters[left + 1], letters[left]
    return "".join(letters)


def dropped_words(text: str, level: int, rng: np.random.Generator) -> str:
    """Without some of the words; the last one that is left stays."""
    words = text.split()
    gone = set(rng.permutation(len(words))[: min(_count(len(words), level), len(words) - 1)].tolist())
    return " ".join(word for at, word in enumerate(words) if at not in gone) if gone else text


def _pairs(word: str) -> list[int]:
    """Where two letters stand side by side that differ."""
    return [
        at
        for at in range(len(word) - 1)
        if word[at].isalpha() and word[at + 1].isalpha() and word[at] != word[at + 1]
    ]


def _count(words: int, level: int) -> int:
    return min(words, max(1, round(SHARE[level] * words)))
