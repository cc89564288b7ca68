"""The Frechet distance of normal distributions that are known."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.quantize.training.frechet import frechet_distance


def exact(covariance: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Rows whose sample mean and covariance are these."""
    rows = np.random.default_rng(0).standard_normal((200, len(mean)))
    rows -= rows.mean(0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    return np.asarray(rows @ np.linalg.cholesky(covariance).T + mean)


def test_independent_features_add_up() -> None:
    """In one dimension it is (m1 - m2)^2 + (s1 - s2)^2."""
    ours = exact(np.diag([4.0, 9.0]), np.array([1.0, 0.0]))
    real = exact(np.diag([1.0, 1.0]), np.array([0.0, 2.0]))
    assert frechet_distance(ours, real) == pytest.approx(1 + 4 + (2 - 1) ** 2 + (3 - 1) ** 2)


def test_turning_both_changes_nothing_and_turning_one_does() -> None:
    long, wide = np.diag([16.0, 1.0]), np.diag([1.0, 16.0])
    origin, (sine, cosine) = np.zeros(2), (np.sin(0.5), np.cos(0.5))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    assert frechet_distance(exact(long, origin), exact(wide, origin)) == pytest.approx(2 * (4 - 1) ** 2)
    assert frechet_distance(exact(long, origin) @ turn, exact(wide, origin) @ turn) == pytest.approx(18)


def test_the_same_features_are_no_distance_apart() -> None:
    rows = np.random.default_rng(1).standard_normal((50, 3))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_is_that_of_the_paper() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    draw = np.random.default_rng(0)
    one = draw.standard_normal((300, 5)) @ draw.standard_normal((5, 5)) + 1
    other = draw.standard_normal((200, 5)) * 2
    a, b = np.cov(one.T), np.cov(other.T)
    apart = one.mean(0) - other.mean(0)
    wanted = apart @ apart + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert frechet_distance(one, other) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
