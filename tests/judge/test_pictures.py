"""PSNR and SSIM of pictures, against SciPy's filter and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package
from picture_networks import scene

from edgemm.errors import InputError
from edgemm.judge import TruePicture, metric
from edgemm.judge.corruptions.truths import spoilt_truth
from edgemm.judge.pictures import PictureMetric, brightness, psnr, ssim
from edgemm.judge.tally import make_tally
from edgemm.results import Picture

Pixels = npt.NDArray[np.uint8]


def judged(found: Any, truth: Any) -> PictureMetric:
    judge = metric("picture")
    judge.add(Picture(found), truth)
    assert isinstance(judge, PictureMetric)
    return judge


def test_psnr_by_hand() -> None:
    """One of four pixels is off by 10: 10 log10(255^2 / 25)."""
    truth = np.full((2, 2), 100, np.uint8)
    found = truth + np.array([[0, 10], [0, 0]], np.uint8)
    assert judged(found, truth).value() == pytest.approx(34.1514, abs=1e-4)


def test_brightness_is_that_of_jpeg() -> None:
    assert brightness(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).tolist() == [
        [pytest.approx(76.245), pytest.approx(149.685), pytest.approx(29.07)]
    ]


@pytest.mark.parametrize("noise", [0.0, 3.0, 40.0])
def test_ssim_as_with_scipys_filter(noise: float) -> None:
    ndimage = package("scipy.ndimage")
    right = scene(60, 45, channels=1).astype(np.float64)
    found = right + np.random.default_rng(1).normal(0, noise, right.shape) if noise else right.copy()

    def blur(plane: Any) -> Any:
        return ndimage.gaussian_filter(plane, 1.5, truncate=3.5)[5:-5, 5:-5]

    x, y = blur(found), blur(right)
    vx, vy, vxy = (
        blur(a * b) - blur(a) * blur(b) for a, b in ((found, found), (right, right), (found, right))
    )
    c1, c2 = 2.55**2, 7.65**2
    expected = ((2 * x * y + c1) * (2 * vxy + c2) / ((x * x + y * y + c1) * (vx + vy + c2))).mean()
    assert ssim(found, right) == pytest.approx(expected, abs=1e-9)


def test_figures_are_means_over_pictures() -> None:
    judge = metric("picture")
    truth = scene(30, 30)
    for off in (1, 4):
        judge.add(Picture(np.clip(truth.astype(int) + off, 0, 255).astype(np.uint8)), truth)
    each = [judged(np.clip(truth.astype(int) + off, 0, 255).astype(np.uint8), truth) for off in (1, 4)]
    report = judge.report()
    assert report["samples"] == 2
    assert report["PSNR"] == pytest.approx(np.mean([one.value() for one in each])) == judge.value()
    assert report["worst"] == pytest.approx(each[1].value())
    assert 0.9 < report["SSIM"] < 1


def test_the_same_picture_is_near() -> None:
    judge = judged(scene(20, 20), scene(20, 20))
    assert judge.value() == 100.0
    assert judge.report() == {"samples": 1, "PSNR": 100.0, "worst": 100.0, "SSIM": 1.0}


def test_nothing_yet() -> None:
    judge = metric("picture")
    assert math.isnan(judge.value())
    assert judge.report() == {"samples": 0, "PSNR": None, "worst": None, "SSIM": None}


def test_what_is_smaller_than_the_window_has_no_ssim() -> None:
    assert judged(scene(10, 30), 255 - scene(10, 30)).report()["SSIM"] is None
    assert judged(scene(11, 30), 255 - scene(11, 30)).report()["SSIM"] is not None


def test_a_grey_result_may_have_a_coloured_truth() -> None:
    truth = scene(20, 20)
    grey = np.rint(brightness(truth)).astype(np.uint8)
    assert judged(grey, truth).value() > 55


def test_the_border_is_left_out() -> None:
    truth = scene(20, 22)
    found = truth.copy()
    found[:3] = found[-3:] = found[:, :3] = found[:, -3:] = 0
    assert judged(found, TruePicture(truth, border=3)).value() == 100.0
    assert judged(found, TruePicture(truth, border=2)).value() < 40


def test_a_part_of_the_result() -> None:
    whole = scene(20, 30)
    part = TruePicture(whole[4:10, 7:20], at_xy=(7, 4), within=True)
    assert judged(whole, part).value() == 100.0
    assert judged(whole, TruePicture(whole[4:10, 7:20], at_xy=(8, 4), within=True)).value() < 40


@pytest.mark.parametrize(
    ("found", "truth", "message"),
    [
        (scene(4, 4), scene(4, 5), "expected 5x4 pixels as the truth has, found 4x4"),
        (scene(4, 4), TruePicture(scene(4, 4), at_xy=(1, 0), within=True), "found 3x4"),
        (scene(8, 8), TruePicture(scene(8, 8), border=4), "expected more than 8 pixels each way"),
        (scene(4, 4).astype(np.float32), scene(4, 4), r"found float32\[4, 4, 3\]"),
        (np.zeros((4, 4, 4), np.uint8), scene(4, 4), r"found uint8\[4, 4, 4\]"),
        (np.zeros(4, np.uint8), scene(4, 4), r"found uint8\[4\]"),
    ],
)
def test_what_does_not_fit(found: Any, truth: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        judged(found, truth)


def test_psnr_of_planes() -> None:
    assert psnr(np.zeros((2, 2)), np.full((2, 2), 255.0)) == 0.0


def test_a_judgement_of_pairs_adds_up() -> None:
    """Counted sample by sample, as several processes do, the figure is that of the metric."""
    whole, tally = metric("picture"), make_tally("picture")
    rows = []
    for seed in range(4):
        found, truth = Picture(scene(20, 20, seed)), TruePicture(scene(20, 20, seed + 1), border=2)
        whole.add(found, truth)
        rows.append(tally.row(found, truth))
    assert tally.value(rows) == pytest.approx(whole.value())
    low, high = tally.interval(rows, 0) or (0.0, 0.0)
    assert 0 < low <= whole.value() <= high
    assert math.isnan(tally.value([]))


def test_a_true_picture_is_the_same_whatever_is_done_to_the_other_but_turning_it() -> None:
    truth = TruePicture(scene(20, 20))
    assert spoilt_truth(truth, "noise", 3, [0], (10, 10)) is truth
    with pytest.raises(InputError, match="is not turned with it"):
        spoilt_truth(truth, "rotation", 3, [0], (10, 10))
