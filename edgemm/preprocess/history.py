"""The newest columns of a feature, kept in order in one piece of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class History:
    """Appends at the end, and moves the newest `length` columns to the front when the memory is full.

    So a window is one slice, and each column is moved at most once.
    """

    def __init__(self, length: int, column: tuple[int, ...], dtype: str) -> None:
        self._length = length
        self._columns = np.zeros((2 * length, *column), dtype)
        self._end = 0

    def slot(self, count: int) -> npt.NDArray[Any]:
        """[count, ...]: room for the next columns, at most `length` of them, for the caller to fill."""
        if self._end + count > len(self._columns):
            self._columns[: self._length] = self._columns[self._end - self._length : self._end]
            self._end = self._length
        self._end += count
        return self._columns[self._end - count : self._end]

    def newest(self) -> npt.NDArray[Any]:
        """[length, ...], oldest first."""
        return self._columns[self._end - self._length : self._end]

    def clear(self) -> None:
        """Forgets all columns."""
        self._end = 0
