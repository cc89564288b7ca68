"""Sound made by a model against the sound that it should be: the scale-invariant ratio of signal to distortion."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Audio

_MOST_DB = 200.0
"""What an infinite ratio counts in a sum."""


class SoundMetric:
    """SI-SDR in decibels (Le Roux et al., 2019): the part of the sound that is the true one, louder or softer, against
    all the rest; the mean over recordings. Both are taken without their mean.

    A truth is an `Audio` of the same rate, or its samples, float[n], sample for sample beside the result.
    """

    name: ClassVar[str] = "SI-SDR"
    unit: ClassVar[str] = "dB"
    higher_is_better: ClassVar[bool] = True

    def __init__(self) -> None:
        self._found: list[float] = []

    def add(self, result: Audio, truth: Audio | npt.NDArray[np.floating[Any]]) -> None:
        """One recording.

        Raises:
            InputError: the two have not as many samples, or another rate; one is not finite; or nothing is to be heard
                in the truth.
        """
        if isinstance(truth, Audio) and truth.sample_rate != result.sample_rate:
            raise InputError(
                f"sound: expected {truth.sample_rate} Hz as the truth, found {result.sample_rate}"
            )
        given: object = truth
        if isinstance(given, str):  # texts or names where clean recordings are expected
            raise InputError(
                "sound: expected the clean sound as the truth, found str. Give noisy/ and clean/ recordings"
            )
        right = _samples(truth.samples if isinstance(truth, Audio) else truth, "the truth")
        found = _samples(result.samples, "the result")
        if len(found) != len(right):
            raise InputError(f"sound: expected {len(right)} samples as the truth has, found {len(found)}")
        self._found.append(si_sdr(found, right))

    def value(self) -> float:
        """Decibels: infinite where all is right, NaN before the first."""
        return float(np.mean(self._found)) if self._found else math.nan

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[2]: sum of decibels, each between -200 and 200, and recordings."""
        return np.array([np.clip(self._found, -_MOST_DB, _MOST_DB).sum(), len(self._found)])

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`: `value`, but that it is finite."""
        return float(counts[0] / counts[1]) if counts[1] else math.nan

    def report(self) -> dict[str, Any]:
        """`samples`, the mean `SI-SDR`, and that of the `worst`; None where one is not finite."""
        mean, worst = self.value(), min(self._found, default=math.nan)
        return {
            "samples": len(self._found),
            self.name: mean if math.isfinite(mean) else None,
            "worst": worst if math.isfinite(worst) else None,
        }


def si_sdr(found: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float:
    """Decibels; -inf where nothing of the true sound is in it.

    Raises:
        InputError: nothing is to be heard in the truth.
    """
    found, right = found - found.mean(), right - right.mean()
    power = float(right @ right)
    if not power > 0:
        raise InputError("sound: expected a truth in which something is to be heard, found silence")
    target = float(found @ right) / power * right
    rest = found - target
    signal, distortion = float(target @ target), float(rest @ rest)
    if distortion == 0:
        return math.inf if signal > 0 else -math.inf
    return 10 * math.log10(signal / distortion) if signal > 0 else -math.inf


def _samples(given: Any, what: str) -> npt.NDArray[np.float64]:
    samples = np.asarray(given)
    if samples.ndim != 1 or samples.dtype.kind != "f" or not len(samples):
        raise InputError(f"sound: expected {what} as float[n], found {samples.dtype}{list(samples.shape)}")
    if not np.isfinite(samples).all():
        raise InputError(f"sound: expected finite samples in {what}, found NaN or infinity")
    return samples.astype(np.float64)
