"""The sound of the last utterance, at the recogniser's rate, and when each sample was captured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.media import AudioBlock
from edgemm.preprocess.resample import Resampler

Samples = npt.NDArray[np.float32]


class Heard:
    """Blocks in, samples out. Places are samples at `rate` since the first block after a reset."""

    def __init__(self, rate: int) -> None:
        """Args:
        rate: hertz.
        """
        self.rate = rate
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self._first = 0
        self._length = 0
        self._room: Samples = np.zeros(self.rate, np.float32)
        self._resampler: Resampler | None = None
        self._newest: AudioBlock | None = None
        self._began_s = 0.0

    @property
    def end(self) -> int:
        """Place behind the newest sample."""
        return self._first + self._length

    def push(self, block: AudioBlock) -> None:
        """Takes the next block.

        Raises:
            InputError: its rate differs from the last one's, or its samples are not float32[n], finite.
            MissingDependency: its rate is another one and soxr is not installed.
        """
        before = self._newest
        samples = block.samples
        _require_samples(samples)
        if before is not None and before.sample_rate != block.sample_rate:
            raise InputError(
                f"sound: expected {before.sample_rate} Hz as before, found {block.sample_rate} Hz; reset() first"
            )
        if before is None:
            self._began_s = block.position / block.sample_rate
            if block.sample_rate != self.rate:
                self._resampler = Resampler(block.sample_rate, self.rate)
        self._newest = _behind(block)
        self._append(samples if self._resampler is None else self._resampler.push(samples))

    def finish(self) -> None:
        """Nothing follows: what a resampler still holds back is heard."""
        if self._resampler is not None:
            self._append(self._resampler.finish())
            self._resampler = None

    def between(self, begin: int, end: int) -> Samples:
        """float32[end - begin], a copy; no sample before it may be forgotten."""
        return self._room[begin - self._first : end - self._first].copy()

    def forget(self, before: int) -> None:
        """Samples before this place are not needed any more."""
        count = min(before - self._first, self._length)
        if count > len(self._room) // 2:
            self._room[: self._length - count] = self._room[count : self._length]
            self._first, self._length = self._first + count, self._length - count

    def seconds(self, place: int) -> float:
        """Since the stream began."""
        return round(self._began_s + place / self.rate, 4)

    def captured_ns(self, place: int) -> int:
        """CLOCK_MONOTONIC, nanoseconds; never later than the newest sample."""
        newest = self._newest
        if newest is None:
            return 0
        age_s = newest.position / newest.sample_rate - self._began_s - place / self.rate
        return newest.captured_ns - max(0, round(age_s * 1e9))

    def _append(self, samples: Samples) -> None:
        needed = self._length + len(samples)
        if needed > len(self._room):
            self._room = np.concatenate([self._room, np.zeros(max(needed, len(self._room)), np.float32)])
        self._room[self._length : needed] = samples
        self._length = needed


def _require_samples(samples: npt.NDArray[Any]) -> None:
    """
    Raises:
        InputError: they are not float32[n], finite.
    """
    if samples.ndim != 1:
        raise InputError(
            f"sound: expected samples of one channel, float32[n]; found {samples.dtype}{list(samples.shape)}. "
            "Give one channel, or the mean of them"
        )
    if samples.dtype != np.float32:
        whole = np.issubdtype(samples.dtype, np.integer)
        largest = 2 ** (8 * samples.dtype.itemsize - 1)
        instead = f"(samples / {largest}).astype(numpy.float32)" if whole else "samples.astype(numpy.float32)"
        raise InputError(
            f"sound: expected float32[n] in -1..1, found {samples.dtype}[{len(samples)}]. Convert it: {instead}"
        )
    wrong = np.flatnonzero(~np.isfinite(samples))
    if len(wrong):
        raise InputError(
            f"sound: expected finite samples; {len(wrong)} of {len(samples)} are NaN or infinite, the first is "
            f"sample {wrong[0]}, {samples[wrong[0]]}"
        )


def _behind(block: AudioBlock) -> AudioBlock:
    """An empty block where it ends."""
    count = len(block.samples)
    return replace(
        block,
        samples=block.samples[:0],
        captured_ns=block.captured_ns + round(count * 1e9 / block.sample_rate),
        position=block.position + count,
    )
