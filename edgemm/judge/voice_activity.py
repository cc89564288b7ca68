"""Segments of speech: how much of it is missed, and how much is found where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Segments

Pairs = npt.NDArray[np.float64]
"""float64[n, 2]: begin and end in seconds, in order and apart."""


class VoiceActivityMetric:
    """The detection error rate: seconds of speech that are missed, and seconds that are wrongly found, as a share of
    the seconds of speech, over all recordings.

    A truth is a sequence of (begin, end) in seconds, or `Segments`; empty where nobody speaks.
    """

    name: ClassVar[str] = "detection error"
    unit: ClassVar[str] = "share"
    higher_is_better: ClassVar[bool] = False

    def __init__(self) -> None:
        self._samples, self._speech_s, self._found_s, self._both_s = 0, 0.0, 0.0, 0.0

    def add(self, result: Segments, truth: Segments | Sequence[tuple[float, float]]) -> None:
        """One recording.

        Raises:
            InputError: the truth holds something else than finite times, each end no earlier than its beginning.
        """
        found, right = _joined(_times(result)), _joined(_times(truth))
        self._samples += 1
        self._speech_s += _length(right)
        self._found_s += _length(found)
        self._both_s += _shared(found, right)

    def value(self) -> float:
        """0 or more; NaN where there is no speech."""
        return self.value_of(self.counts())

    def counts(self) -> npt.NDArray[np.float64]:
        """float64[3]: seconds of speech, seconds found, seconds of both."""
        return np.array([self._speech_s, self._found_s, self._both_s])

    @staticmethod
    def value_of(counts: npt.NDArray[np.float64]) -> float:
        """Of summed `counts`."""
        speech_s, found_s, both_s = counts
        return float((speech_s + found_s - 2 * both_s) / speech_s) if speech_s else float("nan")

    def report(self) -> dict[str, Any]:
        """`samples`, `detection error`, its two parts `missed` and `false alarm`, and `speech_s`."""
        speech_s = self._speech_s
        return {
            "samples": self._samples,
            self.name: self.value() if speech_s else None,
            "missed": (speech_s - self._both_s) / speech_s if speech_s else None,
            "false alarm": (self._found_s - self._both_s) / speech_s if speech_s else None,
            "speech_s": speech_s,
        }


def _times(given: Any) -> Iterable[tuple[float, float]]:
    return [(each.begin_s, each.end_s) for each in given.segments] if isinstance(given, Segments) else given


def _joined(given: Iterable[tuple[float, float]]) -> Pairs:
    """Sorted; what overlaps or touches made one."""
    try:
        pairs = np.array(sorted(tuple(each) for each in given), np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise InputError(f"voice activity: expected (begin, end) in seconds, found {given!r}") from error
    if not np.isfinite(pairs).all() or (pairs[:, 1] < pairs[:, 0]).any():
        raise InputError("voice activity: expected finite times, each end no earlier than its beginning")
    ends = np.maximum.accumulate(pairs[:, 1])
    first = np.ones(len(pairs), bool)
    first[1:] = pairs[1:, 0] > ends[:-1]
    last = np.roll(first, -1)
    return np.stack([pairs[first, 0], ends[last]], axis=1)


def _length(pairs: Pairs) -> float:
    return float(np.diff(pairs).sum())


def _shared(a: Pairs, b: Pairs) -> float:
    begins = np.maximum(a[:, None, 0], b[None, :, 0])
    ends = np.minimum(a[:, None, 1], b[None, :, 1])
    return float(np.maximum(0.0, ends - begins).sum())
