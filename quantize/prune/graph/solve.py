"""The least-squares fit of one layer, with a ridge that other samples choose, and with the limits of what follows.

A value beyond the limit of the Relu behind it need not be met, only stay beyond: such rows are fitted to the nearest
value that is as good, again and again (Zhang et al., "Accelerating very deep convolutional networks", 2016, fit the
same loss). The problem is convex, and each round has the solution of a linear system that is factored once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgemm.quantize.prune.graph.moments import Matrix

RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e9)
"""How strongly the weights are drawn to what they were, in the mean power of a feature; the last leaves them, and
corrects the bias alone."""
NO_LIMITS = (-np.inf, np.inf)
ROUNDS = 8
Array = npt.NDArray[np.float32]


@dataclass(slots=True)
class Rows:
    """What a layer reads, what is to come of it, and what is added to its output first."""

    features: list[Array] = field(default_factory=list)
    results: list[Array] = field(default_factory=list)
    others: list[Array] = field(default_factory=list)

    def add(self, features: Array, results: Array, other: Array | None) -> None:
        """Of one sample."""
        self.features.append(features)
        self.results.append(results)
        if other is not None:
            self.others.append(other)

    def joined(self) -> tuple[Array, Array, Array | float]:
        """Of all samples."""
        other = np.concatenate(self.others) if self.others else 0.0
        return np.concatenate(self.features), np.concatenate(self.results), other


def solve(
    fitting: Rows, judging: Rows, prior: Matrix, limits: tuple[float, float], *, centered: bool
) -> tuple[Matrix, Matrix]:
    """Matrix [results, features] and bias [results].

    Args:
        judging: rows of other samples, which choose the ridge; without any it is a middle one.
        prior: where the matrix is drawn to.
        limits: of what follows.
        centered: False: there is no bias.
    """
    system = System(fitting, prior, centered=centered)
    if not judging.features:
        return system.fit(RIDGES[3], limits)
    held = judging.joined()
    best = min(RIDGES, key=lambda ridge: _error(*held, *system.fit(ridge, NO_LIMITS), limits))
    both = Rows(
        fitting.features + judging.features,
        fitting.results + judging.results,
        fitting.others + judging.others,
    )
    return System(both, prior, centered=centered).fit(best, limits)


class System:
    """The normal equations of some rows, for any ridge."""

    def __init__(self, rows: Rows, prior: Matrix, *, centered: bool) -> None:
        x, self._y, self._other = rows.joined()
        self._centered, self._start = centered, prior.astype(np.float32)
        self._mean = x.mean(axis=0) if centered else np.zeros(x.shape[1], np.float32)
        self._x = x - self._mean
        self._dual = len(x) < x.shape[1]
        """Fewer rows than features: the system of the rows is the smaller one."""
        side = self._x.T if self._dual else self._x
        gram = (side.T @ side) / np.float32(len(x))
        self._power = max(float(np.trace(gram)) / x.shape[1], 1e-30)
        values, self._vectors = np.linalg.eigh(np.asarray(gram, np.float64))
        self._values = np.maximum(values, 0.0)
        self._now = self._x @ self._start.T

    def fit(self, ridge: float, limits: tuple[float, float]) -> tuple[Matrix, Matrix]:
        """Matrix and bias."""
        limited = bool(np.isfinite(limits).any())
        aim = self._y - self._other
        matrix, bias = self._linear(aim, ridge)
        for _ in range(ROUNDS if limited else 0):
            now = self._x @ matrix.T.astype(np.float32) + bias.astype(np.float32) + self._other
            matrix, bias = self._linear(as_good(now.astype(np.float32), self._y, limits) - self._other, ridge)
        return matrix, bias - matrix @ self._mean

    def _linear(self, aim: Array, ridge: float) -> tuple[Matrix, Matrix]:
        shift = aim.mean(axis=0) if self._centered else np.zeros(aim.shape[1], np.float32)
        missing = (aim - shift - self._now) / np.float32(len(aim))
        inverse = self._vectors / (self._values + ridge * self._power)
        if self._dual:
            step = self._x.T.astype(np.float64) @ (inverse @ (self._vectors.T @ missing))
        else:
            step = inverse @ (self._vectors.T @ (self._x.T @ missing).astype(np.float64))
        return self._start.astype(np.float64) + step.T, shift.astype(np.float64)


def as_good(now: Array, wanted: Array, limits: tuple[float, float]) -> Array:
    """The value nearest to `now` of which the limits make the same as of `wanted`."""
    low, high = limits
    made = np.where(wanted <= low, np.minimum(now, low), wanted)
    return np.asarray(np.where(wanted >= high, np.maximum(now, high), made), np.float32)


def _error(
    x: Array, y: Array, other: Array | float, matrix: Matrix, bias: Matrix, limits: tuple[float, float]
) -> float:
    now = x @ matrix.T.astype(np.float32) + bias.astype(np.float32) + other
    return float(np.mean((np.clip(now, *limits) - np.clip(y, *limits)) ** 2))
