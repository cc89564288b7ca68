"""A card's audio recipe, checked against the tensor and made ready to run."""

from __future__ import annotations

from edgemm.card import AudioRecipe, InputCard
from edgemm.errors import CardError, UnsupportedVersion
from edgemm.preprocess.window import MAX_RATE, AudioWindow
from edgemm.tensors import TensorSpec

VERSION = 1
"""Newest front end that this edgemm computes."""
SMALLEST = 1e-12
"""A deviation nearer to 0 is an error in the card; so is any number larger than the inverse."""
MAX_FFT = 1 << 16
MAX_STRIDE = 1 << 24
"""Samples."""


def compile_audio(card: InputCard, spec: TensorSpec) -> AudioWindow:
    """The card's audio recipe as a running window over sound.

    Args:
        card: with `audio`, and `layout` NTF, NFT, NTFC or NCTF for log-mel, NT for a waveform.
        spec: of the tensor; float32, or quantized integers.

    Raises:
        CardError: the card has no audio recipe, or one that makes no sense or does not fit the tensor.
        UnsupportedVersion: the recipe is of a newer front end.
    """
    recipe = card.audio
    if recipe is None:
        raise CardError(f"input {card.name!r}: expected a card with `audio`, found none")
    if recipe.version != VERSION:
        raise UnsupportedVersion(
            f"audio.version: expected {VERSION}, found {recipe.version}. A newer edgemm is needed for this model"
        )
    _range("sample_rate", recipe.sample_rate, 1, MAX_RATE)
    _range("stride", recipe.stride, 1, MAX_STRIDE)
    if recipe.feature == "logmel":
        _check_logmel(recipe)
    elif recipe.feature != "waveform":
        raise CardError(f"audio.feature: expected waveform or logmel, found {recipe.feature!r}")
    _check_numbers(recipe)
    _check_tensor(recipe, card.layout, spec)
    return AudioWindow(recipe, card.layout, spec)


def _range(key: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise CardError(f"audio.{key}: expected {least:g} to {most:g}, found {value:g}")


def _check_logmel(recipe: AudioRecipe) -> None:
    _range("n_fft", recipe.n_fft, 2, MAX_FFT)
    _range("window", recipe.window, 1, recipe.n_fft)
    _range("hop", recipe.hop, 1, recipe.window)
    _range("n_mels", recipe.n_mels, 1, recipe.n_fft // 2 + 1)
    _range("fmax", recipe.fmax, 0, recipe.sample_rate / 2)
    _range("power", recipe.power, 0.1, 10)
    _range("log_offset", recipe.log_offset, 1e-30, 1e6)
    if not 0 <= recipe.fmin < recipe.fmax:
        raise CardError(f"audio.fmin: expected 0 to fmax ({recipe.fmax:g}), found {recipe.fmin:g}")
    if recipe.mel_scale not in ("htk", "slaney"):
        raise CardError(f"audio.mel_scale: expected htk or slaney, found {recipe.mel_scale!r}")
    if recipe.stride % recipe.hop:
        raise CardError(f"audio.stride: expected a multiple of hop ({recipe.hop}), found {recipe.stride}")


def _check_numbers(recipe: AudioRecipe) -> None:
    most = recipe.n_mels if recipe.feature == "logmel" else 1
    for key in ("mean", "std"):
        numbers = getattr(recipe, key)
        if len(numbers) not in (1, most):
            raise CardError(f"audio.{key}: expected 1 number or {most}, found {len(numbers)}")
        least = SMALLEST if key == "std" else 0.0
        if not all(least <= abs(number) <= 1 / SMALLEST for number in numbers):
            raise CardError(f"audio.{key}: expected finite numbers, and none 0 in std; found {numbers}")


def _check_tensor(recipe: AudioRecipe, layout: str, spec: TensorSpec) -> None:
    time, bands = recipe.frames, recipe.n_mels
    shapes: dict[str, tuple[int, ...]] = {"NT": (1, recipe.samples)}
    if recipe.feature == "logmel":
        shapes = {
            "NTF": (1, time, bands),
            "NFT": (1, bands, time),
            "NTFC": (1, time, bands, 1),
            "NCTF": (1, 1, time, bands),
        }
    if layout not in shapes:
        raise CardError(
            f"input {spec.name!r}: expected layout {', '.join(shapes)} for {recipe.feature}, found {layout!r}"
        )
    if spec.shape != shapes[layout] or 0 in spec.shape:
        raise CardError(
            f"input {spec.name!r}: the card's audio recipe makes {layout} {list(shapes[layout])}, "
            f"the tensor is {list(spec.shape)}"
        )
    if spec.dtype != "float32" and not (spec.quantized and spec.dtype in ("int8", "uint8", "int16")):
        raise CardError(
            f"input {spec.name!r}: expected float32, or int8, uint8 or int16 with a quantization scale; "
            f"found {spec.dtype}" + ("" if spec.quantized else " without a scale")
        )
