"""Sound with noise, in a room, too fast or too slow, too soft. `level` counts from 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

SNR_DB = (30.0, 20.0, 10.0, 5.0, 0.0)
"""Of white noise, below the mean power of the recording."""
ROOM_S = (0.15, 0.3, 0.5, 0.8, 1.2)
"""Seconds until the room's answer is 60 dB softer."""
DRY_DB = (12.0, 8.0, 4.0, 0.0, -4.0)
"""The direct sound above the room's answer."""
SPEED = (1.05, 1.1, 1.2, 1.3, 1.5)
"""Half of the recordings are so much faster, and higher; the others as much slower."""
GAIN_DB = (-10.0, -20.0, -30.0, -40.0, -50.0)
"""Then rounded to 16 bits, as a recorder would."""
_SILENCE = 1e-12
"""Power of a recording in which nothing is heard."""


def noise(samples: Samples, level: int, rng: np.random.Generator, sample_rate: float = 0) -> Samples:
    """White noise; silence stays silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    if power < _SILENCE:
        return samples
    loud = np.sqrt(power * 10 ** (-SNR_DB[level] / 10))
    return _within(samples + loud * rng.standard_normal(len(samples), np.float32))


def reverberation(
    samples: Samples, level: int, rng: np.random.Generator, sample_rate: float = 16000
) -> Samples:
    """The direct sound, and behind it noise that fades exponentially: a room without a shape."""
    # drawn at full length whatever the strength, so that it is the same room with other walls
    drawn = rng.standard_normal(max(2, int(ROOM_S[-1] * sample_rate)))
    room = drawn * 10 ** (-3 * np.arange(len(drawn)) / (ROOM_S[level] * sample_rate))
    room[0] = 0.0
    room *= 10 ** (-DRY_DB[level] / 20) / np.sqrt(np.sum(room * room))
    room[0] = 1.0
    size = 1 << int(len(samples) + len(room) - 1).bit_length()
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)[: len(samples)]
    return _within(heard / np.sqrt(np.sum(room * room)))


def speed(samples: Samples, level: int, rng: np.random.Generator, sample_rate: float = 0) -> Samples:
    """Resampled by its spectrum: the whole recording is taken for one period."""
    factor = SPEED[level] if rng.random() < 0.5 else 1 / SPEED[level]
    length = max(1, round(len(samples) / factor))
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    return _within(np.fft.irfft(spectrum, length) * (length / max(1, len(samples))))


def gain(samples: Samples, level: int, rng: np.random.Generator, sample_rate: float = 0) -> Samples:
    """Far from the microphone."""
    soft = np.asarray(samples, np.float64) * 10 ** (GAIN_DB[level] / 20)
    return _within(np.rint(soft * 32768) / 32768)


def _within(samples: npt.NDArray[np.floating]) -> Samples:
    return np.asarray(np.clip(samples, -1.0, 1.0), np.float32)
