"""The waveform of a spectrum, against sums written out and against SciPy's transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

from edgemm.tasks.voice.harmonics import LOUDEST, Harmonics

RATE, N_FFT, HOP, HIGHEST = 24_000, 1200, 300, 11_000.0
QUIET = -60.0


@pytest.fixture
def harmonics() -> Harmonics:
    return Harmonics(RATE, N_FFT, HOP, highest_hz=HIGHEST, voiced_hz=40)


def snr_db(wanted: npt.NDArray[np.float32], found: npt.NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.sum(np.square(wanted)) / np.sum(np.square(wanted - found))))


def spectrum(frames: int, seed: int = 0) -> list[npt.NDArray[np.float32]]:
    """The five parts, all of them silent, and a pitch."""
    bins = N_FFT // 2 + 1
    silent = np.full((bins, frames), QUIET, np.float32)
    zero = np.zeros((bins, frames), np.float32)
    return [silent, zero, silent, silent, zero, np.full(frames, 200, np.float32)]


def test_pulses_are_the_sum_of_all_harmonics(harmonics: Harmonics) -> None:
    """The pitch rises, and each harmonic is added up as a cosine; float32 against float64: 60 dB."""
    pitch = np.linspace(150, 153, 20).astype(np.float32)
    at = (np.arange(20 * HOP) + 0.5) / HOP - 0.5
    hertz = np.interp(at, np.arange(20), pitch.astype(np.float64))
    angle = 2 * np.pi * np.cumsum(hertz) / RATE
    count = np.floor(HIGHEST / hertz)
    wanted = sum(np.cos(number * angle) * (number <= count) for number in range(1, 80))
    assert snr_db(np.asarray(wanted), harmonics.pulses(pitch)) > 60


def test_there_are_no_pulses_without_voice(harmonics: Harmonics) -> None:
    pitch = np.array([0, 0, 0, 200, 200, 200], np.float32)
    found = harmonics.pulses(pitch)
    assert not found[: 2 * HOP].any()
    assert found[4 * HOP :].any()
    assert np.isfinite(found).all()


def test_a_cosine_has_its_amplitude(harmonics: Harmonics) -> None:
    """At the place of its frequency, bin 50 of 20 Hz each."""
    samples = np.cos(2 * np.pi * 1000 * np.arange(20 * HOP) / RATE).astype(np.float32)
    found = np.abs(harmonics.analyse(samples, 20))
    assert found[50, 5:15] == pytest.approx(1, abs=1e-4)
    assert found[60, 5:15] == pytest.approx(0, abs=1e-4)


def test_sound_is_the_inverse_transform(harmonics: Harmonics) -> None:
    """Against SciPy's, of a spectrum that belongs to no sound; the same up to float32, 100 dB."""
    random = np.random.default_rng(3)
    frames = 40
    values = random.standard_normal((N_FFT // 2 + 1, frames)) + 1j * random.standard_normal(
        (N_FFT // 2 + 1, frames)
    )
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    transform = package("scipy.signal").ShortTimeFFT(window, HOP, RATE, phase_shift=None)
    found = harmonics.compose(values.astype(np.complex64))
    assert len(found) == frames * HOP
    middle = slice(4 * HOP, -4 * HOP)
    first = -transform.p_min  # SciPy's first frame lies before the sound
    padded = np.pad(values, ((0, 0), (first, 4)))
    wanted = transform.istft(padded)[: frames * HOP]
    assert snr_db(wanted[middle].astype(np.float32), found[middle]) > 100


def test_each_part_is_heard(harmonics: Harmonics) -> None:
    """Harmonics alone have the pitch; noise alone has its level; the rest alone is a tone where it is loud."""
    voiced = spectrum(40)
    voiced[0] = np.zeros_like(voiced[0])
    middle = harmonics(voiced, np.random.default_rng(0))[8 * HOP : 32 * HOP]
    assert snr_db(harmonics.pulses(voiced[5])[8 * HOP : 32 * HOP] / (N_FFT / 4), middle) > 40
    assert len(middle) == 24 * HOP
    noisy = spectrum(40)
    noisy[2] = np.zeros_like(noisy[2])
    assert np.std(harmonics(noisy, np.random.default_rng(0))[8 * HOP : 32 * HOP]) > 0.01
    toned = spectrum(40)
    toned[3] = toned[3].copy()
    toned[3][48] = 3  # whole turns from frame to frame
    loud = np.abs(np.fft.rfft(harmonics(toned, np.random.default_rng(0))))
    assert loud.argmax() == 960 * 40 * HOP // RATE


def test_phases_turn_the_sound_round(harmonics: Harmonics) -> None:
    """Half a turn is the opposite: tanh of a large number is 1, and 1 is half a turn."""
    plain, turned = spectrum(30), spectrum(30)
    plain[0] = turned[0] = np.zeros_like(plain[0])
    turned[1] = np.full_like(plain[1], 20)
    sound = [harmonics(each, np.random.default_rng(0)) for each in (plain, turned)]
    assert snr_db(sound[0], -sound[1]) > 60


def test_noise_is_drawn_from_the_generator(harmonics: Harmonics) -> None:
    noisy = spectrum(10)
    noisy[2] = np.zeros_like(noisy[2])
    first, again, other = (harmonics(noisy, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_absurd_amplitudes_stay_finite(harmonics: Harmonics) -> None:
    loud = spectrum(10)
    loud[0] = loud[2] = loud[3] = np.full_like(loud[0], 1e6)
    found = harmonics(loud, np.random.default_rng(0))
    assert np.isfinite(found).all()
    limit = spectrum(10)
    limit[0] = limit[2] = limit[3] = np.full_like(limit[0], LOUDEST)
    assert np.array_equal(found, harmonics(limit, np.random.default_rng(0)))
