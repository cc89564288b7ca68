"""Maps of networks that look at one place: they point there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from attending import LABELS

import edgemm
from edgemm import data
from edgemm.data.scenes import stills
from edgemm.errors import InputError
from edgemm.judge.maps import explain
from edgemm.judge.maps.methods import METHODS, patches

SIDE, RATE = 16, 8000
TEXT = "the room was clean and quiet"


def noise(seed: int = 3) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A grey picture whose nine pixels are bright, and others are too."""
    pixels = np.random.default_rng(seed).integers(0, 255, (SIDE, SIDE)).astype(np.uint8)
    pixels[3:6, 9:12] = 255
    return pixels


def tone(hertz: float = 1000.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A second of noise, and a tone from beginning to end."""
    quiet = 0.003 * np.random.default_rng(1).normal(size=RATE)
    return np.asarray(0.5 * np.sin(2 * np.pi * hertz / RATE * np.arange(RATE)) + quiet, np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_of_a_picture_points_at_the_pixels_that_are_looked_at(place: edgemm.Model, method: str) -> None:
    found = explain(place, noise(), method=method, cells=8, runs=600)
    row, column = found.peak()
    assert found.values.shape == (SIDE, SIDE)
    assert found.target == "there"
    assert 3 <= row < 6
    assert 9 <= column < 12
    outside = found.values.copy()
    outside[1:8, 7:14] = 0  # a patch or a cell away from the nine pixels nothing is lost
    assert np.abs(outside).max() < 0.25 * found.values.max()


def test_occlusion_is_what_the_score_loses(place: edgemm.Model) -> None:
    """By hand: a patch over all nine pixels puts their mean to that of the picture."""
    pixels = noise()
    found = explain(place, pixels, cells=1)
    hidden = np.rint(pixels.mean()) / 255
    lost = 1 / (1 + np.exp(-6.0)) - 1 / (1 + np.exp(6.0 - 12.0 * hidden))
    assert found.values == pytest.approx(
        np.full((SIDE, SIDE), lost), abs=1e-3
    )  # rounded to whole grey levels
    assert found.runs == 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("baseline", ["silence", "mean"])
def test_a_map_of_sound_points_at_the_time_and_the_frequency_that_are_heard(
    band: edgemm.Model, method: str, baseline: str
) -> None:
    sound = tone()
    if baseline == "mean":  # the mean of a steady tone hides nothing of it: here it sounds for 0.2 s
        sound[: round(0.35 * RATE)] *= 0.01
        sound[round(0.55 * RATE) :] *= 0.01
    found = explain(band, sound, sample_rate=RATE, method=method, cells=10, runs=600, baseline=baseline)
    frame, place = found.peak()
    assert found.values.shape == (len(found.times_s), len(found.hertz))
    assert found.times_s[frame] == pytest.approx(0.45, abs=0.1)
    assert found.hertz[place] == pytest.approx(1000, abs=250)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("baseline", ["", "[UNK]"])
def test_a_map_of_a_text_points_at_the_word_that_counts(
    word: edgemm.Model, method: str, baseline: str
) -> None:
    found = explain(word, TEXT, method=method, runs=1500, baseline=baseline)
    assert found.words == tuple(TEXT.split())
    assert found.words[found.peak()[0]] == "clean"
    assert np.delete(found.values, 3) == pytest.approx(0.0, abs=0.1 if method == "masks" else 1e-6)


def test_what_speaks_against_an_answer_is_below_zero(word: edgemm.Model) -> None:
    found = explain(word, TEXT, target="not there")
    assert found.values[3] < -0.5
    assert found.score == pytest.approx(1 / (1 + np.exp(2)))


@pytest.mark.parametrize("target", [1, np.int64(1).item(), "not there"])
def test_a_target_is_a_label_or_a_number(place: edgemm.Model, target: str | int) -> None:
    assert explain(place, noise(), target=target, cells=2).target == LABELS[1]


def test_equal_seeds_give_equal_masks_and_others_others(place: edgemm.Model) -> None:
    one, same, other = (
        explain(place, noise(), method="masks", runs=30, seed=seed).values for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_an_answer_is_explained_without_touching_the_input(place: edgemm.Model) -> None:
    pixels = noise()
    explain(place, pixels, cells=3)
    assert np.array_equal(pixels, noise())


def test_a_detector_is_explained_by_the_thing_it_found() -> None:
    with edgemm.load(data.path("models/scene_detector.onnx")) as model:
        scene = next(stills(*data.digits(), seed=5, count=1)).pixels
        boxes = model(scene)
        found = explain(model, scene, target=0, cells=12)
        row, column = found.peak()
        left, top, right, bottom = boxes.boxes_xyxy[0]  # type: ignore[attr-defined]
        assert (left - 6 <= column <= right + 6, top - 6 <= row <= bottom + 6) == (True, True)
        with pytest.raises(InputError, match="the number of a box"):
            explain(model, scene, target=1000)
        with pytest.raises(InputError, match="found nothing"):
            explain(model, np.zeros_like(scene))


def test_a_segmentation_is_explained_by_the_region_of_a_class() -> None:
    with edgemm.load(data.path("models/scene_segmenter.onnx")) as model:
        scene = next(stills(*data.digits(), seed=5, count=1))
        found = explain(model, scene.pixels, cells=8)
        classes = model(scene.pixels).classes  # type: ignore[attr-defined]
        region = classes == model.card.labels.index(found.target)
        rows, columns = np.nonzero(region)
        row, column = found.peak()
        assert rows.min() - 18 <= row <= rows.max() + 18  # a patch is 18 pixels high
        assert columns.min() - 24 <= column <= columns.max() + 24
        assert found.score == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "oclusion"}, "Did you mean 'occlusion'"),
        ({"cells": 0}, "cells: expected a whole number from 1"),
        ({"cells": True}, "cells"),
        ({"runs": 1, "method": "masks"}, "runs: expected a whole number from 2"),
        ({"seed": -1}, "seed"),
        ({"target": "their"}, "Did you mean 'there'"),
        ({"target": 2}, "a number from 0 to 1"),
        ({"target": True}, "target"),
        ({"baseline": "silence"}, "baseline: expected one of mean, blur"),
    ],
)
def test_what_is_out_of_range_is_refused(place: edgemm.Model, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        explain(place, noise(), **changes)


def test_a_task_without_one_score_is_refused() -> None:
    with (
        edgemm.load(data.path("models/digits_ctc.onnx")) as model,
        pytest.raises(InputError, match="expected one of the tasks classification"),
    ):
        explain(model, tone(), sample_rate=RATE)


def test_a_bundle_and_bare_tensors_are_refused(place: edgemm.Model, tmp_path: Any) -> None:
    with (
        edgemm.load(data.path("models/written_numbers.onnx.zip")) as bundle,
        pytest.raises(InputError, match="a model of one file"),
    ):
        explain(bundle, "12")


@pytest.mark.parametrize("text", ["clean", ""])
def test_a_text_of_one_word_is_refused(word: edgemm.Model, text: str) -> None:
    with pytest.raises(InputError, match="two words or more"):
        explain(word, text)


def test_sound_that_is_no_number_is_refused(band: edgemm.Model) -> None:
    with pytest.raises(InputError, match="finite samples"):
        explain(band, np.full(RATE, np.nan, np.float32), sample_rate=RATE)


def test_a_map_becomes_json(word: edgemm.Model) -> None:
    found = explain(word, TEXT)
    assert replace(found).to_json()["words"] == list(found.words)
    assert found.to_json()["values"] == found.values.tolist()


@pytest.mark.parametrize("size", [1, 2, 7, 11, 16, 28])
@pytest.mark.parametrize("cells", [1, 3, 8])
def test_patches_reach_to_every_place(size: int, cells: int) -> None:
    """Also where the size is no multiple of a patch: the last one ends where the input does."""
    hidden = np.zeros((size, 3))
    for place in patches((size, 3), cells):
        hidden[place] += 1
    assert hidden.min() >= 1


def test_the_best_window_of_a_long_recording_counts_for_a_word(band: edgemm.Model) -> None:
    """Silence around a word changes nothing of its score."""
    sound = tone()
    alone = explain(band, sound, sample_rate=RATE, cells=1)
    longer = np.concatenate([sound, np.zeros(2 * RATE, np.float32)])
    assert explain(band, longer, sample_rate=RATE, cells=1).score == pytest.approx(alone.score, abs=0.02)


def test_patches_overlap_by_half() -> None:
    begins = [rows.start for rows, _ in patches((16, 1), 4)]
    assert begins == [0, 2, 4, 6, 8, 10, 12]
