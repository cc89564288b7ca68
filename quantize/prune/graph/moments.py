"""Sums of products over calibration data, from which a least-squares fit and its error follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


@dataclass(slots=True)
class Moments:
    """Second moments of features x and of what they are to explain, y; nothing else of the data is kept."""

    xx: Matrix
    xy: Matrix
    yy: float
    """Of all y, added up."""
    x: Matrix
    y: Matrix
    count: int

    @classmethod
    def of(cls, features: int, results: int) -> Moments:
        """Of no data."""
        return cls(
            np.zeros((features, features)), np.zeros((features, results)), 0.0, np.zeros(features), np.zeros(results), 0
        )  # fmt: skip

    def add(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> None:
        """Rows of features and of results."""
        self.xx += x.T @ x
        self.xy += x.T @ y
        self.yy += float(np.einsum("ij,ij->", y, y, dtype=np.float64))
        self.x += x.sum(axis=0, dtype=np.float64)
        self.y += y.sum(axis=0, dtype=np.float64)
        self.count += len(x)

    def plus(self, other: Moments) -> Moments:
        """Of the data of both."""
        return Moments(
            self.xx + other.xx, self.xy + other.xy, self.yy + other.yy, self.x + other.x, self.y + other.y,
            self.count + other.count,
        )  # fmt: skip

    def covariance(self, *, centered: bool) -> Matrix:
        """Of the features, for one row; around their means, or around zero."""
        count = max(self.count, 1)
        found = self.xx / count
        return found - np.outer(self.x, self.x) / count**2 if centered else found

    def cross(self, *, centered: bool) -> Matrix:
        """Of features with results, [features, results]."""
        count = max(self.count, 1)
        found = self.xy / count
        return found - np.outer(self.x, self.y) / count**2 if centered else found

    def error(self, matrix: Matrix, bias: Matrix) -> float:
        """Mean square of y - (matrix x + bias), added up over the results.

        Args:
            matrix: [results, features].
            bias: [results].
        """
        count = max(self.count, 1)
        fit = np.einsum("ij,jk,ik->", matrix, self.xx, matrix, optimize=True) - 2 * np.sum(matrix.T * self.xy)
        shift = count * bias @ bias - 2 * bias @ self.y + 2 * bias @ (matrix @ self.x)
        return float((self.yy + fit + shift) / count)


def fit(moments: Moments, prior: Matrix, ridge: float, *, centered: bool) -> tuple[Matrix, Matrix]:
    """The matrix and bias that explain y best, drawn towards a prior.

    Args:
        prior: [results, features], kept where the data say nothing.
        ridge: how strongly, as a fraction of the mean power of a feature.
        centered: False: there is no bias.
    """
    xx, xy = moments.covariance(centered=centered), moments.cross(centered=centered)
    weight = ridge * max(float(np.trace(xx)) / len(xx), 1e-30)
    missing = xy - xx @ prior.T
    matrix = prior + np.linalg.solve(xx + weight * np.eye(len(xx)), missing).T
    count = max(moments.count, 1)
    bias = (moments.y - matrix @ moments.x) / count if centered else np.zeros(len(prior))
    return matrix, bias
