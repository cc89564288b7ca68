"""Sound from a predicted spectrum: harmonics of the pitch, noise, and the rest.

For each frame a network gives the amplitude and phase of a filter that a train of pulses goes through, the amplitude of
noise, and amplitude and phase of what neither explains:

    S = exp(a_h) exp(i pi tanh(p_h)) STFT(pulses) + exp(a_n) Z + exp(a_r) exp(i p_r)

The sound is the inverse STFT of S with a periodic Hann window, frames centred on their samples (Griffin and Lim 1984).
Pulses are the sum of all harmonics below a limit, cosines of amplitude 1, in closed form (Dirichlet's kernel).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]

LOUDEST = 7.0
"""Largest natural logarithm of an amplitude: what is above is taken as this."""
_TINY = 1e-3
"""Radians from a pulse's peak within which the closed form's limit is taken."""


class Harmonics:
    """Makes sound at one rate, of frames of one size."""

    def __init__(
        self, sample_rate: int, n_fft: int, hop: int, *, highest_hz: float, voiced_hz: float
    ) -> None:
        self._rate, self._n_fft, self._hop = sample_rate, n_fft, hop
        self._highest_hz, self._voiced_hz = highest_hz, voiced_hz
        turn = 2 * np.pi * np.arange(n_fft) / n_fft
        self._window = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)

    def __call__(self, spectrum: Sequence[Floats], random: np.random.Generator) -> Floats:
        """float32[frames * hop].

        Args:
            spectrum: the five parts, each float32[n_fft / 2 + 1, frames], in the order of `VoiceRecipe.spectrum`; and
                the pitch, float32[frames], hertz.
            random: where the noise comes from.
        """
        amplitude, turn, noise, rest, phase, pitch = spectrum
        frames = amplitude.shape[1]
        voice = self.analyse(self.pulses(pitch), frames)
        voice *= _polar(amplitude, np.float32(np.pi) * np.tanh(turn))
        voice += _polar(rest, phase)
        drawn = random.standard_normal((*noise.shape, 2), np.float32).view(np.complex64)[..., 0]
        voice += np.exp(np.minimum(noise, LOUDEST)) * drawn
        return self.compose(voice)

    def pulses(self, pitch: Floats) -> Floats:
        """The train of pulses, float32[frames * hop]: for each sample the cosines of all harmonics of the pitch there,
        which runs in straight lines between the middles of frames; 0 where there is no voice."""
        places = (np.arange(len(pitch) * self._hop) + 0.5) / self._hop - 0.5
        hertz = np.interp(places, np.arange(len(pitch)), pitch)
        voiced = hertz > self._voiced_hz
        hertz = np.maximum(hertz, self._voiced_hz)
        turns = np.cumsum(hertz) / self._rate
        angle = ((turns % 1.0) * (2 * np.pi)).astype(np.float32)
        count = np.floor(self._highest_hz / hertz).astype(np.float32)
        below = 2 * np.sin(angle / 2)
        near = np.abs(below) < 2 * _TINY
        summed = np.sin((count + np.float32(0.5)) * angle) / np.where(near, np.float32(1), below)
        summed = np.where(near, count + np.float32(0.5), summed) - np.float32(0.5)
        return np.where(voiced, summed, np.float32(0)).astype(np.float32)

    def analyse(self, samples: Floats, frames: int) -> Spectrum:
        """complex64[n_fft / 2 + 1, frames]; a cosine of amplitude 1 has 1 at its place."""
        half = self._n_fft // 2
        padded = np.pad(samples, half, mode="reflect" if len(samples) > half else "constant")
        cut = np.lib.stride_tricks.sliding_window_view(padded, self._n_fft)[:: self._hop][:frames]
        scaled = cut * (self._window * np.float32(2 / self._window.sum()))
        found: Spectrum = np.fft.rfft(scaled, axis=1).T.astype(np.complex64)
        return found

    def compose(self, spectrum: Spectrum) -> Floats:
        """float32[frames * hop]: the inverse of an STFT without that scale, frames overlapped, added, and divided by
        the sum of the squared windows."""
        frames, each = spectrum.shape[1], self._n_fft // self._hop
        pieces = np.fft.irfft(spectrum.T, self._n_fft, axis=1).astype(np.float32) * self._window
        squared = np.broadcast_to(np.square(self._window), pieces.shape)
        total, weight = (_overlapped(part.reshape(frames, each, self._hop)) for part in (pieces, squared))
        half = self._n_fft // 2
        samples = (total / np.maximum(weight, np.float32(1e-11))).reshape(-1)
        return samples[half : half + frames * self._hop].astype(np.float32)


def _polar(logarithm: Floats, angle: Floats) -> Spectrum:
    amplitude = np.exp(np.minimum(logarithm, LOUDEST))
    found = np.empty(angle.shape, np.complex64)
    found.real = amplitude * np.cos(angle)
    found.imag = amplitude * np.sin(angle)
    return found


def _overlapped(pieces: Floats) -> Floats:
    """[frames, each, hop] -> [frames + each - 1, hop]: each frame begins a hop after the one before."""
    frames, each, hop = pieces.shape
    total = np.zeros((frames + each - 1, hop), np.float32)
    for at in range(each):
        total[at : at + frames] += pieces[:, at]
    return total
