"""Suppression against plain loops, on boxes in clusters, in numbers around those that are compared at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.tasks.detection.nms import same_object, suppress, weighted
from tests.tasks.detection.reference import Thing, blended, greedy, iou

pytestmark = pytest.mark.device


def seeded(
    count: int, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Boxes best first, classes, scores."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 200, (max(count // 6, 1), 2))[rng.integers(0, max(count // 6, 1), count)]
    corner = corner + rng.normal(0, 6, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 50, (count, 2))], axis=1).astype(np.float32)
    scores = np.sort(rng.uniform(0.1, 1, count).astype(np.float32))[::-1]
    return boxes, rng.integers(0, 3, count), scores


def things(boxes: Any, classes: Any, scores: Any, points: Any = None) -> list[Thing]:
    return [
        Thing(
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            float(score),
            int(number),
            [] if points is None else [(float(x), float(y)) for x, y in points[at]],
        )
        for at, (box, number, score) in enumerate(zip(boxes, classes, scores, strict=True))
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 50, 127, 128, 129, 300, 700])
@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("limit", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_the_best_of_each_object_stays(count: int, by_class: bool, limit: float) -> None:
    boxes, classes, scores = seeded(count, count)
    kept = suppress(boxes, limit, 10_000, classes if by_class else None)
    expected = greedy(things(boxes, classes, scores), limit, by_class=by_class)
    assert scores[kept].tolist() == [np.float32(thing.score) for thing in expected]
    assert kept.dtype == np.int64


@pytest.mark.parametrize("most", [1, 5, 40])
def test_no_more_than_wanted(most: int) -> None:
    boxes, classes, _ = seeded(400)
    whole = suppress(boxes, 0.5, 10_000, classes)
    assert len(whole) > 40
    assert suppress(boxes, 0.5, most, classes).tolist() == whole[:most].tolist()


@pytest.mark.parametrize("count", [0, 1, 2, 200])
@pytest.mark.parametrize("marks", [0, 3])
@pytest.mark.parametrize("limit", [0.0, 0.3, 1.0])
def test_an_object_is_the_mean_of_its_boxes(count: int, marks: int, limit: float) -> None:
    boxes, classes, scores = seeded(count, 5)
    points = np.random.default_rng(6).uniform(0, 200, (count, marks, 2)).astype(np.float32)
    rows = np.concatenate([boxes, points.reshape(count, 2 * marks)], axis=1)
    mean, kept = weighted(rows, scores, limit, 10_000)
    mean, where = mean[:, :4], mean[:, 4:].reshape(len(mean), marks, 2)
    expected = blended(things(boxes, classes, scores, points), limit)
    assert mean.shape == (len(expected), 4)
    assert where.shape == (len(expected), marks, 2)
    assert scores[kept].tolist() == [np.float32(thing.score) for thing in expected]
    np.testing.assert_allclose(mean, np.array([thing.box for thing in expected]).reshape(-1, 4), atol=1e-3)
    if marks and count:
        np.testing.assert_allclose(where, [thing.points for thing in expected], atol=1e-3)


def test_no_more_objects_than_wanted() -> None:
    boxes, _, scores = seeded(200)
    mean, kept = weighted(boxes, scores, 0.5, 3)
    assert len(mean) == len(scores[kept]) == 3


def test_scores_of_0_weigh_alike() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 12]], np.float32)
    mean, _ = weighted(boxes, np.zeros(2, np.float32), 0.5, 3)
    assert mean.tolist() == [[0, 0, 10, 11]]


@pytest.mark.parametrize("limit", [0.0, 0.1, 0.4, 0.8])
def test_every_pair(limit: float) -> None:
    boxes = seeded(60)[0]
    expected = [[iou(one.tolist(), other.tolist()) > limit for other in boxes[:9]] for one in boxes]
    assert same_object(boxes, boxes[:9], limit).tolist() == expected


def test_touching_is_not_overlapping() -> None:
    boxes = np.array([[0, 0, 10, 10], [10, 0, 20, 10]], np.float32)
    assert suppress(boxes, 0.0, 10).tolist() == [0, 1]


def test_an_overlap_equal_to_the_limit_is_not_above_it() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)  # exactly 0.5
    assert suppress(boxes, 0.5, 10).tolist() == [0, 1]
    assert suppress(boxes, 0.499, 10).tolist() == [0]


def test_one_box_is_its_own_mean_and_what_remains_is_a_new_array() -> None:
    rows = np.array([[0, 0, 10, 10, 3, 4]], np.float32)
    mean, kept = weighted(rows, np.array([0.7], np.float32), 0.3, 5)
    assert mean.tolist() == rows.tolist()
    assert np.arange(1)[kept].tolist() == [0]
    assert not np.shares_memory(mean, rows)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_places_are_those_of_the_best_boxes(order: Any) -> None:
    one, other = [0, 0, 10, 10], [50, 50, 60, 60]
    rows = np.array([one, other, one, other, [90, 0, 99, 9]], np.float32, order=order)
    mean, kept = weighted(rows, np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32), 0.3, 5)
    assert np.arange(5)[kept].tolist() == [0, 1, 4]
    np.testing.assert_allclose(mean, [one, other, [90, 0, 99, 9]], atol=1e-4)
