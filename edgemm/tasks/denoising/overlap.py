"""Two networks with states over frames that overlap (DTLN, https://arxiv.org/abs/2005.07551)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.tasks.denoising.recipe import DenoisingRecipe

Samples = npt.NDArray[np.float32]


class OverlapAdd:
    """The first network masks the spectrum of each frame, the second goes over its samples; frames are added up."""

    def __init__(self, recipe: DenoisingRecipe, parts: Mapping[str, Any]) -> None:
        self._recipe, self._parts = recipe, parts
        self.delay = recipe.frame - recipe.hop
        """Samples by which what comes out is late."""
        self._heard, self._made = (np.zeros(recipe.frame, np.float32) for _ in range(2))

    def step(self, hop: Samples) -> Samples:
        """float32[hop] in, as many out, which were heard `delay` samples before; the next step may overwrite them."""
        recipe, count = self._recipe, len(hop)
        for kept, new in ((self._heard, hop), (self._made, 0.0)):
            kept[:-count] = kept[count:]
            kept[-count:] = new
        spectrum = np.fft.rfft(self._heard)
        loudness = np.abs(spectrum).astype(np.float32).reshape(1, 1, -1)
        mask = self._parts["mask"].step({recipe.mask_input: loudness}).real(recipe.mask_output)
        masked = np.fft.irfft(spectrum * mask.reshape(-1), recipe.frame).astype(np.float32).reshape(1, 1, -1)
        cleaned = self._parts["frame"].step({recipe.frame_input: masked}).real(recipe.frame_output)
        self._made += cleaned.reshape(-1)
        amount = np.float32(recipe.amount)
        return (
            self._made[:count]
            if amount == 1
            else amount * self._made[:count] + (1 - amount) * self._heard[:count]
        )

    def reset(self) -> None:
        """Nothing was heard."""
        for part in self._parts.values():
            part.reset()
        self._heard[:], self._made[:] = 0.0, 0.0
