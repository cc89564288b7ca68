"""Sums over calibration data from which covariances follow; nothing else of the data is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
AT_ONCE = 256
"""Rows that are multiplied at once: one by one, wide rows would take a matrix of their own each."""


@dataclass(slots=True)
class Moments:
    """First and second moments of rows of features."""

    _products: Matrix
    sums: Matrix
    """[features]."""
    count: int
    _waiting: list[npt.NDArray[np.float32]] = field(default_factory=list)
    """Rows that are not in the products yet."""

    @classmethod
    def of(cls, features: int) -> Moments:
        """Of no data."""
        return cls(np.zeros((features, features)), np.zeros(features), 0)

    def add(self, rows: npt.NDArray[np.float32]) -> None:
        """[rows, features]."""
        self._waiting.append(rows)
        self.sums += rows.sum(axis=0, dtype=np.float64)
        self.count += len(rows)
        if sum(map(len, self._waiting)) >= AT_ONCE:
            self._multiply()

    @property
    def products(self) -> Matrix:
        """[features, features], added up over the rows."""
        if self._waiting:
            self._multiply()
        return self._products

    def _multiply(self) -> None:
        one = len(self._waiting) == 1  # no copy of what is most often all
        rows: npt.NDArray[np.float32] = self._waiting[0] if one else np.concatenate(self._waiting, axis=0)
        self._products += rows.T @ rows
        self._waiting = []

    def covariance(self, *, centered: bool) -> Matrix:
        """Of one row; around the means, or around zero."""
        count = max(self.count, 1)
        found = self.products / count
        return found - np.outer(self.sums, self.sums) / count**2 if centered else found
