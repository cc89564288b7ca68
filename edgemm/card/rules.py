"""What the numbers of a card may be: each field's bounds, and the rules between fields.

A card comes from a file that anybody may have written. What is outside these bounds has no meaning, or would take
absurd memory or time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields

from edgemm.card import (
    AudioRecipe,
    ImageRecipe,
    InputCard,
    KeywordRecipe,
    ModelCard,
    OutputCard,
)
from edgemm.errors import CardError

Bounds = tuple[float, float]
"""Smallest and largest."""

MAX_RANK = 8
MAX_ELEMENTS = 1 << 28
"""Of one input or output."""
MAX_SAMPLES = 1 << 24
"""Samples that one input covers: 17 minutes at 16 kHz."""
_ANY = (-1e12, 1e12)
_INT = (-(1 << 53), 1 << 53)

BOUNDS: Mapping[type, Mapping[str, Bounds]] = {
    ModelCard: {"top_k": (1, 10_000)},
    InputCard: {"shape": (1, 1 << 24)},
    OutputCard: {"shape": (1, 1 << 24)},
    KeywordRecipe: {
        "threshold": (0, 1),
        "smooth_windows": (1, 512),
        "refractory_s": (0, 3600),
        "warmup_windows": (0, 1 << 20),
    },
    ImageRecipe: {"pad_value": (0, 255), "resize_short": (0, 1 << 14)},
    AudioRecipe: {
        "sample_rate": (1, 1_000_000),
        "version": (1, 1 << 16),
        "window": (1, 1 << 14),
        "hop": (1, 1 << 14),
        "n_fft": (2, 1 << 14),
        "n_mels": (1, 512),
        "fmin": (0, 500_000),
        "fmax": (0, 500_000),
        "power": (0.1, 10),
        "log_offset": (1e-30, 1e6),
        "frames": (0, 1 << 20),
        "samples": (0, MAX_SAMPLES),
        "stride": (1, MAX_SAMPLES),
        "gain": (1e-9, 1e9),
        "preemphasis": (0, 1),
        "db_range": (0, 1000),
        "n_mfcc": (0, 512),
        "lead": (0, MAX_SAMPLES),
    },
}
"""Kind -> field -> bounds of its numbers."""

_SECOND = (
    "gain", "normalize", "remove_dc", "preemphasis", "window_type", "padding", "log", "db_reference", "db_range",
    "n_mfcc", "dct_norm", "lead",
)  # fmt: skip
_SECOND_CHOICES = {"feature": ("mfcc", "microfrontend"), "mel_scale": ("kaldi",)}
"""What a front end of version 1 does not know. An edgemm of that time would keep such a field unread and compute
other values, so the version must say it."""


def bounds(kind: type, key: str, *, whole: bool) -> Bounds:
    """Of a number in that field."""
    return BOUNDS.get(kind, {}).get(key, _INT if whole else _ANY)


def check(card: ModelCard) -> None:
    """The rules between fields, those that need no tensor.

    Raises:
        CardError: one is broken; says which key.
    """
    for key in ("payload_sha256", "source_sha256"):
        if not re.fullmatch("([0-9a-f]{64})?", getattr(card, key)):
            raise CardError(f"card.{key}: expected 64 hexadecimal digits, found {getattr(card, key)[:80]!r}")
    entries: list[tuple[str, InputCard | OutputCard]] = [
        *((f"card.inputs[{index}]", entry) for index, entry in enumerate(card.inputs)),
        *((f"card.outputs[{index}]", entry) for index, entry in enumerate(card.outputs)),
    ]
    for path, entry in entries:
        _check_shape(entry.shape, f"{path}.shape")
        if isinstance(entry, InputCard) and entry.image:
            if entry.image.scale == 0:
                raise CardError(f"{path}.image.scale: expected a number other than 0, found 0")
            _check_scaling(entry.image, f"{path}.image", 1 if entry.image.color == "gray" else 3)
        if isinstance(entry, InputCard) and entry.audio:
            _check_audio(entry.audio, f"{path}.audio")


def _check_shape(shape: tuple[int, ...], path: str) -> None:
    if len(shape) > MAX_RANK or math.prod(shape) > MAX_ELEMENTS:
        raise CardError(
            f"{path}: expected at most {MAX_RANK} dimensions and {MAX_ELEMENTS} elements, "
            f"found {list(shape)[: MAX_RANK + 1]}"
        )


def _check_scaling(recipe: ImageRecipe | AudioRecipe, path: str, count: int) -> None:
    for key in ("mean", "std"):
        numbers = getattr(recipe, key)
        if len(numbers) not in (1, count):
            raise CardError(f"{path}.{key}: expected 1 number or {count}, found {len(numbers)}")
    if 0 in recipe.std:
        raise CardError(
            f"{path}.std: expected numbers other than 0, since values are divided by them; found 0"
        )


def _check_audio(recipe: AudioRecipe, path: str) -> None:
    check_version(recipe, path)
    if recipe.feature == "waveform":
        _check_scaling(recipe, path, 1)
        return
    _check_scaling(recipe, path, bands(recipe))
    _at_most(f"{path}.window", recipe.window, recipe.n_fft, "n_fft")
    _at_most(f"{path}.hop", recipe.hop, recipe.window, "window")
    _at_most(f"{path}.frames", recipe.frames, MAX_SAMPLES // recipe.hop, f"{MAX_SAMPLES} samples, in hops")


def bands(recipe: AudioRecipe) -> int:
    """Numbers in one frame."""
    return recipe.n_mfcc if recipe.feature == "mfcc" else recipe.n_mels


def check_version(recipe: AudioRecipe, path: str) -> None:
    """Version 1 has nothing of version 2.

    Raises:
        CardError: it has; says which key.
    """
    if recipe.version != 1:
        return
    plain = {each.name: each.default for each in fields(AudioRecipe)}
    new = [key for key in _SECOND if getattr(recipe, key) != plain[key]]
    new += [key for key, choices in _SECOND_CHOICES.items() if getattr(recipe, key) in choices]
    if new:
        raise CardError(
            f"{path}.{new[0]}: {getattr(recipe, new[0])!r} is of version 2 of the front end, found version 1. "
            'Say "version": 2, so that an older edgemm refuses the model instead of hearing something else'
        )


def _at_most(path: str, found: int, most: int, what: str) -> None:
    if found > most:
        raise CardError(f"{path}: expected at most {most} ({what}), found {found}")
