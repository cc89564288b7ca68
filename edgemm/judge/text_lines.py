"""Text in pictures: how many characters are wrong, and how many lines are right."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.transcription import edits
from edgemm.results import TextLines


class TextLinesMetric:
    """The character error rate: characters to be put in, taken out and exchanged until the text is right (Levenshtein),
    as a share of those that stand there, over all pictures. Spaces and line breaks do not count: networks that read
    lines are often wrong about spaces.

    A truth is a text, line by line as it is read; "" for a picture without text.
    """

    name: ClassVar[str] = "character error"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = False

    def __init__(self) -> None:
        self._samples = self._characters = self._wrong = self._lines = self._exact = 0

    def add(self, result: TextLines | str, truth: str) -> None:
        """One picture.

        Raises:
            InputError: the truth is no text.
        """
        if not isinstance(truth, str):
            raise InputError(
                f'ocr: expected what stands in the picture as the truth, or "", found {type(truth).__name__}. Give '
                "pictures with a text (.txt) beside each"
            )
        found, right = _rows(result if isinstance(result, str) else result.text), _rows(truth)
        self._samples += 1
        self._characters += sum(map(len, right))
        self._wrong += edits("".join(found), "".join(right))
        self._lines += len(right)
        self._exact += sum((Counter(found) & Counter(right)).values())

    def value(self) -> float:
        """Share of the characters, 0 or more: those that stand nowhere count too. NaN where there were none."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[2]: wrong characters, characters."""
        return np.array([self._wrong, self._characters], np.float64)

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        return float(counts[0] / counts[1]) if counts[1] else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `character error`, `characters`, `wrong characters`, `lines`, and `exact`, the share of the lines
        that were read without a mistake."""
        return {
            "samples": self._samples,
            self.name: self.value() if self._characters else None,
            "characters": self._characters,
            "wrong characters": self._wrong,
            "lines": self._lines,
            "exact": self._exact / self._lines if self._lines else None,
        }


def _rows(text: str) -> list[str]:
    """The lines in Unicode's form NFKC, without spaces; empty ones left out."""
    rows = ("".join(row.split()) for row in unicodedata.normalize("NFKC", text).splitlines())
    return [row for row in rows if row]
