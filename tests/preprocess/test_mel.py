"""Filter banks against values of librosa 0.11 (`librosa.filters.mel`, `librosa.mel_frequencies`)."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.preprocess.mel import hertz_to_mel, mel_bank, mel_to_hertz

pytestmark = pytest.mark.device

HTK = [
    [0, 0.8934592, 0.16569184, 0, 0, 0, 0, 0, 0],
    [0, 0.10654078, 0.83430815, 0.6508237, 0.19871527, 0, 0, 0, 0],
    [0, 0, 0, 0.3491763, 0.80128473, 0.8425854, 0.5617236, 0.2808618, 0],
]
"""librosa.filters.mel(sr=8000, n_fft=16, n_mels=3, fmin=0, fmax=4000, htk=True, norm=None)"""
SLANEY = [
    [0, 0.00142878, 0.00053487, 0, 0, 0, 0, 0, 0],
    [0, 0, 0.00085101, 0.00086471, 0.00023411, 0, 0, 0, 0],
    [0, 0, 0, 0.00021985, 0.00057935, 0.00058931, 0.00039287, 0.00019644, 0],
]
"""The same with htk=False, norm="slaney"."""


@pytest.mark.parametrize(("scale", "expected"), [("htk", HTK), ("slaney", SLANEY)])
def test_banks_are_those_of_librosa(scale: str, expected: list[list[float]]) -> None:
    bank = mel_bank(8000, 16, 3, 0.0, 4000.0, scale)
    assert bank.dtype == np.float32
    # As many digits as librosa prints in float32.
    np.testing.assert_allclose(bank, expected, atol=1e-8 if scale == "slaney" else 1e-7)


@pytest.mark.parametrize(
    ("scale", "mel_of_4khz"), [("htk", 2146.06452750619), ("slaney", 35.163760314616646)]
)
def test_scales_are_those_of_librosa(scale: str, mel_of_4khz: float) -> None:
    assert float(hertz_to_mel(4000.0, scale)) == pytest.approx(mel_of_4khz, rel=1e-12)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_there_and_back(scale: str) -> None:
    hertz = np.array([0.0, 20.0, 999.0, 1000.0, 1001.0, 8000.0])
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(hertz, scale), scale), hertz, atol=1e-9)


def test_neighbouring_htk_triangles_sum_to_one_between_their_peaks() -> None:
    bank = mel_bank(16000, 2048, 20, 100.0, 7000.0, "htk")
    peaks = bank.argmax(axis=1)
    between = bank[:, peaks[0] + 1 : peaks[-1]].sum(axis=0)
    np.testing.assert_allclose(between, 1.0, atol=1e-6)  # float32 weights


def test_slaney_triangles_have_unit_area() -> None:
    bank = mel_bank(16000, 1 << 15, 20, 100.0, 7000.0, "slaney")
    areas = bank.sum(axis=1) * (16000 / (1 << 15))
    np.testing.assert_allclose(areas, 1.0, atol=1e-4)  # a sum over bins of 0.5 Hz for an integral
