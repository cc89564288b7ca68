"""Words of two utterances that share some sound, each once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile


def heard_before(before: Sequence[str], words: Sequence[str], shared: int) -> int:
    """How many words at the beginning of the second say what the end of the first says already.

    The longest run of words that both have shows how they lie to each other; of equal ones the last of the first.

    Args:
        before: words of the first, in order.
        words: words of the second, in order.
        shared: most words that the sound that they share can hold.
    """
    tail = [_plain(each) for each in before[-shared:]] if shared else []
    head = [_plain(each) for each in words[:shared]]
    runs = [(_alike(tail[at:], head[to:]), at, to) for at in range(len(tail)) for to in range(len(head))]
    size, at, to = max(runs, key=lambda run: (run[0], run[1], -run[2]), default=(0, 0, 0))
    return min(len(head), len(tail) - at + to) if size else 0


def _alike(ones: Sequence[str], others: Sequence[str]) -> int:
    """Words that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ones, others, strict=False)))


def _plain(word: str) -> str:
    """Without case and marks: "Respectable." is the word "respectable"."""
    return "".join(each for each in word.casefold() if each.isalnum()) or word
