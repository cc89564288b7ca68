"""The judge sees each kind of wrong file, and lets a right one pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.differential.judge import Written, decibels, judge
from tests.differential.points import GraphKey
from tests.differential.source import Data, Source

RANDOM = np.random.default_rng(0)
TRUTH = [(RANDOM.standard_normal((1, 3, 4, 5)).astype(np.float32),) for _ in range(8)]


def source(truth: Any = None, **more: Any) -> Source:
    truth = truth or TRUTH
    kinds: dict[str, Any] = {"own_difference": [0.0], "calibrated": [(-9.0, 9.0)], **more}
    return Source(GraphKey("made", 0), Path(), None, Data([], [], []), ("x",), truth, truth[:4], **kinds)


def noisy(db: float, seed: int = 1, truth: Any = None) -> list[Any]:
    """The truth with noise of that many dB below it."""
    random = np.random.default_rng(seed)
    scale = 10 ** (-db / 20)
    return [
        (true + (scale * true.std() * random.standard_normal(true.shape)).astype(np.float32),)
        for (true,) in truth or TRUTH
    ]


def kinds(written: Written, source_: Source | None = None, peer: Any = None) -> set[str]:
    return {fault.kind for fault in judge(source_ or source(), written, peer)[0]}


def written(found: list[Any], reported: float | None = None, scheme: str = "static") -> Written:
    if reported is None:
        reported = decibels(np.stack([t for (t,) in TRUTH]), np.stack([each[0] for each in found]))
    return Written(scheme, [reported], found, found[:4])


def test_a_right_file_passes() -> None:
    assert kinds(written(TRUTH, scheme="float")) == set()
    assert kinds(written(noisy(30.0)), peer=noisy(33.0, seed=2)) == set()


def test_channels_last_are_the_same_picture() -> None:
    last = [(each.transpose(0, 2, 3, 1),) for (each,) in TRUTH]
    assert kinds(written(last, 200.0, "float")) == set()


@pytest.mark.parametrize(("error", "wrong"), [(5e-5, False), (2e-4, True)])
def test_a_float_file_is_as_near_as_single_precision(error: float, wrong: bool) -> None:
    spread = np.ptp(np.stack([t for (t,) in TRUTH]))
    found = [(true + np.float32(error * spread),) for (true,) in TRUTH]
    assert ("float error" in kinds(written(found, scheme="float"))) == wrong


def test_a_float_file_may_differ_as_the_source_does_from_itself() -> None:
    found = [(true + np.float32(0.003),) for (true,) in TRUTH]
    assert kinds(written(found, scheme="float"), source(own_difference=[0.001])) == set()
    assert kinds(written(found, scheme="float"), source(own_difference=[0.0005])) == {"float error"}


def test_fresh_data_counts_too() -> None:
    found = Written("float", [200.0], TRUTH, noisy(30.0)[:4])
    assert kinds(found) == {"float error"}


def test_a_file_without_optimizations_counts_too() -> None:
    found = Written("float", [200.0], TRUTH, TRUTH[:4], noisy(30.0))
    assert kinds(found) == {"float error"}


@pytest.mark.parametrize("off_db", [-1.5, 1.5])
def test_a_figure_that_is_not_what_is_measured(off_db: float) -> None:
    found = noisy(30.0)
    true = decibels(np.stack([t for (t,) in TRUTH]), np.stack([each[0] for each in found]))
    assert kinds(written(found, true + off_db)) == {"reported"}
    assert kinds(written(found, true + off_db / 2)) == set()


def test_int8_far_below_onnxruntime_s() -> None:
    assert kinds(written(noisy(20.0)), peer=noisy(28.0)) == {"below onnxruntime"}
    assert kinds(written(noisy(20.0)), peer=noisy(25.0)) == set()
    assert kinds(written(noisy(-3.0)), peer=noisy(4.0)) == set(), "no measure where it is unusable itself"
    assert kinds(written(noisy(33.0)), peer=noisy(70.0)) == set(), "8 bits hold no more"


def test_what_the_calibration_never_saw_may_be_clipped() -> None:
    clipped = [(np.minimum(each, 0.5),) for (each,) in noisy(40.0)]
    assert kinds(written(clipped), peer=noisy(40.0)) == {"below onnxruntime"}
    assert kinds(written(clipped), source(calibrated=[(-9.0, 0.45)]), noisy(40.0)) == set()


def test_a_few_numbers_may_be_anything_where_the_source_jumps() -> None:
    jumped = [(each.copy(),) for (each,) in noisy(40.0)]
    for (each,) in jumped:
        each[0, 0, 0, :2] += 2.0  # 2 of 60
    assert kinds(written(jumped), peer=noisy(40.0)) == {"below onnxruntime"}
    assert kinds(written(jumped), source(jumps=True), noisy(40.0)) == set()
    assert kinds(written(noisy(20.0)), source(jumps=True), noisy(40.0)) == {"below onnxruntime"}


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["evaluation", "fresh"])
def test_what_is_not_finite(value: float, where: str) -> None:
    broken = [(each.copy(),) for (each,) in noisy(30.0)]
    broken[0][0][0, 1, 2, 3] = value
    found = Written("static", [None], broken if where == "evaluation" else noisy(30.0), broken[:4])
    assert "not finite" in kinds(found)


def test_what_is_infinite_in_the_source_may_be_so() -> None:
    truth = [(each.copy(),) for (each,) in TRUTH]
    truth[0][0][0, 0, 0, 0] = -np.inf
    assert kinds(written(truth, 0.0, "float"), source(truth)) == set()
    other = [(np.nan_to_num(each, neginf=-5.0),) for (each,) in truth]
    assert kinds(written(other, 0.0, "float"), source(truth)) == {"float error"}


def test_a_rounding_may_reach_what_is_infinite_by_nature() -> None:
    """The log of a value that int8 rounds to 0."""
    truth = [(each.copy(),) for (each,) in TRUTH]
    truth[0][0][0, 0, 0, 0] = -np.inf
    more = [(each.copy(),) for (each,) in truth]
    more[1][0][0, 0, 0, 0] = -np.inf
    assert kinds(written(more, 0.0), source(truth)) == set()
    assert "not finite" in kinds(written(more, 0.0, "float"), source(truth))


def test_another_shape() -> None:
    assert kinds(written([(each[..., :4],) for (each,) in TRUTH], 30.0)) == {"shape"}


def test_whole_numbers_are_the_same_in_float() -> None:
    truth = [(np.arange(10) + i,) for i in range(8)]
    other = [(each + (np.arange(10) == 3),) for (each,) in truth]
    assert kinds(written(truth, 200.0, "float"), source(truth)) == set()
    assert kinds(written(other, 20.0, "float"), source(truth)) == {"float numbers"}
    assert kinds(written(other, 20.0), source(truth), peer=truth) == set()
    flipped = [(each + (np.arange(10) < 5),) for (each,) in truth]
    assert kinds(written(flipped, 20.0), source(truth), peer=truth) == {"other numbers"}


def test_a_quantized_source_is_judged_by_its_float_model() -> None:
    quantized = noisy(30.0)
    made = source(quantized, original=TRUTH)
    as_good = Written("static", [None], noisy(30.0, seed=3), noisy(30.0, seed=3)[:4])
    assert kinds(as_good, made) == set()
    worse = Written("static", [None], noisy(28.0, seed=3), noisy(28.0, seed=3)[:4])
    assert kinds(worse, made) == {"below its source"}
