"""What an encoder takes: the samples of an utterance, or a window of log-mel frames."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card.recipes import AudioRecipe
from edgemm.card.rules import bands, span
from edgemm.errors import CardError
from edgemm.preprocess.framer import Framer
from edgemm.preprocess.mel_scaling import MelScaling
from edgemm.preprocess.spectrum import MelSpectrum
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tensors import TensorSpec

Samples = npt.NDArray[np.float32]
LEAST_S = 0.5
"""A shorter utterance is filled up with silence: encoders join samples to frames, and need some."""


class EncoderInput:
    """Makes the inputs of one encoder.

    Raises:
        CardError: the encoder has no such inputs, or they are of another shape.
    """

    def __init__(self, recipe: AttentionRecipe, inputs: Sequence[TensorSpec]) -> None:
        self._recipe = recipe
        specs = {spec.name: spec for spec in inputs}
        self._spec = named(specs, recipe.encoder_input, "encoder_input")
        self._mask = named(specs, recipe.encoder_mask, "encoder_mask") if recipe.encoder_mask else None
        self._frames = None if recipe.audio is None else WindowOfFrames(recipe.audio)
        if recipe.audio is not None:
            self._across = _time_last(self._spec, recipe.audio)
        elif len(self._spec.shape) != 2:
            raise CardError(
                f"encoder_input: expected an input of samples [1, n], found {self._spec.name} {list(self._spec.shape)}"
            )

    @property
    def most(self) -> float:
        """Samples that the encoder takes; infinity where it takes any number."""
        if self._recipe.audio is not None:
            return span(self._recipe.audio)
        return self._spec.shape[-1] if self._spec.shape[-1] > 0 else inf

    def __call__(self, samples: Samples) -> tuple[dict[str, npt.NDArray[Any]], int]:
        """The inputs for float32[n] of an utterance, and how many samples or frames the encoder is given."""
        if self._frames is not None:
            frames = self._frames(samples)
            feeds: dict[str, npt.NDArray[Any]] = {
                self._spec.name: (frames.T if self._across else frames)[None]
            }
            given = len(frames)
        else:
            room = self._spec.shape[-1]
            given = max(len(samples), int(min(round(LEAST_S * self._recipe.sample_rate), self.most)))
            filled = np.zeros((1, max(given, room)), np.float32)
            filled[0, : len(samples)] = samples
            feeds = {self._spec.name: filled}
        if self._mask is not None:
            ones = np.zeros((1, feeds[self._spec.name].shape[-1]), given_as(self._mask))
            ones[0, :given] = 1
            feeds[self._mask.name] = ones
        return feeds, given


class WindowOfFrames:
    """Log-mel frames of one window of fixed length, what is missing filled up with silence: as Whisper hears."""

    def __init__(self, recipe: AudioRecipe) -> None:
        """Args:
        recipe: with feature logmel; `frames` of them are taken, from the first on.
        """
        self._recipe = recipe
        self._spectrum, self._scaling = MelSpectrum(recipe), MelScaling(recipe, recipe.frames)
        self._half = 0 if recipe.padding == "none" else recipe.window // 2

    def __call__(self, samples: Samples) -> npt.NDArray[np.float32]:
        """float32[n] -> float32[frames, bands]."""
        recipe, covered = self._recipe, span(self._recipe)
        sound = np.zeros(covered, np.float32)
        sound[: min(len(samples), covered)] = samples[:covered]
        mode: Any = "reflect" if recipe.padding == "reflect" else "constant"
        padded = np.pad(sound, self._half, mode=mode)
        loud = (
            recipe.frames
            if len(samples) >= covered - self._half
            else 2 + (len(samples) + self._half) // recipe.hop
        )
        mel = np.zeros((recipe.frames, bands(recipe)))
        windows = Framer(recipe.window, recipe.hop).push(padded)
        for row, window in zip(mel[:loud], windows, strict=False):
            row[...] = self._spectrum(window)
        return self._scaling(mel).astype(np.float32)


def given_as(spec: TensorSpec) -> npt.DTypeLike:
    """The type of numbers that an input is given: real ones where it stores them quantized."""
    return np.float32 if spec.quantized else spec.dtype


def named(specs: dict[str, TensorSpec], name: str, key: str) -> TensorSpec:
    """The tensor that the recipe names.

    Raises:
        CardError: there is none of this name.
    """
    if name not in specs:
        raise CardError(f"{key}: expected one of {', '.join(specs)}, found {name!r}")
    return specs[name]


def _time_last(spec: TensorSpec, recipe: AudioRecipe) -> bool:
    """Whether the frames stand in the last dimension."""
    numbers, frames = bands(recipe), recipe.frames
    for shape, last in (((numbers, frames), True), ((frames, numbers), False)):
        fits = len(spec.shape) == 3 and all(a in (b, -1) for a, b in zip(spec.shape[1:], shape, strict=True))
        if fits:
            return last
    raise CardError(
        f"encoder_input: expected [1, {numbers}, {frames}] or [1, {frames}, {numbers}], as `audio` makes it, found "
        f"{spec.name} {list(spec.shape)}"
    )
