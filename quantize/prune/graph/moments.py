"""Sums over calibration data from which covariances follow; nothing else of the data is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


@dataclass(slots=True)
class Moments:
    """First and second moments of rows of features."""

    products: Matrix
    """[features, features], added up over the rows."""
    sums: Matrix
    """[features]."""
    count: int

    @classmethod
    def of(cls, features: int) -> Moments:
        """Of no data."""
        return cls(np.zeros((features, features)), np.zeros(features), 0)

    def add(self, rows: npt.NDArray[np.float32]) -> None:
        """[rows, features]."""
        self.products += rows.T @ rows
        self.sums += rows.sum(axis=0, dtype=np.float64)
        self.count += len(rows)

    def covariance(self, *, centered: bool) -> Matrix:
        """Of one row; around the means, or around zero."""
        count = max(self.count, 1)
        found = self.products / count
        return found - np.outer(self.sums, self.sums) / count**2 if centered else found
