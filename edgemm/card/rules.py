"""What the numbers of a card may be: each field's bounds, and the rules between fields.

A card comes from a file that anybody may have written. What is outside these bounds has no meaning, or would take
absurd memory or time.
"""

from __future__ import annotations

import math
from typing import Any

from edgemm.card.recipes import MAX_SAMPLES, AudioRecipe, ImageRecipe
from edgemm.errors import CardError

_HEXADECIMAL = frozenset("0123456789abcdef")
Bounds = tuple[float, float]
"""Smallest and largest."""

MAX_RANK = 8
MAX_ELEMENTS = 1 << 28
"""Of one input or output."""
_ANY = (-1e12, 1e12)
_INT = (-(1 << 53), 1 << 53)

_SECOND = (
    "gain", "normalize", "remove_dc", "preemphasis", "window_type", "padding", "log", "db_reference", "db_range",
    "n_mfcc", "dct_norm", "lead",
)  # fmt: skip
_SECOND_CHOICES = {"feature": ("mfcc", "microfrontend"), "mel_scale": ("kaldi",)}
_THIRD = ("window_at",)
_THIRD_CHOICES = {"window_type": ("hamming",)}
_NEW = ((3, _THIRD, _THIRD_CHOICES), (2, _SECOND, _SECOND_CHOICES))
"""Version, and what a front end of the one before does not know. An edgemm of that time would keep such a field unread
and compute other values, so the version must say it."""


def bounds(kind: Any, key: str, *, whole: bool) -> Bounds:
    """Of a number in that field of a dataclass."""
    found: Bounds = getattr(kind, "BOUNDS", {}).get(key, _INT if whole else _ANY)
    return found


def check_recipes(image: ImageRecipe | None, audio: AudioRecipe | None, path: str) -> None:
    """The rules between the fields of an input's recipes.

    Raises:
        CardError: one is broken; says which key.
    """
    if image is not None:
        if image.scale == 0:
            raise CardError(f"{path}.image.scale: expected a number other than 0, found 0")
        _check_scaling(image, f"{path}.image", 1 if image.color == "gray" else 3)
    if audio is not None:
        _check_audio(audio, f"{path}.audio")


def check_hash(text: str, key: str) -> None:
    """Returns where a text is empty, or a SHA-256.

    Raises:
        CardError: it is something else.
    """
    if text and (len(text) != 64 or not _HEXADECIMAL.issuperset(text)):
        raise CardError(f"{key}: expected 64 hexadecimal digits, found {text[:80]!r}")


def check_shape(shape: tuple[int, ...], path: str) -> None:
    """Returns where the shape is one that a tensor may have.

    Raises:
        CardError: too many dimensions or elements.
    """
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


def span(recipe: AudioRecipe) -> int:
    """Samples that one input of the model covers."""
    if recipe.feature == "waveform":
        return recipe.samples
    if recipe.padding != "none":
        return recipe.samples or (recipe.frames - 1) * recipe.hop
    return (recipe.frames - 1) * recipe.hop + frame_length(recipe)


def frame_length(recipe: AudioRecipe) -> int:
    """Samples that one frame is made of."""
    return recipe.n_fft if recipe.window_at == "middle" else recipe.window


def check_version(recipe: AudioRecipe, path: str) -> None:
    """A version has nothing of a later one.

    Raises:
        CardError: it has; says which key.
    """
    from dataclasses import fields

    plain = {each.name: each.default for each in fields(AudioRecipe)}
    for version, keys, values in _NEW:
        new = [key for key in keys if getattr(recipe, key) != plain[key]]
        new += [key for key, choices in values.items() if getattr(recipe, key) in choices]
        if new and recipe.version < version:
            raise CardError(
                f"{path}.{new[0]}: {getattr(recipe, new[0])!r} is of version {version} of the front end, found version "
                f'{recipe.version}. Say "version": {version}, so that an older edgemm refuses the model instead of '
                "hearing something else"
            )


def _at_most(path: str, found: int, most: int, what: str) -> None:
    if found > most:
        raise CardError(f"{path}: expected at most {most} ({what}), found {found}")
