"""The scores of a step as logarithms of probabilities, in memory that is made once."""

from __future__ import annotations

from math import inf, isfinite, log

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError


class LogSoftmax:
    """For scores of one size."""

    def __init__(self) -> None:
        self._row, self._room = np.empty(0, np.float32), np.empty(0, np.float32)

    def __call__(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Args:
            logits: float32[words].

        Returns:
            float32[words], natural logarithms: an array of this object, which the next call overwrites.

        Raises:
            InputError: the scores are NaN or infinite, as of a model that its runtime computes wrongly.
        """
        if self._row.shape != logits.shape:
            self._row, self._room = np.empty(logits.shape, np.float32), np.empty(logits.shape, np.float32)
        highest = float(logits.max())
        if not isfinite(highest):  # of NaN, the maximum is NaN
            raise InputError(f"scores of the next token: expected finite numbers, found {highest}")
        row, room = self._row, self._room
        np.subtract(logits, np.float32(highest), out=row)
        np.exp(row, out=room)
        row -= np.float32(log(float(room.sum())))
        return row

    def best(self, row: npt.NDArray[np.float32], count: int) -> list[int]:
        """The places of the `count` highest, best first; of equal ones the lower place is first. -inf is never among
        them.

        Args:
            row: what was given, perhaps changed since.
        """
        size = len(row)
        if count < size:
            self._room[...] = row
            self._room.partition(size - count)
            least = self._room[size - count]
            found = np.flatnonzero(row >= least)
        else:
            found = np.arange(size)
        order = found[np.argsort(-row[found], kind="stable")][:count]
        return [int(each) for each in order if row[each] > -inf]
