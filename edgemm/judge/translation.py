"""Texts written for texts: BLEU, and how many are exactly right."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Written

ORDERS = 4
"""Sequences of one to so many tokens are counted."""
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_APART = re.compile(r"([!-&(-+:-@/\[-`{-~ ])")
"""ASCII's signs and the space, but for apostrophe, comma, hyphen and full stop."""
_STOP_AFTER = re.compile(r"([^0-9])([.,])")
_STOP_BEFORE = re.compile(r"([.,])([^0-9])")
_DASH = re.compile(r"([0-9])(-)")


class TranslationMetric:
    """BLEU (Papineni et al. 2002) of all texts together, 0..100: the share of sequences of one to four tokens that
    stand in the right text too, geometric mean, times a penalty where less is written than is right.

    Tokens as mteval-v13a makes them; large and small letters differ; a length without any match counts as half a match,
    the next as a quarter (method 3 of Chen and Cherry 2014). These are the defaults of sacrebleu, whose figures this
    gives. A truth is a text, or several that are all right.
    """

    name: ClassVar[str] = "BLEU"
    unit: ClassVar[str] = "points"
    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        self._samples = self._exact = 0
        self._found, self._right = 0, 0
        self._matches, self._counts = [0] * ORDERS, [0] * ORDERS

    def add(self, result: Written | str, truth: str | Sequence[str]) -> None:
        """One text.

        Raises:
            InputError: the truth is no text.
        """
        text = result if isinstance(result, str) else result.text
        truths = _texts(truth)
        found = tokens_13a(text)
        rights = [tokens_13a(each) for each in truths]
        self._samples += 1
        self._exact += any(text.split() == each.split() for each in truths)
        self._found += len(found)
        self._right += min(map(len, rights), key=lambda length: (abs(length - len(found)), length))
        for order in range(1, ORDERS + 1):
            mine = _sequences(found, order)
            most: Counter[tuple[str, ...]] = Counter()
            for each in rights:
                most |= _sequences(each, order)
            self._matches[order - 1] += (mine & most).total()
            self._counts[order - 1] += mine.total()

    def value(self) -> float:
        """0..100; NaN before the first text."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[11]: texts, tokens found, tokens that are right, matches and counts of one to four tokens."""
        sums = [self._samples, self._found, self._right, *self._matches, *self._counts]
        return np.array(sums, np.float64)

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        samples, found, right = counts[:3].tolist()
        matches, totals = counts[3 : 3 + ORDERS].tolist(), counts[3 + ORDERS :].tolist()
        if not samples:
            return math.nan
        if not matches[0]:  # then no longer sequence is right either
            return 0.0
        precisions = _precisions(matches, totals)
        if not all(precisions):
            return 0.0
        return _brevity(found, right) * math.exp(sum(map(math.log, precisions)) / ORDERS)

    def report(self) -> dict[str, Any]:
        """`samples`, `BLEU`, `exact` (the share of texts that are right word for word), the `brevity` penalty and the
        `precisions`, 0..100, of one to four tokens."""
        some = self._samples > 0
        return {
            "samples": self._samples,
            self.name: self.value() if some else None,
            "exact": self._exact / self._samples if some else None,
            "brevity": _brevity(self._found, self._right) if some else None,
            "precisions": _precisions(self._matches, self._counts),
        }


def _precisions(matches: Sequence[float], counts: Sequence[float]) -> list[float]:
    """0..100; 0 where no text is as long."""
    found, halves = [], 1.0
    for right, count in zip(matches, counts, strict=True):
        if not right:
            halves /= 2
        found.append(100.0 * (right or halves) / count if count else 0.0)
    return found


def _brevity(found: float, right: float) -> float:
    if found >= right:
        return 1.0
    return math.exp(1.0 - right / found) if found else 0.0


def tokens_13a(text: str) -> list[str]:
    """The tokens of a text as NIST's mteval-v13a makes them: signs stand alone; comma and full stop too, but between
    digits; the hyphen behind a digit."""
    plain = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES:
        plain = plain.replace(entity, sign)
    plain = _APART.sub(r" \1 ", f" {plain} ")
    plain = _STOP_BEFORE.sub(r" \1 \2", _STOP_AFTER.sub(r"\1 \2 ", plain))
    return _DASH.sub(r"\1 \2 ", plain).split()


def _sequences(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[at:] for at in range(order)), strict=False))


def _texts(truth: str | Sequence[str]) -> Sequence[str]:
    texts = [truth] if isinstance(truth, str) else truth
    if not isinstance(texts, Sequence) or not texts or not all(isinstance(each, str) for each in texts):
        raise InputError(
            f"text to text: expected the right text as the truth, or several, found {type(truth).__name__}"
        )
    return texts
