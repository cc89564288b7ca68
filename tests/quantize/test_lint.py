"""Each thing that calibration data can be has its own message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.card import AudioRecipe, ImageRecipe, InputCard
from edgemm.errors import CalibrationError, InputError
from edgemm.quantize import lint
from edgemm.quantize.recipe import logmel_bounds, recipe_of

Make = Callable[..., Any]

IMAGENET = ImageRecipe(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
UNIT = ImageRecipe()
"""Pixels to 0..1."""
CENTRED = ImageRecipe(scale=1.0, mean=(127.5,), std=(127.5,))
"""Pixels to -1..1."""
RECIPES = pytest.mark.parametrize(
    "recipe", [IMAGENET, UNIT, CENTRED], ids=["imagenet", "zero to one", "minus one to one"]
)


@pytest.fixture
def model(build: Make) -> ir.Model:
    found: ir.Model = build("graph (float[1, 3, 6, 6] x) => (float[1, 3, 6, 6] y) { [relu] y = Relu (x) }")
    return found


def pixels(count: int = 16) -> list[Any]:
    """Seeded pictures, NCHW, black and white in each."""
    pictures = np.random.default_rng(0).integers(0, 256, (count, 1, 3, 6, 6)).astype(np.float32)
    pictures[:, :, :, 0, 0], pictures[:, :, :, 0, 1] = 0, 255
    return list(pictures)


def prepared(recipe: ImageRecipe, pictures: list[Any]) -> list[Any]:
    """What the recipe makes of them."""
    mean, std = (np.reshape(part, (-1, 1, 1)) for part in (recipe.mean, recipe.std))
    return [((picture * recipe.scale - mean) / std).astype(np.float32) for picture in pictures]


def named(arrays: list[Any]) -> list[dict[str, Any]]:
    return [{"x": array} for array in arrays]


def card(recipe: ImageRecipe) -> tuple[InputCard, ...]:
    return (InputCard(name="x", modality="image", image=recipe),)


@RECIPES
def test_good_data_gives_no_warning(model: ir.Model, recipe: ImageRecipe) -> None:
    assert lint(model, named(prepared(recipe, pixels())), card(recipe)) == ()


@RECIPES
def test_data_normalised_twice_is_refused(model: ir.Model, recipe: ImageRecipe) -> None:
    twice = prepared(recipe, prepared(recipe, pixels()))
    with pytest.raises(CalibrationError, match="normalising twice"):
        lint(model, named(twice), card(recipe))


def test_data_divided_by_255_before_the_recipe_is_refused(model: ir.Model) -> None:
    divided = [picture / 255 for picture in pixels()]
    with pytest.raises(CalibrationError, match="normalising twice"):
        lint(model, named(prepared(IMAGENET, divided)), card(IMAGENET))


@RECIPES
def test_raw_pixels_are_refused_and_recognised(model: ir.Model, recipe: ImageRecipe) -> None:
    with pytest.raises(
        CalibrationError, match=r"found 0\.\.255\. It looks like pixels that were never normalised"
    ):
        lint(model, named(pixels()), card(recipe))


def test_values_that_the_preprocessing_cannot_make_are_refused(model: ir.Model) -> None:
    far = [array - 5 for array in prepared(UNIT, pixels())]
    with pytest.raises(CalibrationError, match=r"makes values of 0\.\.1, found -5\.\.-4\. prepare"):
        lint(model, named(far), card(UNIT))


def test_rounding_beyond_the_bounds_is_no_fault(model: ir.Model) -> None:
    assert lint(model, named([array * 1.005 for array in prepared(UNIT, pixels())]), card(UNIT)) == ()


def test_without_a_card_any_values_will_do(model: ir.Model) -> None:
    assert lint(model, named(pixels())) == ()


def test_a_constant_input_is_refused(model: ir.Model) -> None:
    with pytest.raises(CalibrationError, match=r"found the constant 0\.5 in all 16 samples"):
        lint(model, named([np.full((1, 3, 6, 6), 0.5, np.float32)] * 16))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(model: ir.Model, bad: float) -> None:
    arrays = pixels()
    arrays[3][0, 0, 2, 2] = bad
    with pytest.raises(CalibrationError, match="sample 3, input 'x': expected finite numbers, found 1"):
        lint(model, named(arrays))


MASKED = """graph (float[4, 4] x, float[4, 4] m) => (float[4, 4] y) {
    [add] a = {op} (x, m) [turn] b = Transpose <perm = [1, 0]> (a) [soft] y = Softmax <axis = 1> (b) }"""


@pytest.mark.parametrize(
    ("op", "bad", "fine"),
    [("Add", -np.inf, True), ("Add", np.inf, False), ("Add", np.nan, False), ("Mul", -np.inf, False)],
)
def test_an_input_that_masks_may_be_negative_infinity(build: Make, op: str, bad: float, fine: bool) -> None:
    random = np.random.default_rng(0)
    samples = [{name: random.normal(size=(4, 4)).astype(np.float32) for name in "xm"} for _ in range(16)]
    for sample in samples:
        sample["m"][0, 1] = bad
    found = build(MASKED.replace("{op}", op))
    if fine:
        assert lint(found, samples) == ()
        return
    with pytest.raises(CalibrationError, match="'m': expected finite numbers"):
        lint(found, samples)


def test_one_picture_repeated_is_refused(model: ir.Model) -> None:
    with pytest.raises(CalibrationError, match="16 that are all alike"):
        lint(model, named(pixels(1) * 16))


def test_samples_that_differ_by_less_than_a_step_are_refused(model: ir.Model) -> None:
    first = pixels(1)[0]
    with pytest.raises(CalibrationError, match="all alike"):
        lint(model, named([first + 0.01 * number for number in range(16)]))


def test_many_copies_among_others_are_a_warning(model: ir.Model) -> None:
    (warning,) = lint(model, named(pixels(1) * 12 + pixels(8)))
    assert "13 of 20 calibration samples are copies" in warning


def test_few_samples_are_a_warning(model: ir.Model) -> None:
    (warning,) = lint(model, named(pixels(15)))
    assert "only 15 calibration samples" in warning


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ({"image": np.zeros((1, 3, 6, 6), np.float32)}, r"expected inputs \['x'\], found \['image'\]"),
        ({"x": np.zeros((1, 6, 6, 3), np.float32)}, r"\[1, 3, 6, 6\], found float32 \[1, 6, 6, 3\]"),
        ({"x": np.zeros((1, 3, 6, 6))}, r"expected float32 .*, found float64"),
    ],
    ids=["name", "shape", "type"],
)
def test_a_sample_that_does_not_fit_the_model_is_refused(
    model: ir.Model, sample: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        lint(model, [sample])


def test_no_samples_are_refused(model: ir.Model) -> None:
    with pytest.raises(InputError, match="found none"):
        lint(model, [])


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("mel_scale", ["htk", "slaney"])
def test_no_sound_passes_the_bounds_of_log_mel(power: float, mel_scale: Any) -> None:
    from edgemm.preprocess.mel import mel_bank

    audio = AudioRecipe(power=power, mel_scale=mel_scale)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(audio.window) / audio.window)
    time = np.arange(audio.window) / audio.sample_rate
    bank = mel_bank(audio.sample_rate, audio.n_fft, audio.n_mels, audio.fmin, audio.fmax, audio.mel_scale)
    sounds = [np.sign(np.sin(2 * np.pi * f * time)) for f in (50, 440, 1000, 3000)]
    sounds += [np.random.default_rng(0).choice([-1.0, 1.0], audio.window), np.zeros(audio.window)]
    spectra = np.abs(np.fft.rfft(np.stack(sounds) * hann, audio.n_fft)) ** audio.power
    heard = np.log(spectra @ bank.reshape(audio.n_mels, -1).T + audio.log_offset)
    low, high = logmel_bounds(audio)
    assert low <= heard.min() + 1e-9  # silence is exactly log(log_offset), but for the logarithm's rounding
    assert heard.max() <= high


def test_sound_samples_may_overshoot_a_little() -> None:
    recipe = recipe_of(InputCard(audio=AudioRecipe(feature="waveform")))
    assert recipe is not None
    assert (recipe.low, recipe.high) == (-1.1, 1.1)


def test_log_mel_that_was_never_taken_as_a_logarithm_is_refused(model: ir.Model) -> None:
    cards = (InputCard(name="x", modality="audio", audio=AudioRecipe()),)
    with pytest.raises(CalibrationError, match=r"the card's preprocessing makes values of -13\.82"):
        lint(model, named(pixels()), cards)
