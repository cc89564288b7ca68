"""What a window of sound is made of: frames, or the samples themselves, as the tensor stores them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe
from edgemm.card.rules import bands
from edgemm.preprocess.context import WindowFrames, depends_on_window
from edgemm.preprocess.encoder import Encoder
from edgemm.preprocess.history import History
from edgemm.preprocess.logmel import LogMel
from edgemm.preprocess.microfrontend import MicroFrontend
from edgemm.tensors import TensorSpec


class Feature(Protocol):
    """What every feature can do, so that the window works with any of them."""

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        """Takes the next float32[n] in."""

    def newest(self) -> npt.NDArray[Any]:
        """[length, ...] of the tensor's type, oldest first: the window that ends with the newest sample."""

    def reset(self) -> None:
        """Forgets all."""


class FrontEnd(Protocol):
    """Makes frames of running sound, each from its own samples and earlier ones."""

    def push(self, samples: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
        """Takes float32[n] and yields each frame that becomes complete, float32[bands]."""

    def reset(self) -> None:
        """Forgets all samples."""


def make_feature(recipe: AudioRecipe, spec: TensorSpec) -> Feature:
    """The feature that the recipe names."""
    if recipe.feature == "waveform":
        return Waveform(recipe, spec)
    if depends_on_window(recipe):
        return WindowFrames(recipe, spec)
    return Frames(
        recipe, spec, MicroFrontend(recipe) if recipe.feature == "microfrontend" else LogMel(recipe)
    )


class Frames:
    """Frames, quantized as they are made."""

    def __init__(self, recipe: AudioRecipe, spec: TensorSpec, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self._encoder = Encoder(spec, bands(recipe))
        self._history = History(recipe.frames, (bands(recipe),), spec.dtype)
        self.newest = self._history.newest

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        for frame in self._front_end.push(samples):
            self._encoder.write(frame, self._history.slot(1)[0])

    def reset(self) -> None:
        self._front_end.reset()
        self._history.clear()


class Waveform:
    """The samples themselves, normalised and quantized as they come."""

    CHUNK = 1024
    """Samples at a time, so that scratch memory stays small."""

    def __init__(self, recipe: AudioRecipe, spec: TensorSpec) -> None:
        self._chunk = min(self.CHUNK, recipe.samples)
        self._mean, self._std = np.float32(recipe.mean[0]), np.float32(recipe.std[0])
        self._real = np.empty(self._chunk, np.float32)
        self._encoder = Encoder(spec, self._chunk)
        self._history = History(recipe.samples, (), spec.dtype)
        self.newest = self._history.newest

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        for at in range(0, len(samples), self._chunk):
            part = samples[at : at + self._chunk]
            real = self._real[: len(part)]
            np.subtract(part, self._mean, out=real)
            real /= self._std
            self._encoder.write(real, self._history.slot(len(part)))

    def reset(self) -> None:
        self._history.clear()
