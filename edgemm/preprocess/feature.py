"""What a window of sound is made of: log-mel frames, or the samples themselves, as the tensor stores them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe
from edgemm.preprocess.encoder import Encoder
from edgemm.preprocess.history import History
from edgemm.preprocess.logmel import LogMel
from edgemm.tensors import TensorSpec


class Feature(Protocol):
    """What the window asks of a feature, so that it need not know which one it holds."""

    history: History

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        """Appends the columns that float32[n] completes to the history."""

    def reset(self) -> None:
        """Forgets all."""


class Frames:
    """Log-mel frames, quantized as they are made."""

    def __init__(self, recipe: AudioRecipe, spec: TensorSpec) -> None:
        self._logmel = LogMel(recipe)
        self._encoder = Encoder(spec, recipe.n_mels)
        self.history = History(recipe.frames, (recipe.n_mels,), spec.dtype)

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        for frame in self._logmel.push(samples):
            self._encoder.write(frame, self.history.slot(1)[0])

    def reset(self) -> None:
        self._logmel.reset()
        self.history.clear()


class Waveform:
    """The samples themselves, normalised and quantized as they come."""

    CHUNK = 1024
    """Samples at a time, so that scratch memory stays small."""

    def __init__(self, recipe: AudioRecipe, spec: TensorSpec) -> None:
        self._chunk = min(self.CHUNK, recipe.samples)
        self._mean, self._std = np.float32(recipe.mean[0]), np.float32(recipe.std[0])
        self._real = np.empty(self._chunk, np.float32)
        self._encoder = Encoder(spec, self._chunk)
        self.history = History(recipe.samples, (), spec.dtype)

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        for at in range(0, len(samples), self._chunk):
            part = samples[at : at + self._chunk]
            real = self._real[: len(part)]
            np.subtract(part, self._mean, out=real)
            real /= self._std
            self._encoder.write(real, self.history.slot(len(part)))

    def reset(self) -> None:
        self.history.clear()
