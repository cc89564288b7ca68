"""From mel energies to what a model takes: logarithm, cosine transform, mean and deviation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe

Floats = npt.NDArray[np.float64]


class MelScaling:
    """Works on one frame, or on all `frames` of a window at once."""

    def __init__(self, recipe: AudioRecipe, frames: int = 0) -> None:
        self._log, self._offset = recipe.log, recipe.log_offset
        self._reference, self._range = recipe.db_reference, recipe.db_range
        self._mean, self._std = (np.asarray(part, np.float64) for part in (recipe.mean, recipe.std))
        self._as_it_is = not self._mean.any() and bool((self._std == 1.0).all())
        self._dct = dct(recipe.n_mels, recipe.n_mfcc, recipe.dct_norm) if recipe.feature == "mfcc" else None
        self._cepstrum = np.empty((frames, recipe.n_mfcc) if frames else recipe.n_mfcc)

    def __call__(self, mel: Floats) -> Floats:
        """float64[..., n_mels], overwritten -> float64[..., numbers in a frame], kept until the next call."""
        values: Floats = self._logarithm(mel)
        if self._dct is not None:
            values = self._cepstrum
            np.dot(mel, self._dct, out=values)
        if not self._as_it_is:
            np.subtract(values, self._mean, out=values)
            np.divide(values, self._std, out=values)
        return values

    def _logarithm(self, mel: Floats) -> Floats:
        if self._log == "offset":
            mel += self._offset
            np.log(mel, out=mel)
            return mel
        np.maximum(mel, self._offset, out=mel)
        if self._log == "floor":
            np.log(mel, out=mel)
            return mel
        np.log10(mel, out=mel)
        mel *= 10.0
        if self._reference == "max":
            np.subtract(mel, mel.max(), out=mel)
        if self._range:
            np.maximum(mel, mel.max() - self._range, out=mel)
        return mel


def dct(bands: int, kept: int, norm: str) -> Floats:
    """float64[bands, kept]: the cosine transform (DCT-II) that makes a cepstrum of log-mel bands.

    "htk": sqrt(2 / bands) for every coefficient; "ortho": the first is smaller by sqrt(2).
    """
    angles = np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(kept))
    table: Floats = np.sqrt(2.0 / bands) * np.cos(angles)
    if norm == "ortho":
        table[:, 0] /= np.sqrt(2.0)
    return table
