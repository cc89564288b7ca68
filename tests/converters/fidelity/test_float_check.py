"""How far a float file may be from its source."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgemm.converters.fidelity import float_tolerance, worst_error

TRUTH = np.array([[0.0, 1.0, 4.0], [-6.0, 2.0, 1.0]], np.float32)


def test_the_worst_error_and_the_range() -> None:
    found = TRUTH.copy()
    found[1, 1] = 2.5
    assert worst_error(TRUTH, found) == (0.5, 10.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_same_infinity_is_equal_and_any_other_infinitely_wrong(value: float) -> None:
    source, other = TRUTH.copy(), TRUTH.copy()
    source[0, 0] = value
    assert worst_error(source, source.copy()) == (0.0, 10.0)
    assert worst_error(source, other)[0] == worst_error(other, source)[0] == math.inf


def test_infinities_of_unlike_sign_are_infinitely_wrong() -> None:
    assert worst_error(np.array([math.inf]), np.array([-math.inf])) == (math.inf, 1.0)


def test_a_source_that_is_sure_of_itself_allows_a_ten_thousandth_of_its_range() -> None:
    assert float_tolerance(TRUTH, TRUTH) == pytest.approx(1e-3)


def test_a_source_that_differs_from_itself_allows_more() -> None:
    """A recogniser's logits, range 61, move by 3e-4 x 61 with the runtime's optimizations."""
    moved = TRUTH + np.float32(3e-3)
    assert float_tolerance(moved, TRUTH) == pytest.approx(1.2e-2, rel=1e-3)


def test_never_so_much_that_a_fault_would_pass() -> None:
    assert float_tolerance(TRUTH + 5, TRUTH) == pytest.approx(0.1)  # a hundredth of the range


def test_infinities_that_the_runtime_is_not_sure_of_leave_a_finite_tolerance() -> None:
    unsure = TRUTH.copy()
    unsure[0, 0] = math.inf
    assert 0 < float_tolerance(unsure, TRUTH) < 0.1
    assert float_tolerance(np.array([math.inf]), np.array([math.nan])) < 1e-3
