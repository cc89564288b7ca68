"""What spoils data: stronger is worse in decibels, one seed gives one result, and the truth goes with the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm import data
from edgemm.affine import inverse, transform
from edgemm.errors import InputError
from edgemm.judge.corruptions import KINDS, STRENGTHS, kinds, spoil
from edgemm.judge.corruptions.pictures import turn
from edgemm.judge.corruptions.truths import spoilt_truth
from edgemm.judge.truth import TrueClasses, TruePoints

PICTURES, SOUNDS = tuple(KINDS["image"]), tuple(KINDS["audio"])


def photograph() -> npt.NDArray[np.uint8]:
    """uint8[96, 128, 3], smooth with edges."""
    y, x = np.mgrid[:96, :128]
    picture = np.stack([x * 2, y * 2.5, 128 + 60 * np.sin(x / 9) * np.cos(y / 7)], axis=2)
    picture[30:60, 40:90] = (200, 40, 90)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def decibels(right: npt.NDArray[Any], found: npt.NDArray[Any]) -> float:
    right, found = right.astype(np.float64), found.astype(np.float64)
    return float(10 * np.log10(np.mean(right**2) / np.mean((right - found) ** 2)))


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_stronger_corruption_of_a_picture_is_worse(kind: str, seed: int) -> None:
    picture = photograph()
    spoilt = [spoil("image", kind, strength, picture, [seed, 7]) for strength in STRENGTHS]
    assert all(each.shape == picture.shape and each.dtype == np.uint8 for each in spoilt)
    found = [decibels(picture, each) for each in spoilt]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(STRENGTHS)
    assert found[0] < 50
    assert found[-1] > -3


@pytest.mark.parametrize("kind", ["noise", "reverberation", "gain"])
def test_a_stronger_corruption_of_sound_is_worse(kind: str) -> None:
    _, samples, rate = data.spoken_digits()[4]
    found = [
        decibels(samples, spoil("audio", kind, strength, samples, [0], sample_rate=rate))
        for strength in STRENGTHS
    ]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(STRENGTHS)


@pytest.mark.parametrize(("strength", "snr_db"), [(1, 30), (2, 20), (3, 10), (4, 5), (5, 0)])
def test_noise_of_sound_is_as_loud_as_it_says(strength: int, snr_db: float) -> None:
    """A second at 8 kHz: the power of the noise is known within 0.2 dB."""
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    spoilt = spoil("audio", "noise", strength, tone, [3], sample_rate=8000)
    assert decibels(tone, spoilt) == pytest.approx(snr_db, abs=0.2)


@pytest.mark.parametrize(("strength", "sigma"), [(1, 8), (2, 16), (3, 32), (4, 48), (5, 64)])
def test_noise_of_a_grey_picture_has_the_deviation_that_it_says(strength: int, sigma: float) -> None:
    """Clipping at 0 and 255 takes up to 4 % of the widest."""
    grey = np.full((200, 200), 128, np.uint8)
    assert spoil("image", "noise", strength, grey, [1]).std() == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_speed_changes_length_and_pitch_alike(strength: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(8000) / 8000).astype(np.float32)
    factors = []
    for seed in range(6):
        spoilt = spoil("audio", "speed", strength, tone, [seed], sample_rate=8000)
        factor = 8000 / len(spoilt)
        peak_hz = np.abs(np.fft.rfft(spoilt)).argmax() * 8000 / len(spoilt)
        assert peak_hz == pytest.approx(500 * factor, rel=0.01)
        assert np.abs(spoilt).max() == pytest.approx(0.5, rel=0.02)
        factors.append(round(factor, 3))
    low, high = min(factors), max(factors)
    assert low < 1 < high
    assert high == pytest.approx((1.05, 1.1, 1.2, 1.3, 1.5)[strength - 1], rel=1e-3)
    assert low == pytest.approx(1 / high, rel=1e-3)


def test_a_room_answers_behind_the_sound() -> None:
    click = np.zeros(8000, np.float32)
    click[100] = 0.5
    heard = spoil("audio", "reverberation", 3, click, [0], sample_rate=8000)
    assert not np.abs(heard[:100]).max() > 1e-6
    assert np.abs(heard).argmax() == 100
    early, late = np.abs(heard[101:1100]).mean(), np.abs(heard[5000:6000]).mean()
    assert early > 100 * late > 0  # 60 dB in half a second


@pytest.mark.parametrize(("modality", "kind"), [(of, kind) for of, there in KINDS.items() for kind in there])
def test_the_same_seed_gives_the_same(modality: str, kind: str) -> None:
    given: Any = {
        "image": photograph(),
        "audio": np.random.default_rng(0).uniform(-0.5, 0.5, 2000).astype(np.float32),
        "text": "the quick brown fox jumps over the lazy dog and runs into the deep dark forest",
    }[modality]
    more = {"sample_rate": 8000} if modality == "audio" else {}
    before = given.copy() if modality != "text" else given
    made = [spoil(modality, kind, 4, given, [seed, 0], **more) for seed in (5, 5, *range(6, 12))]
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(given, before)
    if kind not in ("blur", "compression", "gain"):
        assert any(not np.array_equal(made[0], each) for each in made[2:])


@pytest.mark.parametrize("kind", PICTURES)
def test_a_grey_picture_stays_grey(kind: str) -> None:
    grey = photograph()[:, :, 0]
    spoilt = spoil("image", kind, 5, grey, [0])
    assert spoilt.shape == grey.shape
    assert not np.array_equal(spoilt, grey)


def test_compression_keeps_red_red() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 220
    found = spoil("image", "compression", 3, red, [0]).reshape(-1, 3).mean(axis=0)
    assert found == pytest.approx([220, 0, 0], abs=12)


def test_brightness_goes_both_ways() -> None:
    grey = np.full((8, 8), 128, np.uint8)
    means = {float(spoil("image", "brightness", 2, grey, [seed]).mean()) for seed in range(20)}
    assert means == {77.0, 179.0}  # 128 -+ 0.2 * 255


def test_what_is_small_or_silent_is_spoiled_too() -> None:
    for kind in PICTURES:
        assert spoil("image", kind, 5, np.zeros((1, 1, 3), np.uint8), [0]).shape == (1, 1, 3)
    for kind in SOUNDS:
        assert np.isfinite(spoil("audio", kind, 5, np.zeros(3, np.float32), [0], sample_rate=8000)).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_points_turn_with_the_picture(seed: int) -> None:
    picture = np.zeros((80, 120), np.uint8)
    picture[20:23, 84:87] = 255  # around (85.5, 21.5)
    truth = TruePoints(np.array([[85.5, 21.5], [10.0, 70.0], [119.0, 1.0]]))
    turned = spoil("image", "rotation", 4, picture, [seed])
    points = spoilt_truth(truth, "rotation", 4, [seed], (120, 80))
    y, x = np.nonzero(turned)
    weights = turned[y, x].astype(float)
    found = np.average(np.stack([x, y], axis=1) + 0.5, axis=0, weights=weights)
    assert points.points_xy[0] == pytest.approx(found, abs=0.1)
    assert not points.known.all()  # a corner has left the picture
    assert points.known[0]
    assert points.scale == pytest.approx(truth.scale)


@pytest.mark.parametrize("seed", [0, 1])
def test_classes_turn_with_the_picture(seed: int) -> None:
    classes = np.zeros((80, 120), np.uint8)
    classes[30:60, 20:70] = 3
    picture = np.where(classes == 3, 200, 20).astype(np.uint8)
    turned = spoil("image", "rotation", 3, picture, [seed])
    right = spoilt_truth(TrueClasses(classes), "rotation", 3, [seed], (120, 80))
    counts = right.classes != 255
    assert 0.5 < counts.mean() < 0.95
    alike = (turned > 110) == (right.classes == 3)
    assert alike[counts].mean() > 0.995  # but for the pixels that the edge runs through


def test_a_turned_class_is_that_of_the_place_that_its_pixel_shows() -> None:
    """Neighbours have unlike classes, so that a part of a pixel beside would be seen. Few places lie
    between two."""
    classes = np.random.default_rng(0).integers(0, 200, (60, 90)).astype(np.uint8)
    right = spoilt_truth(TrueClasses(classes), "rotation", 3, [0], (90, 60)).classes
    turned = turn(2, np.random.default_rng([0, PICTURES.index("rotation")]), (90, 60))
    y, x = np.mgrid[:60, :90]
    source_xy = transform(inverse(turned), np.stack([x, y], axis=2) + 0.5)
    column, row = np.floor(source_xy).astype(int).transpose(2, 0, 1)
    inside = (row >= 0) & (row < 60) & (column >= 0) & (column < 90)
    alike = right[inside] == classes[row[inside], column[inside]]
    assert alike.mean() > 0.97
    assert (right[~inside] == 255).mean() > 0.97


def test_a_truth_that_is_no_geometry_stays() -> None:
    assert spoilt_truth(4, "rotation", 5, [0], (10, 10)) == 4
    points = TruePoints(np.ones((2, 2)))
    assert spoilt_truth(points, "blur", 5, [0], (10, 10)) is points
    several = spoilt_truth((points, points), "rotation", 1, [0], (10, 10))
    assert len(several) == 2


def test_what_a_task_leaves_out_is_told() -> None:
    found = kinds("image", "detection")
    assert "rotation" not in found.used
    assert "box" in found.left_out["rotation"]
    assert kinds("image", "segmentation").used == PICTURES
    assert "speed" in kinds("audio", "audio").left_out
    assert kinds("audio", "keyword").left_out == {}
    assert kinds("tensor", "classification").used == ()


def test_misspellings_change_letters_and_nothing_else() -> None:
    text = "The quick brown fox, which is 12 years old, jumps over a lazy dog."
    found = spoil("text", "misspelling", 5, text, [0])
    assert found != text
    assert sorted(found) == sorted(text)
    assert [len(each) for each in found.split()] == [len(each) for each in text.split()]
    assert "12" in found
    changed = sum(one != other for one, other in zip(found.split(), text.split(), strict=True))
    assert changed == 6  # half of the words with two letters that differ: all but "12" and "a"


def test_words_are_dropped_and_the_last_one_stays() -> None:
    text = "one two three four five six seven eight nine ten"
    found = [spoil("text", "dropped words", strength, text, [1]).split() for strength in STRENGTHS]
    assert [len(each) for each in found] == [9, 9, 8, 6, 5]
    assert all([word for word in text.split() if word in each] == each for each in found)
    assert spoil("text", "dropped words", 5, "alone", [0]) == "alone"
    assert spoil("text", "misspelling", 5, "a 12 !", [0]) == "a 12 !"


@pytest.mark.parametrize(("kind", "strength"), [("nose", 1), ("noise", 0), ("noise", 6)])
def test_what_there_is_not_is_refused(kind: str, strength: int) -> None:
    with pytest.raises(InputError, match="corruption"):
        spoil("image", kind, strength, photograph(), [0])
