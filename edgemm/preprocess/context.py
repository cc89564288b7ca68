"""Frames that depend on the whole window of the model: on its peak, its loudest band, its padded ends.

Training code often looks at a whole clip: divides it by its peak, counts decibels from its loudest band, mirrors
its ends. On a running stream the clip is the model's window. Mel energies of inner frames do not depend on the window:
they are computed once per hop and kept. The rest is computed when a window is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe
from edgemm.card.rules import bands, frame_length, span
from edgemm.preprocess.encoder import Encoder
from edgemm.preprocess.framer import Framer
from edgemm.preprocess.history import History
from edgemm.preprocess.mel_scaling import MelScaling
from edgemm.preprocess.spectrum import MelSpectrum
from edgemm.tensors import TensorSpec

QUIETEST = 1e-9
"""Least divisor of a window that is divided by its peak."""


def depends_on_window(recipe: AudioRecipe) -> bool:
    """True where a frame depends on more than its own samples."""
    relative = recipe.log == "db" and (recipe.db_reference == "max" or recipe.db_range > 0)
    return recipe.padding != "none" or recipe.normalize != "none" or relative


class WindowFrames:
    """See `edgemm.preprocess.feature.Feature`."""

    def __init__(self, recipe: AudioRecipe, spec: TensorSpec) -> None:
        self._recipe = recipe
        self._edges, inner = _edges(recipe)
        self._first = next((t for t in range(recipe.frames) if t not in self._edges), recipe.frames)
        self._framer = Framer(frame_length(recipe), recipe.hop, _skipped(recipe, self._first))
        self._spectrum, self._scaling = MelSpectrum(recipe), MelScaling(recipe, recipe.frames)
        self._samples = History(span(recipe), (), "float32")
        self._inner = History(max(1, inner), (recipe.n_mels,), "float64")
        self._count = inner
        self._mel = np.empty((recipe.frames, recipe.n_mels))
        self._part = np.empty(recipe.window)
        self._encoder = Encoder(spec, recipe.frames * bands(recipe))
        self._real = np.empty(recipe.frames * bands(recipe), np.float32)
        self._stored = np.empty((recipe.frames, bands(recipe)), spec.dtype)

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        """Keeps the samples, and the mel energies of the frames that they complete."""
        most = span(self._recipe)
        for at in range(0, len(samples), most):
            part = samples[at : at + most]
            self._samples.slot(len(part))[...] = part
        for window in self._framer.push(samples):
            self._inner.slot(1)[0] = self._spectrum(window)

    def newest(self) -> npt.NDArray[Any]:
        """The frames of the window that ends with the newest sample."""
        first, mel = self._first, self._mel
        if self._count:
            mel[first : first + self._count] = self._inner.newest()
        heard = self._samples.newest()
        for frame, places in self._edges.items():
            self._part[...] = heard[places]
            self._part[places < 0] = 0.0
            mel[frame] = self._spectrum(self._part)
        if self._recipe.normalize == "peak":
            mel /= max(float(heard.max()), QUIETEST) ** self._recipe.power
        self._real[...] = self._scaling(mel).reshape(-1)
        self._encoder.write(self._real, self._stored.reshape(-1))
        return self._stored

    def reset(self) -> None:
        """Forgets all."""
        self._framer.reset()
        self._samples.clear()
        self._inner.clear()


def _skipped(recipe: AudioRecipe, first: int) -> int:
    """Samples before the first frame that lies within the window."""
    return 0 if recipe.padding == "none" else first * recipe.hop - recipe.window // 2


def _edges(recipe: AudioRecipe) -> tuple[dict[int, npt.NDArray[np.intp]], int]:
    """Frame -> which samples of the window it is made of, -1 for silence; and how many frames need no padding."""
    if recipe.padding == "none":
        return {}, recipe.frames
    half, length = recipe.window // 2, span(recipe)
    mirrored = recipe.padding == "reflect"
    places = np.pad(np.arange(length), half, **({"mode": "reflect"} if mirrored else {"constant_values": -1}))
    found = {}
    for t in range(recipe.frames):
        begin = t * recipe.hop - half
        if begin < 0 or begin + recipe.window > length:
            found[t] = places[begin + half : begin + half + recipe.window]
    return found, recipe.frames - len(found)
