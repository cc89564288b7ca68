"""The running window of an audio model: samples in, one prepared tensor per stride out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import AudioRecipe
from edgemm.card.rules import span
from edgemm.errors import InputError
from edgemm.preprocess.feature import make_feature
from edgemm.preprocess.resample import Resampler, resample
from edgemm.tensors import TensorSpec

CLIP_STRIDES = 10
"""Strides of the card between two windows of a whole recording."""
MAX_RATE = 1_000_000
"""Hertz."""


class AudioWindow:
    """The private state of one stream of sound into one model.

    Blocks may be of any size: the windows are bit for bit the same. For one thread at a time.
    Made by `compile_audio`.
    """

    span: int
    """Samples of the card's rate that one window covers, the silence before the first sample included."""
    stride: int
    """Samples of the card's rate between two windows."""
    first: int
    """Samples of the card's rate that the first window needs."""
    position: int
    """Samples of the card's rate taken in since the last reset."""

    def __init__(self, recipe: AudioRecipe, layout: str, spec: TensorSpec) -> None:
        self._recipe, self._layout, self._spec = recipe, layout, spec
        self._feature = make_feature(recipe, spec)
        self.span, self.stride = span(recipe), recipe.stride
        self.first = self.span - recipe.lead
        self.reset()

    def push(self, samples: npt.NDArray[Any], sample_rate: int) -> Iterator[int]:
        """Takes the next samples; iterate to the end. `write` fills a tensor while this waits at a yield.

        An iterator that is left early skips the windows that remain, but loses no samples.

        Args:
            samples: float32[n] in -1..1, or int16[n]; one channel.
            sample_rate: hertz; resampled to the card's when they differ. The same until `reset`.

        Yields:
            Where the window that just became complete ends: samples of the card's rate since the reset.

        Raises:
            InputError: samples of another shape or type, not finite, or the rate changed.
            MissingDependency: the rates differ and soxr is not installed.
        """
        heard = checked_samples(samples)
        self._check_rate(sample_rate)
        if self._resampler is not None:
            heard = self._resampler.push(heard)
        return self._advance(heard)

    def write(self, out: npt.NDArray[Any]) -> None:
        """Writes the window that `push` just announced.

        Args:
            out: the input tensor, of the spec's shape and type, C-contiguous.

        Raises:
            InputError: `out` is something else, or there is no complete window yet.
        """
        spec = self._spec
        if out.shape != spec.shape or out.dtype != spec.dtype or not out.flags.c_contiguous:
            raise InputError(
                f"out: expected a C-contiguous array {spec.dtype}{list(spec.shape)}, found "
                f"{out.dtype}{list(out.shape)}{'' if out.flags.c_contiguous else ', not contiguous'}"
            )
        if self.position < self.first:
            raise InputError(
                f"no complete window: expected {self.first} samples, found {self.position} since the reset"
            )
        newest = self._feature.newest()
        if self._layout == "NFT":
            out[0] = newest.T
        else:
            out.reshape(newest.shape)[...] = newest

    def rest(self) -> Iterator[int]:
        """The window that ends with the newest sample, where none has ended there; `write` fills a tensor while this
        waits.

        Yields:
            Where it ends: samples of the card's rate since the reset. Nothing before the first window is complete.
        """
        if self.position > self._next_end - self.stride and self.position > self.first:
            yield self.position

    def reset(self) -> None:
        """Forgets everything heard; the next sample has position 0."""
        self._feature.reset()
        if self._recipe.lead:
            self._feature.push(np.zeros(self._recipe.lead, np.float32))
        self._resampler: Resampler | None = None
        self._rate: int | None = None
        self.position = 0
        self._next_end = self.first

    def clip(
        self,
        samples: npt.NDArray[Any],
        sample_rate: int,
        strides: int = CLIP_STRIDES,
        *,
        tail_s: float = 0.0,
        to_the_end: bool = False,
    ) -> Iterator[npt.NDArray[Any]]:
        """Prepared tensors of a whole recording; the state of the stream is not touched.

        One window each `strides` strides from the first sample; a recording shorter than one
        window is centred in silence.

        Args:
            samples: float32[n] in -1..1, or int16[n]; one channel.
            sample_rate: hertz; resampled to the card's when they differ.
            strides: 1 for a model that remembers, which must hear all of it.
            tail_s: seconds of silence behind it.
            to_the_end: one window more where the last one does not end with the recording.

        Yields:
            A new array of the spec's shape and type.

        Raises:
            InputError: samples of another shape or type, or not finite.
            MissingDependency: the rates differ and soxr is not installed.
        """
        check_hertz(sample_rate)
        heard = resample(checked_samples(samples), sample_rate, self._recipe.sample_rate)
        if tail_s > 0:
            heard = np.pad(heard, (0, math.ceil(tail_s * self._recipe.sample_rate)))
        missing = max(0, self.first - len(heard))
        heard = np.pad(heard, (missing // 2, missing - missing // 2))
        recipe = replace(self._recipe, stride=self.stride * strides)
        window = AudioWindow(recipe, self._layout, self._spec)
        return window._tensors(heard, to_the_end=to_the_end)

    def _tensors(
        self, heard: npt.NDArray[np.float32], *, to_the_end: bool = False
    ) -> Iterator[npt.NDArray[Any]]:
        for _ in chain(self._advance(heard), self.rest() if to_the_end else ()):
            out = np.empty(self._spec.shape, self._spec.dtype)
            self.write(out)
            yield out

    def _advance(self, heard: npt.NDArray[np.float32]) -> Iterator[int]:
        at = 0
        try:
            while at < len(heard):
                part = heard[at : at + self._next_end - self.position]
                at += len(part)
                if self._take(part):
                    yield self.position
        finally:
            while at < len(heard):  # left early: the samples count all the same
                part = heard[at : at + self._next_end - self.position]
                at += len(part)
                self._take(part)

    def _take(self, part: npt.NDArray[np.float32]) -> bool:
        """True when a window is complete."""
        self._feature.push(part)
        self.position += len(part)
        complete = self.position == self._next_end
        if complete:
            self._next_end += self.stride
        return complete

    def _check_rate(self, sample_rate: int) -> None:
        if sample_rate == self._rate:
            return
        check_hertz(sample_rate)
        if self._rate is not None:
            raise InputError(
                f"sample_rate: expected {self._rate} Hz as before, found {sample_rate} Hz; reset() first"
            )
        if sample_rate != self._recipe.sample_rate:
            self._resampler = Resampler(sample_rate, self._recipe.sample_rate)
        self._rate = sample_rate


def check_hertz(sample_rate: int) -> None:
    """Returns where it is a rate.

    Raises:
        InputError: it is out of range.
    """
    if not 0 < sample_rate <= MAX_RATE:
        raise InputError(f"sample_rate: expected hertz from 1 to {MAX_RATE}, found {sample_rate}")


def checked_samples(samples: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """float32[n], finite; int16 is brought to -1..1.

    Raises:
        InputError: another shape or type, or not finite.
    """
    kind = samples.dtype
    if samples.ndim != 1 or kind not in (np.float32, np.float64, np.int16):
        raise InputError(
            f"samples: expected one channel, float32[n] in -1..1 or int16[n]; found {kind}{list(samples.shape)}"
        )
    heard = samples.astype(np.float32, copy=False)
    if kind == np.int16:
        return heard * np.float32(1.0 / 32768.0)
    if not np.isfinite(heard).all():
        raise InputError("samples: expected finite numbers, found NaN or infinity")
    return heard
