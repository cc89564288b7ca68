"""Whether maps mean something: known areas by hand, and the bundled networks, float and int8."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from edgemm import data
from edgemm.errors import InputError
from edgemm.judge.maps import MapScore, agreement, compare, explain, score_maps, summed
from edgemm.judge.maps.deletion import Areas, areas, random_map
from edgemm.judge.maps.map import Map

SIDE = 16
MARGIN = 0.1
"""Of the area, 0..1: maps that are better than random ones by less would be of little use."""


def a_map(values: Any, target: str = "there") -> Map:
    return Map(np.asarray(values, np.float32), target, 1.0, "occlusion", 2, "image")


def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The nine pixels that the network looks at are white, all others black."""
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[3:6, 9:12] = 255
    return pixels


def test_areas_of_a_known_map_are_those_by_hand(place: edgemm.Model) -> None:
    """The nine pixels first: the score falls in the first of 16 steps, of 16 pixels each, and is the mean picture's."""
    right = np.zeros((SIDE, SIDE))
    right[3:6, 9:12] = 1
    own, _ = compare(place, picture(), a_map(right), randoms=1)
    whole, nothing = (1 / (1 + np.exp(6.0 - 12.0 * level / 255)) for level in (255, np.rint(9 / 256 * 255)))
    assert own.deletion == pytest.approx((whole / 2 + 15 * nothing + nothing / 2) / 16, abs=1e-4)
    assert own.insertion == pytest.approx((nothing / 2 + 15 * whole + whole / 2) / 16, abs=1e-4)
    wrong, _ = compare(place, picture(), a_map(-right), randoms=1)
    assert wrong.deletion == pytest.approx(own.insertion, abs=1e-4)
    assert wrong.insertion == pytest.approx(own.deletion, abs=1e-4)


def test_a_right_map_means_something_and_a_random_one_nothing(place: edgemm.Model) -> None:
    pictures = [
        np.random.default_rng(seed).integers(0, 90, (SIDE, SIDE)).astype(np.uint8) for seed in range(8)
    ]
    for each in pictures:
        each[3:6, 9:12] = 255
    assert score_maps(place, pictures, method="occlusion").means_something
    generator = np.random.default_rng(5)
    pairs = [
        compare(place, each, a_map(random_map(generator, (SIDE, SIDE))), seed=seed)
        for seed, each in enumerate(pictures)
    ]
    assert not summed(pairs).means_something


def test_margins_are_paired_and_have_an_interval() -> None:
    pairs = [(Areas(0.1 * at, 0.9), Areas(0.1 * at + 0.2, 0.5)) for at in range(6)]
    found = summed(pairs)
    assert found.deletion_margin == pytest.approx(0.2)
    assert found.deletion_interval == pytest.approx(
        (0.2, 0.2)
    )  # the same at each input, however these differ
    assert found.insertion_margin == pytest.approx(0.4)
    assert found.samples == 6
    mixed = summed([(Areas(0.5, 0.5), Areas(0.5 + each, 0.5 + each)) for each in (0.3, -0.3, 0.2, -0.2)])
    low, high = mixed.deletion_interval
    assert -0.3 < low < 0 < high < 0.3
    assert not mixed.means_something
    for own in (Areas(0.6, 0.9), Areas(0.1, 0.4)):  # worse than random by one of the two
        assert not summed([(own, Areas(0.5, 0.5))] * 3).means_something
    with pytest.raises(InputError, match="two inputs or more"):
        summed(pairs[:1])


def test_agreement_is_spearmans() -> None:
    spearmanr = package("scipy.stats").spearmanr
    one, other = np.random.default_rng(2).normal(size=(2, 40)).round(1)  # with equal values among them
    assert agreement(a_map(one), a_map(other)) == pytest.approx(spearmanr(one, other).statistic)
    assert agreement(a_map(one), a_map(2 * one + 1)) == pytest.approx(1.0)
    assert agreement(a_map(one), a_map(np.zeros(40))) == 0.0
    with pytest.raises(InputError, match="maps of one input"):
        agreement(a_map(one), a_map(one[:7]))


def test_a_map_of_another_input_is_refused(place: edgemm.Model) -> None:
    with pytest.raises(InputError, match=r"expected one of this input, \[16, 16\], found \[4, 4\]"):
        compare(place, picture(), a_map(np.zeros((4, 4))))
    with pytest.raises(InputError, match="randoms"):
        compare(place, picture(), a_map(np.zeros((SIDE, SIDE))), randoms=0)


def maps_of(path: Path, inputs: list[Any], rate: int | None) -> list[Map]:
    """Of each input, held to random maps."""
    with edgemm.load(path) as model:
        found = [explain(model, x, method="masks", runs=120, sample_rate=rate) for x in inputs]
        pairs = [
            compare(model, x, each, randoms=2, sample_rate=rate)
            for x, each in zip(inputs, found, strict=True)
        ]
    score = summed(pairs)
    assert score.means_something
    assert min(score.deletion_interval[0], score.insertion_interval[0]) > MARGIN
    return found


@pytest.mark.parametrize("name", ["digits", "keywords"])
def test_maps_of_float_and_int8_mean_something_and_agree(tmp_path: Path, name: str) -> None:
    package("onnx")
    from edgemm.converters import convert

    source, rate = data.path(f"models/{name}.onnx"), None if name == "digits" else 8000
    calibration = data.path("digits" if name == "digits" else "calibration_words")
    words = [samples for _, samples, _ in data.spoken_digits()][:4]
    inputs: list[Any] = list(data.digits()[0][::90]) if name == "digits" else words
    exact = maps_of(source, inputs, rate)
    for suffix in ("tflite", "onnx"):
        convert(source, output=tmp_path / f"int8.{suffix}", calibrate=calibration)
        rounded = maps_of(tmp_path / f"int8.{suffix}", inputs, rate)
        assert np.mean([agreement(*both) for both in zip(exact, rounded, strict=True)]) > 0.9


def test_a_score_becomes_json() -> None:
    found = MapScore(2, 0.1, 0.4, 0.9, 0.5, 0.3, (0.2, 0.4), 0.4, (-0.1, 0.5))
    assert found.to_json()["deletion_interval"] == [0.2, 0.4]
    assert found.to_json()["means_something"] is False


def test_each_step_hides_and_shows_its_share_and_no_more() -> None:
    """Where the score is the share that is shown, squared, both areas are those of the parabola at five places."""
    parts: Any = SimpleNamespace(shown=lambda mask: mask)
    asked: Any = SimpleNamespace(score=1.0, ask=lambda mask: float(mask.mean()) ** 2)
    found = areas(parts, asked, np.arange(8, dtype=np.float32).reshape(2, 4), steps=4)
    scores = np.linspace(0, 1, 5) ** 2
    expected = float(((scores[1:] + scores[:-1]) / 2).mean())
    assert found.deletion == pytest.approx(expected)
    assert found.insertion == pytest.approx(expected)
