"""What a card's preprocessing can produce: the bounds that real data must lie in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe, ImageRecipe, InputCard

OVERSHOOT = 1.1
"""Samples of sound reach 1.0; resampling a clipped recording overshoots by up to a tenth (Gibbs)."""


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """A recipe's last step, value = factor * source + offset, and the numbers that go into it."""

    source: str
    """Name of what goes in, for messages: "pixels"."""
    source_low: float
    source_high: float
    factor: npt.NDArray[np.float64]
    """float64[1] or one per channel."""
    offset: npt.NDArray[np.float64]
    """As `factor`."""

    @property
    def low(self) -> float:
        """The smallest value that can come out."""
        return float(self._ends(self.source_low, self.source_high).min())

    @property
    def high(self) -> float:
        """The largest value that can come out."""
        return float(self._ends(self.source_low, self.source_high).max())

    def twice(self) -> tuple[float, float]:
        """The bounds of what comes out when its own output, or numbers of 0..1, go in."""
        ends = self._ends(min(self.low, 0.0), max(self.high, 1.0))
        return float(ends.min()), float(ends.max())

    def _ends(self, low: float, high: float) -> npt.NDArray[np.float64]:
        return np.stack([self.factor * low + self.offset, self.factor * high + self.offset])


def recipe_of(card: InputCard) -> Recipe | None:
    """The recipe of an input; None for tensors without a description, and for front ends without known bounds."""
    if card.image is not None:
        return _image(card.image)
    if card.audio is not None and (card.audio.version == 1 or card.audio.feature == "waveform"):
        return _audio(card.audio)
    return None


def _image(image: ImageRecipe) -> Recipe:
    mean, std = np.asarray(image.mean, np.float64), np.asarray(image.std, np.float64)
    return Recipe("pixels", 0.0, 255.0, image.scale / std, -mean / std)


def _audio(audio: AudioRecipe) -> Recipe:
    mean, std = np.asarray(audio.mean, np.float64), np.asarray(audio.std, np.float64)
    low, high = (-OVERSHOOT, OVERSHOOT) if audio.feature == "waveform" else logmel_bounds(audio)
    source = "samples" if audio.feature == "waveform" else "log-mel features"
    return Recipe(source, low, high, 1.0 / std, -mean / std)


def logmel_bounds(audio: AudioRecipe) -> tuple[float, float]:
    """Silence, and more than any sound of full scale can give one band.

    By Parseval the powers of all bins sum up to n_fft * sum of the squared windowed samples, and a Hann window's
    squares sum to 3/8 of its length; no mel filter is higher than 1. For other powers than 2 a norm's
    inequality holds: sum |X|^p <= bins^(1 - p/2) * (sum |X|^2)^(p/2) for p < 2, without the first factor above.
    """
    energy = audio.n_fft * 0.375 * audio.window * OVERSHOOT**2
    bins = audio.n_fft // 2 + 1
    most = energy ** (audio.power / 2) * bins ** max(0.0, 1.0 - audio.power / 2)
    return float(np.log(audio.log_offset)), float(np.log(most + audio.log_offset))
