"""A few candidates, which are decoded without NumPy, and as many more as are not, against plain loops."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.results import Detections
from edgemm.tasks.context import Context
from edgemm.tasks.detection import nms as suppression
from edgemm.tasks.detection import task
from edgemm.tasks.detection.few import FEW, FEW_WEIGHTED, most_of_few, suppress_few, weighted_few
from edgemm.tasks.detection.recipe import DetectionRecipe
from tests.tasks.detection.reference import Thing, blended, greedy
from tests.tasks.detection.rig import PLAIN, WH, assert_same, cut, opened, twice
from tests.tasks.detection.rig import stored as as_stored

pytestmark = pytest.mark.device

POINTS = 2
CANDIDATES = 60


def boxes_of(count: int, *, apart: bool, seed: int = 0) -> npt.NDArray[np.float64]:
    """float64[count, 8]: boxes and two key points, near each other or all over the frame; some lie across its edge."""
    rng = np.random.default_rng(seed + count)
    middle = (
        rng.uniform(0, 1, (count, 2)) * WH
        if apart
        else np.array([10.0, 100.0]) + rng.normal(0, 4, (count, 2))
    )
    half = rng.uniform(10, 40, (count, 2))
    points = rng.normal(0, 30, (count, 2 * POINTS)) + np.tile(middle, (1, POINTS))
    return np.concatenate([middle - half, middle + half, points], axis=1)


def frame(
    rows: npt.NDArray[Any], scores: npt.NDArray[Any], recipe: DetectionRecipe, context: Context
) -> Detections:
    """Of candidates of two classes; the others score nothing."""
    whole, beside = np.zeros((1, CANDIDATES, 8)), np.zeros((1, CANDIDATES, 2))
    whole[0, : len(rows)], beside[0, : len(rows)] = rows, scores
    specs, arrays, _ = as_stored({"boxes": whole, "scores": beside})
    return twice(opened(recipe, specs, ("a", "b")), specs, arrays, context)


def recipe_of(nms: Any, **more: Any) -> DetectionRecipe:
    return DetectionRecipe(
        head="boxes", coordinates="pixels", threshold=0.3, iou=0.4, nms=nms, points=POINTS, **more
    )


@pytest.mark.parametrize("nms", ["weighted", "class-wise", "class-free", "none"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, FEW, FEW + 1, FEW_WEIGHTED, FEW_WEIGHTED + 1, 40])
def test_as_plain_loops_however_many_there_are(nms: str, apart: bool, count: int) -> None:
    rng = np.random.default_rng(count)
    rows = boxes_of(count, apart=apart).astype(np.float32)
    scores = np.zeros((count, 2), np.float32)
    classes = rng.integers(0, 2, count)
    scores[np.arange(count), classes] = rng.uniform(0.35, 0.95, count)
    found = frame(rows, scores, recipe_of(nms), PLAIN)
    things = [
        Thing(
            (float(row[0]), float(row[1]), float(row[2]), float(row[3])),
            float(scores[at].max()),
            int(classes[at]),
            [(float(row[4]), float(row[5])), (float(row[6]), float(row[7]))],
        )
        for at, row in enumerate(rows)
    ]
    if nms == "weighted":
        wanted = blended(things, 0.4)
    elif nms == "none":
        wanted = sorted(things, key=lambda thing: -thing.score)
    else:
        wanted = greedy(things, 0.4, by_class=nms == "class-wise")
    assert_same(found, cut(wanted))


@pytest.mark.parametrize("nms", ["weighted", "class-wise", "none"])
@pytest.mark.parametrize("most", [1, 2])
def test_no_more_than_wanted(nms: str, most: int) -> None:
    rows, scores = boxes_of(5, apart=True), np.zeros((5, 2))
    scores[:, 0] = [0.5, 0.9, 0.6, 0.8, 0.7]
    found = frame(rows, scores, recipe_of(nms, max_detections=most), PLAIN)
    assert len(found.scores) == most
    np.testing.assert_allclose(found.scores, [0.9, 0.8][:most], rtol=1e-6)


def test_of_equal_scores_the_earlier_comes_first() -> None:
    rows, scores = boxes_of(4, apart=True, seed=7), np.full((4, 2), [0.5, 0.0])
    found = frame(rows, scores, recipe_of("none"), PLAIN)
    assert_same(
        found, cut([Thing(tuple(row[:4]), 0.5, 0, [(row[4], row[5]), (row[6], row[7])]) for row in rows])
    )


@pytest.mark.parametrize(
    "row",
    [
        pytest.param([10, 10, 10, 40], id="no width"),
        pytest.param([40, 10, 10, 40], id="right of left"),
        pytest.param([-40, 10, -5, 40], id="left of the frame"),
        pytest.param([WH[0] + 1, 10, WH[0] + 30, 40], id="right of the frame"),
        pytest.param([10, -40, 40, -5], id="above the frame"),
        pytest.param([10, WH[1] + 1, 40, WH[1] + 30], id="below the frame"),
        pytest.param([10, 10, np.nan, 40], id="NaN"),
        pytest.param([10, 10, np.inf, 40], id="infinite"),
        pytest.param([-3e9, 10, 40, 40], id="far"),
    ],
)
@pytest.mark.parametrize("nms", ["weighted", "class-free", "none"])
def test_a_box_that_is_none_is_left_out_of_few_too(row: list[float], nms: str) -> None:
    rows = np.array([[100.0, 100, 140, 150, 110, 110, 120, 120], [*row, 10, 10, 20, 20]])
    found = frame(rows, np.array([[0.5, 0], [0.9, 0]]), recipe_of(nms), PLAIN)
    assert found.boxes_xyxy.tolist() == [[100, 100, 140, 150]]
    assert found.scores.tolist() == [0.5]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_box_with_a_point_that_is_no_number_is_left_out_of_few_too(value: float) -> None:
    rows = boxes_of(2, apart=True)
    rows[0, 7] = value
    found = frame(rows, np.array([[0.9, 0], [0.5, 0]]), recipe_of("none"), PLAIN)
    assert found.scores.tolist() == [0.5]


@pytest.mark.parametrize("size", [(640, 360), (0, 0)])
@pytest.mark.parametrize(
    "matrix", [[[2, 0, -30], [0, 1.5, 20]], [[0, -1, 300], [1, 0, 0]], [[-1, 0, 320], [0, 1, 0]]]
)
def test_few_are_placed_in_the_source(matrix: list[list[float]], size: tuple[int, int]) -> None:
    rows = boxes_of(3, apart=True, seed=3)
    context = Context(np.array(matrix, np.float64), size, WH)
    found = frame(rows, np.full((3, 2), [0.5, 0.0]), recipe_of("none"), context)
    for box, points, row in zip(found.boxes_xyxy, found.points_xy, rows, strict=True):
        corners = np.array([[row[x], row[y], 1] for x in (0, 2) for y in (1, 3)]) @ context.to_source.T
        wanted = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
        if any(size):
            wanted = np.clip(wanted, 0, [*size, *size])
        np.testing.assert_allclose(box, wanted, atol=1e-2)
        where = np.array([[row[4], row[5], 1], [row[6], row[7], 1]]) @ context.to_source.T
        np.testing.assert_allclose(points, where, atol=1e-2)


@pytest.mark.parametrize(("count", "few"), [(FEW_WEIGHTED, True), (FEW_WEIGHTED + 1, False)])
def test_few_go_without_numpy_and_more_do_not(count: int, few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of("weighted")
    specs, arrays, _ = as_stored(
        {"boxes": boxes_of(count, apart=False)[None], "scores": np.full((1, count, 1), 0.5)}
    )
    decoder = opened(recipe, specs)
    twice(decoder, specs, arrays)
    calls: list[int] = []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return weighted(*arguments)

    weighted = suppression.weighted
    monkeypatch.setattr(task, "weighted", counted)
    twice(decoder, specs, arrays)
    assert bool(calls) is not few


def test_many_key_points_make_few_boxes_many() -> None:
    assert most_of_few(DetectionRecipe(points=1000, nms="weighted")) == 0
    assert most_of_few(DetectionRecipe(points=14, nms="weighted")) == 8
    assert most_of_few(DetectionRecipe(nms="weighted", max_candidates=3)) == 3


def test_an_object_of_scores_of_zero_is_a_plain_mean() -> None:
    means, kept = weighted_few([[0.0, 0, 10, 10], [0.0, 0, 10, 12]], [0.0, 0.0], 0.3, 9)
    assert (means, kept) == ([[0, 0, 10, 11]], [0])


def test_an_overlap_of_the_limit_is_two_objects() -> None:
    rows = [[0.0, 0, 10, 10], [0.0, 0, 10, 5]]
    assert suppress_few(rows, 0.5, 9) == [0, 1]
    assert suppress_few(rows, 0.499, 9) == [0]
    assert suppress_few(rows, 0.499, 9, [0, 1]) == [0, 1]
    assert suppress_few([rows[0], rows[0]], 1.0, 9) == [0, 1]


@pytest.mark.parametrize("scales", [(128.0, 128.0, 128.0, 128.0), (10.0, 20.0, 5.0, 8.0)])
@pytest.mark.parametrize("box", ["cxcywh", "cycxhw"])
def test_few_offsets_to_anchors(scales: tuple[float, ...], box: Any) -> None:
    """Of a grid of 4 x 4 cells in an input of 128 x 128; the first scales are its pixels."""
    recipe = DetectionRecipe(
        head="anchors", strides=(32,), anchor_interpolated_ratio=0.0, points=1, threshold=0.3, nms="none", box=box,
        box_scales=scales,
    )  # fmt: skip
    offsets, scores = np.zeros((1, 16, 6)), np.zeros((1, 16, 1))
    offsets[0, 5], scores[0, 5] = [0.5, -0.25, 2.0, 3.0, 1.0, 0.75], 0.5
    offsets[0, 10], scores[0, 10] = [-0.5, 0.25, 1.0, 0.5, 0.0, 0.25], 0.75
    specs, arrays, _ = as_stored({"boxes": offsets, "scores": scores})
    context = Context(source_wh=(128, 128), tensor_wh=(128, 128))
    found = twice(opened(recipe, specs, (), (128, 128)), specs, arrays, context)
    assert found.scores.tolist() == [0.75, 0.5]
    for at, cell, shown, points in zip(
        (10, 5), ((80, 80), (48, 48)), found.boxes_xyxy, found.points_xy, strict=True
    ):
        pairs = offsets[0, at].reshape(3, 2)
        middle, size, mark = pairs if box == "cxcywh" else pairs[:, ::-1]
        factors = 128 / np.array(scales)
        middle, mark = middle * factors[:2] + cell, mark * factors[:2] + cell
        half = size * factors[2:] / 2
        np.testing.assert_allclose(shown, [*(middle - half), *(middle + half)], atol=1e-4)
        np.testing.assert_allclose(points, [mark], atol=1e-4)


def test_scores_over_one_are_told_of_few_too(caplog: pytest.LogCaptureFixture) -> None:
    specs, arrays, _ = as_stored({"boxes": boxes_of(3, apart=True)[None], "scores": np.full((1, 3, 1), 0.5)})
    decoder = opened(recipe_of("none"), specs)
    with caplog.at_level(logging.WARNING, logger="edgemm"):
        twice(decoder, specs, arrays)
        assert not caplog.records
        twice(decoder, specs, {**arrays, "scores": arrays["scores"] * 4})
    assert "Are they logits?" in caplog.text
