"""Words of two utterances that share some sound, each once."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import Match, SequenceMatcher
from itertools import accumulate, takewhile

LEAST_LETTERS = 4
"""In a row that both have, whatever words they are of: fewer are chance."""


def heard_before(before: Sequence[str], words: Sequence[str], shared: int) -> int:
    """How many words at the beginning of the second say what the end of the first says already.

    The longest run of words that both have shows how they lie to each other; of equal ones the last of the first. Where
    a run of letters is longer, that does: "cold hearted" is "coldhearted", and words may be cut.

    Args:
        before: words of the first, in order.
        words: words of the second, in order.
        shared: most words that the sound that they share can hold.
    """
    tail = [plain(each) for each in before[-shared:]] if shared else []
    head = [plain(each) for each in words[:shared]]
    runs = [(_alike(tail[at:], head[to:]), at, to) for at in range(len(tail)) for to in range(len(head))]
    size, at, to = max(runs, key=lambda run: (run[0], run[1], -run[2]), default=(0, 0, 0))
    letters = _longest_letters(tail, head)
    if letters.size > max(sum(map(len, tail[at : at + size])), LEAST_LETTERS - 1):
        return _words_within(head, letters.b + sum(map(len, tail)) - letters.a)
    return min(len(head), len(tail) - at + to) if size else 0


def plain(word: str) -> str:
    """Without case and marks: "Respectable." is the word "respectable"."""
    return "".join(each for each in word.casefold() if each.isalnum()) or word


def _longest_letters(tail: Sequence[str], head: Sequence[str]) -> Match:
    ones, others = "".join(tail), "".join(head)
    return SequenceMatcher(None, ones, others, autojunk=False).find_longest_match(
        0, len(ones), 0, len(others)
    )


def _words_within(words: Sequence[str], letters: int) -> int:
    """Words from the first on of which the middle lies within so many letters."""
    ends = accumulate(map(len, words))
    return sum(1 for word, end in zip(words, ends, strict=True) if end - len(word) / 2 < letters)


def _alike(ones: Sequence[str], others: Sequence[str]) -> int:
    """Words that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ones, others, strict=False)))
