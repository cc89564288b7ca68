"""The figures of the scene networks, on answers that are right and wrong on purpose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs
from scene_cells import CLASSES, STRIDE, cell_centers
from scene_measures import Floats, confused, decode, mean_iou, mean_precision

from edgemm import data
from edgemm.data.scenes import SIZE_WH, Scene, stills
from edgemm.opencv import opencv

needs(opencv)

Found = tuple[Floats, Floats, npt.NDArray[np.int64]]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return list(stills(*data.digits(), 21, 60))


def perfect(scene: Scene) -> Found:
    return scene.boxes_xyxy, np.linspace(0.9, 0.5, len(scene.class_ids)), scene.class_ids


def test_right_answers_have_all_points(scenes: list[Scene]) -> None:
    assert mean_precision(scenes, [perfect(scene) for scene in scenes]) == pytest.approx(1.0)
    confusion = sum(confused(scene.mask, scene.mask) for scene in scenes)
    assert mean_iou(np.asarray(confusion)) == pytest.approx(1.0)


def test_nothing_found_has_none(scenes: list[Scene]) -> None:
    nothing = (np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))
    assert mean_precision(scenes, [nothing] * len(scenes)) == 0.0


def test_the_wrong_digit_counts_for_nothing(scenes: list[Scene]) -> None:
    found = [(boxes, scores, (classes + 1) % CLASSES) for boxes, scores, classes in map(perfect, scenes)]
    assert mean_precision(scenes, found) < 0.05


def test_a_second_box_for_the_same_digit_is_wrong(scenes: list[Scene]) -> None:
    found = []
    for scene in scenes:
        boxes, scores, classes = perfect(scene)
        found.append((np.vstack([boxes, boxes]), np.append(scores + 1, scores), np.append(classes, classes)))
    assert mean_precision(scenes, found) == pytest.approx(1.0)  # all right ones come first
    found = [(boxes, -scores, classes) for boxes, scores, classes in found]
    assert 0.4 < mean_precision(scenes, found) < 1.0


def test_a_box_that_overlaps_by_less_than_half_is_wrong(scenes: list[Scene]) -> None:
    found = []
    for scene in scenes:
        boxes, scores, classes = perfect(scene)
        wide = (boxes[:, 2] - boxes[:, 0])[:, None]
        found.append((boxes + wide * [0.36, 0, 0.36, 0], scores, classes))  # IoU 0.64 / 1.36 = 0.47
    assert mean_precision(scenes, found) < 0.05


def test_half_of_the_digits_are_half_of_the_points() -> None:
    box = np.array([[10.0, 10, 40, 40]], np.float32)
    blank = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
    each = [
        Scene(blank, box, np.array([digit]), blank[:, :, 0]) for digit in range(CLASSES) for _ in range(2)
    ]
    found = [perfect(scene) for scene in each]
    found[1::2] = [(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))] * CLASSES
    assert mean_precision(each, found) == pytest.approx(51 / 101)  # recall 0 to 0.5 of 101 points


def test_a_cell_s_numbers_become_a_box_in_pixels() -> None:
    cells = len(cell_centers())
    boxes, scores = np.zeros((cells, 4)), np.zeros((cells, CLASSES))
    boxes[25], scores[25, 7] = (0.5, -0.25, 3, 4), 0.9  # row 1, column 1 of 24 columns
    corners, best, classes = decode(boxes, scores)
    middle_x, middle_y = 1.5 * STRIDE + 4, 1.5 * STRIDE - 2
    assert corners.tolist() == [[middle_x - 12, middle_y - 16, middle_x + 12, middle_y + 16]]
    assert (best.tolist(), classes.tolist()) == ([0.9], [7])


def test_of_two_boxes_of_one_digit_the_better_is_kept() -> None:
    cells = len(cell_centers())
    boxes, scores = np.tile([0.0, 0, 4, 4], (cells, 1)), np.zeros((cells, CLASSES))
    scores[100, 3], scores[101, 3], scores[102, 4] = 0.6, 0.8, 0.5
    boxes[101, 0] = -1  # the same place as cell 100
    _, best, classes = decode(boxes, scores)
    assert (best.tolist(), classes.tolist()) == ([0.8, 0.5], [3, 4])


def test_iou_of_half_a_class() -> None:
    truth, found = np.zeros((10, 10), np.uint8), np.zeros((10, 10), np.uint8)
    truth.flat[:CLASSES] = found.flat[:CLASSES] = np.arange(1, CLASSES + 1)
    found[0, 0] = 0  # of the digit 0 nothing is left
    background = 90 / 91
    assert mean_iou(confused(truth, found)) == pytest.approx((background + 9) / 11)
