"""Intervals against published figures, and against what statistics says of the normal distribution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.errors import InputError
from edgemm.judge.interval import bootstrap, wilson


@pytest.mark.parametrize(
    ("right", "samples", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_newcombe_published_it(right: int, samples: int, low: float, high: float) -> None:
    """Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3: four digits."""
    assert wilson(right, samples) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_all_right_mirrors_that_of_none() -> None:
    low, high = wilson(0, 20)
    assert low == 0.0
    assert wilson(20, 20) == pytest.approx((1 - high, 1.0))
    assert wilson(20, 20)[1] == 1.0


@pytest.mark.parametrize(("right", "samples"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_of_nothing_is_refused(right: int, samples: int) -> None:
    with pytest.raises(InputError, match="right ones"):
        wilson(right, samples)


def mean_of(values: npt.NDArray[np.float64]) -> object:
    return lambda drawn: float(drawn @ values / drawn.sum())


def test_bootstrap_of_a_mean_is_as_wide_as_the_normal_distribution_says() -> None:
    """Within a tenth: a thousand draws know the ends of 95 % to about 5 %."""
    values = np.random.default_rng(5).normal(3.0, 2.0, 400)
    found = bootstrap(400, mean_of(values), seed=0)  # type: ignore[arg-type]
    half = 1.96 * values.std() / 20
    assert found == pytest.approx((values.mean() - half, values.mean() + half), abs=half / 10)


def test_bootstrap_draws_as_many_as_there_are_with_replacement() -> None:
    drawn: list[npt.NDArray[np.int64]] = []
    bootstrap(7, lambda each: drawn.append(each) or 0.0, seed=1)  # type: ignore[func-returns-value]
    assert len(drawn) == 1000
    assert all(each.sum() == 7 for each in drawn)
    shares = np.mean(drawn, axis=0)
    assert shares == pytest.approx(np.ones(7), abs=0.12)  # four standard errors
    assert max(int(each.max()) for each in drawn) >= 3


def test_bootstrap_is_the_same_for_the_same_seed_alone() -> None:
    value = mean_of(np.arange(30.0))
    one, again, other = (bootstrap(30, value, seed) for seed in (4, 4, 5))  # type: ignore[arg-type]
    assert one == again
    assert one != other


def test_bootstrap_of_one_sample_or_of_nothing_is_not_known() -> None:
    assert bootstrap(1, lambda each: 1.0, seed=0) is None
    assert bootstrap(5, lambda each: float("nan"), seed=0) is None


def test_bootstrap_leaves_out_draws_that_show_nothing() -> None:
    """A draw without sample 0 (36 % of them) has no figure; the others are all 2."""
    assert bootstrap(50, lambda drawn: 2.0 if drawn[0] else float("nan"), seed=0) == (2.0, 2.0)
