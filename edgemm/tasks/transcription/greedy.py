"""The best label of each step: the fastest search."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from edgemm.tasks.transcription.spelling import Spelling


class Greedy:
    """Best labels in a row, equal ones joined, blanks left out: the text of the one most probable alignment."""

    def __init__(self, blank: int, spelling: Spelling) -> None:
        self._blank, self._before, self._spelling = blank, blank, spelling
        self._labels: list[int] = []

    def push(self, row: npt.NDArray[Any]) -> None:
        """Takes float32[labels] of the next step."""
        best = int(row.argmax())
        if best not in (self._blank, self._before):
            last = self._labels[-1] if self._labels else -1
            if self._spelling.may_follow(best, last):
                self._labels.append(best)
        self._before = best

    def best(self, *, final: bool = False) -> tuple[int, ...]:
        """The labels so far."""
        return tuple(self._labels)
