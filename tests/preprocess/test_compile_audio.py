"""Audio cards that do not fit, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgemm.card import AudioRecipe, InputCard
from edgemm.errors import CardError, UnsupportedVersion
from edgemm.preprocess import compile_audio
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

SPEC = TensorSpec("input", (1, 98, 40), "int8", 0.1, 0)


def test_the_default_recipe_fits_a_second() -> None:
    window = compile_audio(InputCard(layout="NTF", audio=AudioRecipe()), SPEC)
    assert (window.span, window.stride) == (15920, 160)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_rate": 0}, "sample_rate: expected 1 to"),
        ({"n_fft": 1 << 30}, "n_fft: expected 2 to 65536"),
        ({"window": 513}, "window: expected 1 to 512, found 513"),
        ({"hop": 401}, "hop: expected 1 to 400, found 401"),
        ({"n_mels": 300}, "n_mels: expected 1 to 257"),
        ({"fmax": 8001.0}, "fmax: expected 0 to 8000, found 8001"),
        ({"fmin": 7600.0}, "fmin: expected 0 to fmax"),
        ({"power": float("nan")}, "power: expected"),
        ({"log_offset": 0.0}, "log_offset: expected"),
        ({"mel_scale": "bark"}, "mel_scale: expected htk, slaney or kaldi, found 'bark'"),
        ({"feature": "plp"}, "feature: expected waveform, logmel, mfcc or microfrontend, found 'plp'"),
        ({"feature": "mfcc"}, "feature: 'mfcc' is of version 2"),
        ({"mel_scale": "kaldi"}, "mel_scale: 'kaldi' is of version 2"),
        ({"preemphasis": 0.97}, r"preemphasis: 0\.97 is of version 2"),
        ({"version": 2, "window_type": "hamming"}, "window_type: 'hamming' is of version 3.*found version 2"),
        ({"window_at": "middle"}, "window_at: 'middle' is of version 3"),
        (
            {"version": 3, "window_at": "middle", "padding": "reflect", "frames": 98, "samples": 15520},
            'window_at: expected "start" with padding',
        ),
        ({"version": 2, "feature": "mfcc"}, "n_mfcc: expected 1 to 40, found 0"),
        ({"version": 2, "feature": "microfrontend", "n_fft": 400}, "n_fft: expected a power of two"),
        (
            {"version": 2, "feature": "microfrontend", "log": "db"},
            "log: expected 'offset' with microfrontend",
        ),
        ({"version": 2, "padding": "reflect", "samples": 300}, "samples: expected at least n_fft"),
        ({"version": 2, "padding": "reflect", "samples": 16000}, "frames: expected 101, which 16000"),
        ({"version": 2, "lead": 15920}, "lead: expected 0 to 15919, found 15920"),
        ({"stride": 100}, "stride: expected a multiple of hop"),
        ({"stride": 0}, "stride: expected 1 to"),
        ({"mean": (0.0, 1.0)}, "mean: expected 1 number or 40, found 2"),
        ({"std": (0.0,)}, "std: expected finite numbers, and none 0"),
        ({"std": (float("inf"),)}, "std: expected finite numbers"),
        ({"frames": 49}, r"makes NTF \[1, 49, 40\], the tensor is \[1, 98, 40\]"),
        ({"feature": "waveform", "samples": 16000}, "expected layout NT for waveform, found 'NTF'"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        compile_audio(InputCard(layout="NTF", audio=replace(AudioRecipe(), **changes)), SPEC)


@pytest.mark.parametrize(
    ("dtype", "scale", "message"),
    [("int8", 0.0, "found int8 without a scale"), ("int64", 0.1, "found int64"), ("bool", 0.0, "found bool")],
)
def test_a_tensor_that_cannot_hold_sound_is_refused(dtype: str, scale: float, message: str) -> None:
    with pytest.raises(CardError, match=message):
        compile_audio(InputCard(layout="NTF", audio=AudioRecipe()), replace(SPEC, dtype=dtype, scale=scale))


def test_a_newer_front_end_is_not_computed_as_an_old_one() -> None:
    with pytest.raises(UnsupportedVersion, match="expected 1 to 3, found 4"):
        compile_audio(InputCard(layout="NTF", audio=AudioRecipe(version=4)), SPEC)


def test_a_card_without_an_audio_recipe_is_refused() -> None:
    with pytest.raises(CardError, match="expected a card with `audio`"):
        compile_audio(InputCard(layout="NTF"), SPEC)


def test_a_waveform_of_no_samples_is_refused() -> None:
    recipe = AudioRecipe(feature="waveform")
    with pytest.raises(CardError, match=r"makes NT \[1, 0\]"):
        compile_audio(InputCard(layout="NT", audio=recipe), TensorSpec("input", (1, 0), "float32"))
