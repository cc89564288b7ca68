"""What is told of speech that goes on: words that two writings agree in stay until two others agree otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from edgemm.tasks.speech.joining import plain


class Agreement:
    """The writings of one utterance, each of more sound than the one before."""

    def __init__(self) -> None:
        self._last: list[str] = []
        self._agreed: list[str] = []

    def __call__(self, words: Sequence[str]) -> list[str]:
        """What is told now, of the words of the next writing.

        A writing that takes back words which the two before it had is not told: the next one shows which is right.
        """
        agreed = list(_alike(self._last, words))
        self._last = list(words)
        if len(agreed) >= len(self._agreed):
            self._agreed = agreed
        kept = sum(1 for _ in _alike(words, self._agreed)) == len(self._agreed)
        return list(words) if kept else list(self._agreed)


def _alike(ones: Sequence[str], others: Sequence[str]) -> list[str]:
    """Words of the second that both begin with, case and marks aside."""
    pairs = takewhile(lambda pair: plain(pair[0]) == plain(pair[1]), zip(ones, others, strict=False))
    return [other for _, other in pairs]
