"""Grids are found in numbers that were on them, row by row, and in no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.quantize import lattice
from edgemm.quantize.lattice import known_steps, step_of

RANDOM = np.random.default_rng(0)


def on_grid(steps: int, count: int = 40) -> npt.NDArray[np.float32]:
    """Whole multiples of a step; the largest has `steps` of them."""
    whole = RANDOM.integers(-steps, steps + 1, count)
    whole[-1], whole[1] = steps, 1  # 1: the step itself, which no coarser grid holds
    return (whole * np.float32(0.037)).astype(np.float32)


def rows(*each: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any]]:
    stacked = np.stack(each)
    return stacked, np.abs(stacked).max(axis=1).astype(np.float64)


@pytest.mark.parametrize("together", [1, 2, 4096])
def test_each_row_has_the_steps_that_it_was_made_with(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    """However many rows are looked at at once."""
    monkeypatch.setattr(lattice, "TOGETHER", together)
    real = RANDOM.standard_normal(40).astype(np.float32)
    array, width = rows(
        real, on_grid(127), on_grid(90), np.zeros(40, np.float32), on_grid(64), real, on_grid(100)
    )
    assert known_steps(array, width, 127).tolist() == [0, 127, 90, 0, 64, 0, 100]


def test_a_row_that_begins_with_zeros_is_found_by_the_rest() -> None:
    late = on_grid(101)
    late[:30] = 0.0
    array, width = rows(late)
    assert known_steps(array, width, 127).tolist() == [101]


def test_a_row_that_leaves_its_grid_at_the_end_is_on_none() -> None:
    wrong = on_grid(110)
    wrong[-2] += np.float32(0.5 * 0.037)
    array, width = rows(wrong)
    assert known_steps(array, width, 127).tolist() == [0]


def test_there_may_be_no_numbers_and_no_rows() -> None:
    assert known_steps(np.zeros((3, 0), np.float32), np.zeros(3), 127).tolist() == [0, 0, 0]
    assert known_steps(np.zeros((0, 4), np.float32), np.zeros(0), 127).tolist() == []


def test_the_step_of_a_whole_constant() -> None:
    whole = np.array([-100, 120, 1, 7, 0, -33], np.float32)
    assert step_of(whole * np.float32(0.037), 255) == pytest.approx(0.037, rel=1e-6)
    assert step_of(RANDOM.standard_normal(50).astype(np.float32), 255) == 0.0
