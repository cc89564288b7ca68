"""Resampling: running sound and whole recordings from one sample rate to another.

soxr computes in float32, in another order on ARM than on x86: samples differ by up to 2.4e-7 of full scale. Sound
that is recorded at the card's own rate is not resampled and has no such difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.dependency import load_dependency

Samples = npt.NDArray[np.float32]

QUALITY = "HQ"
"""soxr's default quality, 20 bits."""


class Resampler:
    """One stream from `rate_in` to `rate_out` hertz.

    The samples are those of `resample`, whatever the blocks, but they come late: soxr holds back up to
    40 ms of sound from 48 or 44.1 kHz to 16 kHz, and up to 115 ms between 8 and 16 kHz.

    Raises:
        MissingDependency: soxr is not installed, or cannot be imported.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._stream = _soxr().ResampleStream(rate_in, rate_out, 1, dtype="float32", quality=QUALITY)

    def push(self, samples: Samples) -> Samples:
        """float32[n] at `rate_in` -> float32[m] at `rate_out`, m about n * rate_out / rate_in."""
        resampled: Samples = self._stream.resample_chunk(samples)
        return resampled

    def finish(self) -> Samples:
        """What soxr holds back, float32[n], when the sound has ended. Nothing can be pushed behind it."""
        rest: Samples = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        return rest


def resample(samples: Samples, rate_in: int, rate_out: int) -> Samples:
    """A whole recording, float32[n] -> float32[round(n * rate_out / rate_in)]; itself when the rates are equal.

    Raises:
        MissingDependency: soxr is not installed, or cannot be imported.
    """
    if rate_in == rate_out:
        return samples
    resampled: Samples = _soxr().resample(samples, rate_in, rate_out, quality=QUALITY)
    return resampled


def _soxr() -> Any:
    return load_dependency("soxr", "soxr (sound at another sample rate than the model's)", "audio")
