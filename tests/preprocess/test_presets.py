"""Presets are cards that compile once the model's shape is known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from needs import needs

from edgemm.card import ModelCard
from edgemm.card.presets import PRESETS, preset
from edgemm.errors import InputError
from edgemm.opencv import opencv
from edgemm.preprocess import compile_audio, compile_image, compile_points
from edgemm.preprocess.mel import mel_bank
from edgemm.tensors import TensorSpec
from tests.by_hand.cards import BLAZEFACE, POSE_DETECTOR

pytestmark = pytest.mark.device

IMAGES = {
    "imagenet": 224, "imagenet-tf": 224, "mnist": 28, "yolo": 640, "blazeface": 128, "blazepose": 224, "blazepalm": 192,
    "face-landmarks": 192, "pose-landmarks": 256, "hand-landmarks": 224, "super-resolution": 128,
    "super-resolution-luma": 128, "style": 256,
}  # fmt: skip
POINTS = {"hand-gesture": (1, 42), "finger-gesture": (1, 32)}
SOUNDS = {
    "logmel16k": (1, 98, 40),
    "logmel8k": (1, 98, 40),
    "waveform16k": (1, 16000),
    "microwakeword": (1, 3, 40),
    "mlperf-kws": (1, 49, 10),
    "kaldi-fbank80": (1, 98, 80),
    "librosa-mel64": (1, 101, 64),
    "silero-vad": (1, 576),
    "silero-segments": (1, 576),
    "yamnet": (1, 15600),
    "voicefilter-speaker": (1, 80, 40),
}


def test_each_preset_is_tested_here() -> None:
    assert set(PRESETS) == {*IMAGES, *SOUNDS, *POINTS}


@pytest.mark.parametrize("name", IMAGES)
def test_picture_presets_fill_a_tensor(name: str) -> None:
    needs(opencv)
    (card,) = preset(name).inputs
    channels = 1 if name in ("mnist", "super-resolution-luma") else 3
    spec = TensorSpec("input", (1, channels, IMAGES[name], IMAGES[name]), "float32")
    out = np.full(spec.shape, np.nan, np.float32)
    white = np.full((128, 128, 3) if name.startswith("super") else (300, 400, 3), 255, np.uint8)
    compile_image(replace(card, layout="NCHW"), spec)(white, "rgb", out)
    assert np.isfinite(out).all()
    expected = {"imagenet": (1 - 0.485) / 0.229, "style": 255.0}.get(name, 1.0)
    assert out[0, 0, IMAGES[name] // 2, IMAGES[name] // 2] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("name", "card"), [("blazeface", BLAZEFACE), ("blazepose", POSE_DETECTOR)])
def test_detectors_are_read_as_by_the_cards_of_those_who_read_them_by_hand(name: str, card: Any) -> None:
    by_hand = ModelCard.from_json(json.dumps(card))
    assert preset(name).recipe == by_hand.recipe
    assert preset(name).inputs[0].image == by_hand.inputs[0].image
    assert preset(name).labels == by_hand.labels
    assert preset("blazepalm").recipe.threshold == 0.5


@pytest.mark.parametrize("name", POINTS)
def test_points_presets_fill_a_tensor(name: str) -> None:
    (card,) = preset(name).inputs
    window = compile_points(card, TensorSpec("input", POINTS[name], "float32"))
    out = np.full(POINTS[name], np.nan, np.float32)
    hand = np.random.default_rng(0).uniform(0, 100, (21, 2))
    assert any(window.push(hand, (100, 100)) for _ in range(16))
    window.write(out)
    assert out[0, :2].tolist() == [0, 0]
    assert np.abs(out).max() == (1 if name == "hand-gesture" else 0)


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_presets_fill_a_tensor(name: str) -> None:
    card = preset(name).inputs[0]
    layout = "NT" if len(SOUNDS[name]) == 2 else "NTF"
    spec = TensorSpec("input", SOUNDS[name], "float32")
    rate = 8000 if name == "logmel8k" else 16000
    tensors = list(compile_audio(replace(card, layout=layout), spec).clip(np.zeros(rate, np.float32), rate))
    assert tensors
    assert np.isfinite(tensors).all()


@pytest.mark.parametrize("name", ["logmel16k", "logmel8k"])
def test_no_mel_filter_falls_between_two_bins(name: str) -> None:
    recipe = PRESETS[name].inputs[0].audio
    assert recipe is not None
    bank = mel_bank(recipe.sample_rate, recipe.n_fft, recipe.n_mels, recipe.fmin, recipe.fmax, "htk")
    assert (bank.sum(axis=1) > 0.1).all()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_the_same_after_writing_and_reading(name: str) -> None:
    assert ModelCard.from_json(preset(name).to_json()) == preset(name)


def test_an_unknown_name_lists_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"imagenet, imagenet-tf, mnist.*found 'imagenot'"):
        preset("imagenot")
