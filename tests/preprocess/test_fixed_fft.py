"""The FFT in 16 bits: close to the true one at every size; `test_front_ends` holds one size to its bits."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.preprocess.fixed_fft import FixedFFT

pytestmark = pytest.mark.device
TOLERANCE = 4.0
"""Units of the last bit: each of up to five stages rounds twice, by at most half, and divides what went before."""


@pytest.mark.parametrize("level", [300, 12000, 23000])
@pytest.mark.parametrize("size", [64, 128, 256, 512, 1024])
def test_the_spectrum_divided_by_its_size(size: int, level: int) -> None:
    samples = np.rint(np.random.default_rng(size).uniform(-level, level, size))
    found = FixedFFT(size)(samples, float(np.abs(samples).max()))[1:-1]
    error = found - np.fft.rfft(samples)[1:-1] / size
    assert np.abs(error.real).max() <= TOLERANCE
    assert np.abs(error.imag).max() <= TOLERANCE


def test_all_numbers_are_whole() -> None:
    samples = np.rint(np.random.default_rng(0).uniform(-32768, 32767, 256))
    numbers = FixedFFT(256)(samples, 32768.0).view(np.float64)
    assert np.array_equal(numbers, np.rint(numbers))


def test_what_passes_sixteen_bits_wraps_round() -> None:
    samples = np.tile([32767.0, 32767.0, -32768.0, -32768.0], 16)
    assert np.abs(FixedFFT(64)(samples, 32768.0).view(np.float64)).max() <= 32768.0
