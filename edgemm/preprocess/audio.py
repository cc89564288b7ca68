"""A card's audio recipe, checked against the tensor and made ready to run."""

from __future__ import annotations

from typing import Literal, get_args, get_origin, get_type_hints

from edgemm.card import AudioRecipe, InputCard
from edgemm.card.rules import bands, check_version, span
from edgemm.errors import CardError, UnsupportedVersion
from edgemm.preprocess.window import MAX_RATE, AudioWindow
from edgemm.tensors import TensorSpec

VERSION = 3
"""Newest front end that this edgemm computes; it computes the older ones too."""
SMALLEST = 1e-12
"""A standard deviation (`std`) closer to 0 is an error in the card, and so is any number above 1 / SMALLEST."""
MAX_FFT = 1 << 16
MAX_STRIDE = 1 << 24
"""Samples."""


def compile_audio(card: InputCard, spec: TensorSpec) -> AudioWindow:
    """The card's audio recipe as a running window over sound.

    Args:
        card: with `audio`, and `layout` NTF, NFT, NTFC or NCTF for frames, NT for a waveform.
        spec: of the tensor; float32, or quantized integers.

    Raises:
        CardError: the card has no audio recipe, or one that is invalid or does not fit the tensor.
        UnsupportedVersion: the recipe is of a newer front end.
    """
    recipe = card.audio
    if recipe is None:
        raise CardError(f"input {card.name!r}: expected a card with `audio`, found none")
    if not 1 <= recipe.version <= VERSION:
        raise UnsupportedVersion(
            f"audio.version: expected 1 to {VERSION}, found {recipe.version}. A newer edgemm is needed for this model"
        )
    check_version(recipe, "audio")
    _check_choices(recipe)
    _range("sample_rate", recipe.sample_rate, 1, MAX_RATE)
    _range("stride", recipe.stride, 1, MAX_STRIDE)
    _range("lead", recipe.lead, 0, max(0, span(recipe) - 1))
    if recipe.feature != "waveform":
        _check_frames(recipe)
    _check_numbers(recipe)
    _check_tensor(recipe, card.layout, spec)
    return AudioWindow(recipe, card.layout, spec)


def _range(key: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise CardError(f"audio.{key}: expected {least:g} to {most:g}, found {value:g}")


def _check_frames(recipe: AudioRecipe) -> None:
    _range("n_fft", recipe.n_fft, 2, MAX_FFT)
    _range("window", recipe.window, 1, recipe.n_fft)
    _range("hop", recipe.hop, 1, recipe.window)
    _range("n_mels", recipe.n_mels, 1, recipe.n_fft // 2 + 1)
    _range("fmax", recipe.fmax, 0, recipe.sample_rate / 2)
    _range("power", recipe.power, 0.1, 10)
    _range("log_offset", recipe.log_offset, 1e-30, 1e6)
    if not 0 <= recipe.fmin < recipe.fmax:
        raise CardError(f"audio.fmin: expected 0 to fmax ({recipe.fmax:g}), found {recipe.fmin:g}")
    if recipe.stride % recipe.hop:
        raise CardError(f"audio.stride: expected a multiple of hop ({recipe.hop}), found {recipe.stride}")
    if recipe.feature == "mfcc":
        _range("n_mfcc", recipe.n_mfcc, 1, recipe.n_mels)
    if recipe.feature == "microfrontend":
        _check_micro(recipe)
    if recipe.padding != "none":
        _check_padding(recipe)
        if recipe.window_at != "start":
            raise CardError(
                'audio.window_at: expected "start" with padding, which centres each frame itself, found '
                f'"{recipe.window_at}"'
            )


def _check_choices(recipe: AudioRecipe) -> None:
    """For cards made in Python: those read from a file were checked by the reader."""
    for key, hint in get_type_hints(AudioRecipe).items():
        if get_origin(hint) is Literal and getattr(recipe, key) not in get_args(hint):
            *most, last = get_args(hint)
            raise CardError(
                f"audio.{key}: expected {', '.join(most)} or {last}, found {getattr(recipe, key)!r}"
            )


def _check_micro(recipe: AudioRecipe) -> None:
    """Refuses settings that TFLite Micro's front end does not have."""
    if recipe.n_fft & (recipe.n_fft - 1) or recipe.n_fft < 64:
        raise CardError(f"audio.n_fft: expected a power of two from 64 on, found {recipe.n_fft}")
    plain = AudioRecipe()
    for key in (
        "padding",
        "normalize",
        "remove_dc",
        "preemphasis",
        "window_type",
        "window_at",
        "log",
        "gain",
    ):
        if getattr(recipe, key) != getattr(plain, key):
            raise CardError(
                f"audio.{key}: expected {getattr(plain, key)!r} with microfrontend, which has its own processing, "
                f"found {getattr(recipe, key)!r}"
            )


def _check_padding(recipe: AudioRecipe) -> None:
    covered = span(recipe)
    if covered < recipe.n_fft:
        raise CardError(f"audio.samples: expected at least n_fft ({recipe.n_fft}), found {covered}")
    if 1 + covered // recipe.hop != recipe.frames:
        raise CardError(
            f"audio.frames: expected {1 + covered // recipe.hop}, which {covered} padded samples make, "
            f"found {recipe.frames}"
        )


def _check_numbers(recipe: AudioRecipe) -> None:
    most = 1 if recipe.feature == "waveform" else bands(recipe)
    for key in ("mean", "std"):
        numbers = getattr(recipe, key)
        if len(numbers) not in (1, most):
            raise CardError(f"audio.{key}: expected 1 number or {most}, found {len(numbers)}")
        least = SMALLEST if key == "std" else 0.0
        if not all(least <= abs(number) <= 1 / SMALLEST for number in numbers):
            raise CardError(f"audio.{key}: expected finite numbers, and none 0 in std; found {numbers}")


def _check_tensor(recipe: AudioRecipe, layout: str, spec: TensorSpec) -> None:
    time, numbers = recipe.frames, bands(recipe)
    shapes: dict[str, tuple[int, ...]] = {"NT": (1, recipe.samples)}
    if recipe.feature != "waveform":
        shapes = {
            "NTF": (1, time, numbers),
            "NFT": (1, numbers, time),
            "NTFC": (1, time, numbers, 1),
            "NCTF": (1, 1, time, numbers),
        }
    if layout not in shapes:
        raise CardError(
            f"input {spec.name!r}: expected layout {', '.join(shapes)} for {recipe.feature}, found {layout!r}"
        )
    without_batch = layout == "NT" and spec.shape == shapes[layout][1:]  # as YAMNet has it
    if not (spec.shape == shapes[layout] or without_batch) or 0 in spec.shape:
        raise CardError(
            f"input {spec.name!r}: the card's audio recipe makes {layout} {list(shapes[layout])}, "
            f"the tensor is {list(spec.shape)}"
        )
    if spec.dtype != "float32" and not (spec.quantized and spec.dtype in ("int8", "uint8", "int16")):
        raise CardError(
            f"input {spec.name!r}: expected float32, or int8, uint8 or int16 with a quantization scale; "
            f"found {spec.dtype}" + ("" if spec.quantized else " without a scale")
        )
