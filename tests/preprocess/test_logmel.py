"""Running log-mel against all frames at once in numpy, and against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import AudioRecipe
from edgemm.preprocess.logmel import LogMel, logmel
from edgemm.preprocess.mel import mel_bank

pytestmark = pytest.mark.device

TOLERANCE = 1e-5
"""Natural-log units; the frames are rounded to float32, at values up to about 14."""
RECIPES = [
    AudioRecipe(),
    AudioRecipe(sample_rate=8000, window=200, hop=80, n_fft=256, fmax=3800.0),
    AudioRecipe(window=512, hop=512, n_fft=512, mel_scale="slaney", fmin=0.0, fmax=8000.0, power=1.0),
    AudioRecipe(window=401, hop=3, n_fft=1000, n_mels=13, power=1.5, log_offset=1e-3),
    AudioRecipe(n_mels=2, mean=(-3.0, 1.0), std=(2.0, 0.5)),
]


def noise(length: int) -> npt.NDArray[np.float32]:
    return (np.random.default_rng(length).standard_normal(length) * 0.1).astype(np.float32)


def batched(samples: npt.NDArray[np.float32], recipe: AudioRecipe) -> npt.NDArray[np.float64]:
    frames = np.lib.stride_tricks.sliding_window_view(samples, recipe.window)[:: recipe.hop]
    hann = 0.5 * (1.0 - np.cos(2.0 * np.pi * np.arange(recipe.window) / recipe.window))
    bank = mel_bank(
        recipe.sample_rate, recipe.n_fft, recipe.n_mels, recipe.fmin, recipe.fmax, recipe.mel_scale
    )
    spectrum = np.abs(np.fft.rfft(frames * hann, recipe.n_fft)) ** recipe.power
    mel = np.log(spectrum @ bank.T.astype(np.float64) + recipe.log_offset)
    normalised: npt.NDArray[np.float64] = (mel - np.array(recipe.mean)) / np.array(recipe.std)
    return normalised


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_same_as_batched_numpy(recipe: AudioRecipe) -> None:
    samples = noise(6000)
    np.testing.assert_allclose(logmel(samples, recipe), batched(samples, recipe), atol=TOLERANCE)


@pytest.mark.parametrize("block", [1, 7, 160, 401, 6000])
def test_blocks_of_any_size_give_the_same_bits(block: int) -> None:
    samples, running = noise(6000), LogMel(AudioRecipe())
    frames = [
        frame.copy()
        for at in range(0, len(samples), block)
        for frame in running.push(samples[at : at + block])
    ]
    assert np.array_equal(frames, logmel(samples, AudioRecipe()))


def test_a_frame_comes_with_the_last_sample_of_its_window() -> None:
    running, samples = LogMel(AudioRecipe()), noise(560)
    assert not list(running.push(samples[:399]))
    assert len(list(running.push(samples[399:400]))) == 1
    assert not list(running.push(samples[400:559]))
    assert len(list(running.push(samples[559:]))) == 1


def test_a_sine_lies_in_the_band_around_its_frequency() -> None:
    recipe = AudioRecipe()
    sine = np.sin(2 * np.pi * 1000.0 * np.arange(400) / 16000.0).astype(np.float32)
    bank = mel_bank(16000, 512, 40, recipe.fmin, recipe.fmax, "htk")
    assert logmel(sine, recipe)[0].argmax() == bank[:, 32].argmax()  # bin 32 of 512 at 16 kHz is 1000 Hz


def test_silence_is_the_logarithm_of_the_offset() -> None:
    silence = np.zeros(400, np.float32)
    np.testing.assert_allclose(logmel(silence, AudioRecipe()), np.log(1e-6), rtol=1e-6)


def test_reset_forgets_the_samples() -> None:
    running, samples = LogMel(AudioRecipe()), noise(400)
    list(running.push(noise(300)))
    running.reset()
    (frame,) = running.push(samples)
    assert np.array_equal(frame, logmel(samples, AudioRecipe())[0])


def test_too_short_a_recording_has_no_frames() -> None:
    assert logmel(noise(399), AudioRecipe()).shape == (0, 40)
    assert logmel(noise(0), AudioRecipe()).shape == (0, 40)


def test_one_mean_for_all_bands_is_one_for_each() -> None:
    one = AudioRecipe(mean=(-4.0,), std=(2.0,))
    each = replace(one, mean=(-4.0,) * 40, std=(2.0,) * 40)
    assert np.array_equal(logmel(noise(2000), one), logmel(noise(2000), each))
