"""Words written down: how many are wrong, and how many letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Transcript

_LEFT_OUT = re.compile(r"[^\w\s']|_")
_LOOSE_APOSTROPHE = re.compile(r"(?<!\w)'|'(?!\w)")


class TranscriptionMetric:
    """The word error rate: words to be put in, taken out and exchanged until the text is right (Levenshtein), as a
    share of the words that were said, over all recordings; the report has the rate of letters too.

    A truth is a text; "" where nothing is said. Both sides are normalised: see `normalised`.
    """

    name: ClassVar[str] = "word error"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = False

    def __init__(self) -> None:
        self._samples = self._exact = 0
        self._words = self._wrong_words = self._letters = self._wrong_letters = 0

    def add(self, result: Transcript | str, truth: str) -> None:
        """One recording.

        Raises:
            InputError: the truth is no text.
        """
        if not isinstance(truth, str):
            raise InputError(
                'transcription: expected what is said as the truth, or "", found '
                f"{type(truth).__name__}. Give recordings with their texts"
            )
        found = normalised(result if isinstance(result, str) else result.text)
        right = normalised(truth)
        self._samples += 1
        self._exact += found == right
        self._words += len(right.split())
        self._wrong_words += edits(found.split(), right.split())
        self._letters += len(right)
        self._wrong_letters += edits(found, right)

    def value(self) -> float:
        """Share of the words, 0 or more: words that nobody said count too. NaN where no word was said."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[2]: wrong words, words."""
        return np.array([self._wrong_words, self._words], np.float64)

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        return float(counts[0] / counts[1]) if counts[1] else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `word error`, `letter error` (spaces between words count as letters), `words`, `wrong words`, and
        `exact`, the share of recordings without a mistake."""
        return {
            "samples": self._samples,
            self.name: self.value() if self._words else None,
            "letter error": self._wrong_letters / self._letters if self._letters else None,
            "words": self._words,
            "wrong words": self._wrong_words,
            "exact": self._exact / self._samples if self._samples else None,
        }


def normalised(text: str) -> str:
    """Small letters in Unicode's form NFKC, one space between words, and no punctuation but apostrophes within words.
    Numbers are not written out: "2" and "two" differ."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(_LOOSE_APOSTROPHE.sub(" ", _LEFT_OUT.sub(" ", plain)).split())


def edits(found: Sequence[str], right: Sequence[str]) -> int:
    """Levenshtein's distance: least number of parts to put in, take out and exchange that makes one of the other."""
    known = {each: at for at, each in enumerate(dict.fromkeys(right))}
    wanted = np.array([known[each] for each in right], np.int64)
    places = np.arange(len(right) + 1)
    row: npt.NDArray[np.int64] = places.copy()
    for each in found:
        least = np.minimum(row + 1, len(right) + len(found))
        least[1:] = np.minimum(least[1:], row[:-1] + (wanted != known.get(each, -1)))
        row = np.minimum.accumulate(least - places) + places  # parts put in, from the left
    return int(row[-1])
