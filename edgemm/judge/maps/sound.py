"""Sound of which parts are hidden, in time and frequency: a short-time Fourier transform, weighted and taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.judge.maps.map import Kind, Map
from edgemm.judge.maps.parts import Mask
from edgemm.media import AudioBlock

WINDOW_S = 0.032
"""Length of a frame, about: the next power of two in samples."""
_OVERLAP = 4
"""Frames over each sample."""


class SoundParts:
    """See `edgemm.judge.maps.parts.Parts`."""

    kind: Kind = "audio"

    def __init__(self, block: AudioBlock, baseline: str) -> None:
        """Args:
            baseline: "mean" or "silence".

        Raises:
            InputError: there is no sample, or one that is no number.
        """
        if not len(block.samples) or not np.isfinite(block.samples).all():
            raise InputError(
                "a recording to explain: expected finite samples, found none, or NaN or infinity"
            )
        self._block = block
        self._size = 1 << max(4, round(np.log2(WINDOW_S * block.sample_rate)))
        self._hop = self._size // _OVERLAP
        places = np.arange(self._size)
        self._window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi / self._size * places)).astype(np.float32)
        self._spectrum = self._analysed(block.samples)
        self._hidden = self._baseline(baseline)
        self.shape: tuple[int, ...] = self._spectrum.shape

    def _analysed(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
        """complex64[frames, bins]; the first frame's middle is the first sample."""
        half, count = self._size // 2, -(-len(samples) // self._hop) + 1
        padded = np.pad(samples.astype(np.float32), (half, count * self._hop + half - len(samples)))
        cut = np.lib.stride_tricks.sliding_window_view(padded, self._size)[:: self._hop][:count]
        return np.fft.rfft(cut * self._window, axis=1).astype(np.complex64)

    def _baseline(self, baseline: str) -> npt.NDArray[np.complex64]:
        if baseline == "silence":
            return np.zeros((1, 1), np.complex64)
        level = np.abs(self._spectrum)
        mean = level.mean(axis=0, keepdims=True)
        turned = np.divide(self._spectrum, level, out=np.ones_like(self._spectrum), where=level > 0)
        return np.asarray(turned * mean, np.complex64)

    def level(self) -> npt.NDArray[np.float32]:
        """float32[frames, bins]: the amplitude of each place."""
        return np.abs(self._spectrum)

    def shown(self, mask: Mask) -> AudioBlock:
        """The recording with a part of it."""
        mixed = self._hidden + mask.astype(np.float32, copy=False) * (self._spectrum - self._hidden)
        pieces = np.fft.irfft(mixed, self._size, axis=1).astype(np.float32) * self._window
        frames = len(pieces)
        total = np.zeros((frames + _OVERLAP - 1, self._hop), np.float32)
        weight = np.zeros_like(total)
        for at in range(_OVERLAP):
            part = slice(at * self._hop, (at + 1) * self._hop)
            total[at : at + frames] += pieces[:, part]
            weight[at : at + frames] += np.square(self._window[part])
        half = self._size // 2
        samples = (total / np.maximum(weight, np.float32(1e-6))).reshape(-1).astype(np.float32)
        return replace(self._block, samples=samples[half : half + len(self._block.samples)])

    def drawn(self, values: npt.NDArray[np.float32], about: dict[str, Any]) -> Map:
        """A map over the recording."""
        rate, (frames, bins) = self._block.sample_rate, self.shape
        times_s = (np.arange(frames) * self._hop / rate).astype(np.float32)
        hertz = (np.arange(bins) * rate / self._size).astype(np.float32)
        return Map(values, kind=self.kind, times_s=times_s, hertz=hertz, **about)
