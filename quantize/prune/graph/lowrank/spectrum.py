"""How much of a layer's output is lost when it is computed by way of fewer numbers.

Two layers of rank r compute U (U^T W x), with U of r orthonormal columns: the error of the output is smallest where
U spans the r strongest principal components of the output on real data, centred where a bias makes up for the means
(the singular value decomposition of W S^(1/2), with S the covariance of the inputs, gives the same). Where data are few
the directions that they do not show count too, as the weight has them: how much is chosen on other samples. If nothing
but the weight counts, this is the weight's own singular value decomposition; it is taken where the data are better by
no more than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.quantize.prune.graph.moments import Moments

Matrix = npt.NDArray[np.float64]
SHARES = (1.0, 0.3, 3e-2, 1e-3, 1e-7)
"""How much the weight alone counts beside the data; 1: the data do not count."""


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The coordinates in which a layer's output is looked at."""

    axes: Matrix | None
    """[outputs, d], orthonormal, and the layer's outputs are sums of its columns; None: the outputs as they are."""
    gram: Matrix
    """[d, d] of the weight in them."""

    @classmethod
    def of(cls, matrix: Matrix) -> Space:
        """Of a weight [outputs, inputs]."""
        if matrix.shape[0] <= matrix.shape[1]:
            return cls(None, matrix @ matrix.T)
        axes, rest = np.linalg.qr(matrix)
        return cls(axes, rest @ rest.T)

    def rows(self, rows: npt.NDArray[np.generic]) -> Matrix:
        """[n, d] of rows of outputs."""
        exact = np.asarray(rows, np.float64)
        return exact if self.axes is None else exact @ self.axes

    def back(self, basis: Matrix) -> Matrix:
        """[outputs, r] of [d, r]."""
        return basis if self.axes is None else self.axes @ basis


class Spectrum:
    """Errors by rank, and the directions that are kept."""

    def __init__(self, space: Space, fitting: Moments, judging: Moments, *, centered: bool) -> None:
        """Of sums over the rows of a layer's output, in the coordinates of `space`.

        Args:
            judging: over rows of other samples; of none, if there are few.
            centered: a bias makes up for the means.
        """
        self._space, self._centered = space, centered
        self._all = _added(fitting, judging)
        self._known: dict[float, Matrix] = {}
        size = len(space.gram)
        shares = SHARES if judging.count else (size / (size + fitting.count),)
        seen = judging if judging.count else fitting
        table = np.stack([_left_out(self._basis(fitting, each), fitting, seen, centered) for each in shares])
        chance = 1 + 0.5 / np.sqrt(max(seen.count, 1))
        first = (table <= chance * table.min(axis=0)).argmax(axis=0)
        self.errors: Matrix = np.take_along_axis(table, first[None], axis=0)[0]
        """[d + 1] by rank: the part of the output's energy that is lost, 0..1."""
        self._best = [shares[index] for index in first]

    def _basis(self, moments: Moments, share: float) -> Matrix:
        """[d, d]: all directions, the one that matters most first."""
        data = moments.covariance(centered=self._centered)
        weight = self._space.gram
        mixed = (1 - share) * data / _power(data) + share * weight / _power(weight)
        return np.ascontiguousarray(np.linalg.eigh(mixed)[1][:, ::-1])

    def kept(self, rank: int) -> Matrix:
        """U [outputs, rank], orthonormal columns, of all rows."""
        share = self._best[rank]
        if share not in self._known:
            self._known[share] = self._basis(self._all, share)
        return self._space.back(self._known[share][:, :rank])

    def least(self, ranks: Sequence[int], energy: float) -> int | None:
        """The smallest rank that keeps this part of the energy; None where none does."""
        return next((each for each in ranks if self.errors[each] <= 1 - energy), None)


def _added(one: Moments, other: Moments) -> Moments:
    return Moments(one.products + other.products, one.sums + other.sums, one.count + other.count)


def _power(matrix: Matrix) -> float:
    return max(float(np.trace(matrix)), 1e-300)


def _left_out(basis: Matrix, fitting: Moments, seen: Moments, centered: bool) -> Matrix:
    """[d + 1]: the part of the energy that is lost when only the first directions are kept."""
    second = seen.products / max(seen.count, 1)
    means = seen.sums / max(seen.count, 1)
    fitted = fitting.sums / max(fitting.count, 1) if centered else np.zeros_like(means)
    around = second - np.outer(means, fitted) - np.outer(fitted, means) + np.outer(fitted, fitted)
    power = _power(seen.covariance(centered=centered))
    gained = np.einsum("ij,ij->j", basis, around @ basis)
    lost = np.concatenate([[gained.sum()], gained.sum() - np.cumsum(gained)])
    lost[-1] = 0.0
    return np.asarray(np.clip(lost / power, 0.0, None))
