"""Fixed-point arithmetic against gemmlowp's definition, in Python's own integers."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from edgemm.quantize.aware.fixed_point import factor_of, half_away, multiplied  # noqa: E402


def reference(number: int, real: float) -> int:
    """SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT."""
    mantissa, exponent = math.frexp(real)
    factor = math.floor(mantissa * 2**31 + 0.5)
    if factor == 2**31:
        factor, exponent = factor // 2, exponent + 1
    product = number * 2 ** max(exponent, 0) * factor
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    high = abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)
    right = max(-exponent, 0)
    mask = 2**right - 1
    threshold = (mask >> 1) + (1 if high < 0 else 0)
    return int(high >> right) + (1 if (high & mask) > threshold else 0)


@pytest.mark.parametrize("real", [0.0123, 0.25, 0.5, 0.7071, 1.0, 1.5, 3.7, 1 - 2.0**-40, 2.0**-12])
def test_products_round_twice(real: float) -> None:
    numbers = [*range(-300, 300), 32767, -32768, 99999, -123457]
    ours = multiplied(torch.tensor(numbers, dtype=torch.float64), torch.tensor(real, dtype=torch.float64))
    assert ours.tolist() == [reference(each, real) for each in numbers]


def test_a_factor_next_to_a_power_of_two_keeps_31_bits() -> None:
    factor, shift = factor_of(torch.tensor(1 - 2.0**-40, dtype=torch.float64))
    assert (int(factor), int(shift)) == (2**30, 1)


def test_halves_go_away_from_zero() -> None:
    numbers = torch.tensor([-1.5, -0.5, -0.4, 0.0, 0.5, 1.5, 2.5, 2.49])
    assert np.array_equal(half_away(numbers).numpy() + 0.0, [-2.0, -1.0, 0.0, 0.0, 1.0, 2.0, 3.0, 2.0])
