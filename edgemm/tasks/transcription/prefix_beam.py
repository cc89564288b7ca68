"""Prefix beam search: the most probable texts, all alignments of each counted (Hannun et al. 2014; Graves 2012)."""

from __future__ import annotations

from math import exp, inf, log1p
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.spelling import Spelling


class Prefix:
    """The beginning of a text: a label after another prefix. Equal prefixes are one object."""

    __slots__ = ("__weakref__", "earned", "label", "parent", "word")

    def __init__(self, parent: Prefix | None, label: int, word: str, earned: float) -> None:
        self.parent, self.label = parent, label
        self.word = word
        """What is written of the last word."""
        self.earned = earned
        """Bonus for the hot words before it."""

    def labels(self) -> tuple[int, ...]:
        """All of it."""
        found, at = [], self
        while at.parent is not None:
            found.append(at.label)
            at = at.parent
        return tuple(reversed(found))


class PrefixBeam:
    """One search, step by step. Each prefix has two log-probabilities: of the alignments that end in a blank, and of
    those that end in its last label, since the same label again is another letter only after a blank."""

    def __init__(self, blank: int, beam: int, spelling: Spelling, hot: HotWords) -> None:
        self._blank, self._beam, self._spelling, self._hot = blank, beam, spelling, hot
        empty = Prefix(None, -1, "", 0.0)
        self._known: WeakValueDictionary[tuple[int, int], Prefix] = WeakValueDictionary()
        self._kept: dict[Prefix, tuple[float, float]] = {empty: (0.0, -inf)}

    def push(self, row: npt.NDArray[Any]) -> None:
        """Takes float32[labels], natural logarithms of probabilities, of the next step."""
        chosen, blank = self._labels(row), float(row[self._blank])
        ends_blank: dict[Prefix, float] = {}
        ends_label: dict[Prefix, float] = {}
        for prefix, (of_blank, of_label) in self._kept.items():
            both = _sum(of_blank, of_label)
            ends_blank[prefix] = _sum(ends_blank.get(prefix, -inf), both + blank)
            if prefix.parent is not None:
                again = of_label + float(row[prefix.label])
                ends_label[prefix] = _sum(ends_label.get(prefix, -inf), again)
            for label, score in chosen:
                from_where = of_blank if label == prefix.label else both
                if from_where > -inf and self._spelling.may_follow(label, prefix.label):
                    longer = self._longer(prefix, label)
                    ends_label[longer] = _sum(ends_label.get(longer, -inf), from_where + score)
        found = {
            each: (ends_blank.get(each, -inf), ends_label.get(each, -inf))
            for each in dict.fromkeys((*ends_blank, *ends_label))
        }
        best = sorted(found, key=lambda each: -self._score(each, *found[each], final=False))
        self._kept = {each: found[each] for each in best[: self._beam]}

    def best(self, *, final: bool = False) -> tuple[int, ...]:
        """The labels of the best text.

        Args:
            final: nothing follows: a bonus for half a hot word does not count.
        """
        return max(self._kept, key=lambda each: self._score(each, *self._kept[each], final=final)).labels()

    def score(self) -> float:
        """Natural logarithm of the best text's probability, of all alignments that the search followed, without
        bonus."""
        best = max(self._kept, key=lambda each: self._score(each, *self._kept[each], final=True))
        return _sum(*self._kept[best])

    def _labels(self, row: npt.NDArray[Any]) -> list[tuple[int, float]]:
        """The best labels of a step, the blank left out."""
        count = min(self._beam + 1, len(row))
        best = np.argpartition(row, -count)[-count:] if count < len(row) else np.arange(len(row))
        return [(label, float(row[label])) for label in sorted(best.tolist()) if label != self._blank]

    def _score(self, prefix: Prefix, of_blank: float, of_label: float, *, final: bool) -> float:
        word = self._hot.whole(prefix.word) if final else self._hot.begun(prefix.word)
        return _sum(of_blank, of_label) + prefix.earned + word

    def _longer(self, prefix: Prefix, label: int) -> Prefix:
        key = (id(prefix), label)
        known = self._known.get(key)
        if known is not None:
            return known
        begins, text = self._spelling.begins[label], self._spelling.texts[label]
        word = text if begins else prefix.word + text
        earned = prefix.earned + (self._hot.whole(prefix.word) if begins else 0.0)
        made = self._known[key] = Prefix(prefix, label, word, earned)
        return made


def _sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == -inf else a + log1p(exp(b - a))
