"""mAP worked out by hand, and the agreement of two models' detections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.judge import TrueBoxes, agreement, metric
from edgemm.results import Detections

pytestmark = pytest.mark.device


def found(*boxes: tuple[float, float, float, float, float, int]) -> Detections:
    """Boxes of left, top, right, bottom, score, class."""
    table = np.array(boxes, np.float64).reshape(-1, 6)
    return Detections(
        table[:, :4].astype(np.float32), table[:, 4].astype(np.float32), table[:, 5].astype(np.int64)
    )


def things(*boxes: tuple[float, float, float, float, int], **flags: Any) -> TrueBoxes:
    table = np.array(boxes, np.float64).reshape(-1, 5)
    return TrueBoxes(table[:, :4], table[:, 4].astype(np.int64), **flags)


def figures(*samples: tuple[Detections, TrueBoxes], **settings: Any) -> dict[str, Any]:
    judge = metric("detection", **settings)
    for result, truth in samples:
        judge.add(result, truth)
    return judge.report()


SQUARE = (0, 0, 10, 10)


def test_a_right_box_is_a_whole_point() -> None:
    assert figures((found((*SQUARE, 0.9, 1)), things((*SQUARE, 1))))["mAP50"] == 1.0


def test_one_wrong_box_before_the_right_one_halves_the_precision() -> None:
    made = figures((found((50, 50, 60, 60, 0.9, 1), (*SQUARE, 0.8, 1)), things((*SQUARE, 1))))
    assert made["mAP50"] == 0.5


def test_one_wrong_box_after_the_right_one_costs_nothing() -> None:
    assert figures((found((50, 50, 60, 60, 0.7, 1), (*SQUARE, 0.8, 1)), things((*SQUARE, 1))))["mAP50"] == 1.0


def test_half_of_the_things_found_is_51_of_the_101_levels_of_recall() -> None:
    made = figures((found((*SQUARE, 0.9, 1)), things((*SQUARE, 1), (50, 50, 60, 60, 1))))
    assert made["mAP50"] == pytest.approx(51 / 101)
    assert made["recall"] == 0.5


def test_a_second_box_on_the_same_thing_is_wrong() -> None:
    made = figures(
        (found((*SQUARE, 0.9, 1), (*SQUARE, 0.8, 1), (50, 50, 60, 60, 0.7, 1)),
         things((*SQUARE, 1), (50, 50, 60, 60, 1)))
    )  # fmt: skip
    assert made["mAP50"] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_an_overlap_of_exactly_a_half_is_enough() -> None:
    assert figures((found((0, 0, 10, 5, 0.9, 1)), things((*SQUARE, 1))))["mAP50"] == 1.0


def test_the_overlap_decides_at_how_many_of_the_ten_thresholds_it_counts() -> None:
    made = figures((found((0, 0, 10, 7.2, 0.9, 1)), things((*SQUARE, 1))))  # IoU 0.72
    assert (made["mAP50"], made["mAP75"], made["mAP"]) == (1.0, 0.0, 0.5)


def test_another_class_is_not_the_thing() -> None:
    assert figures((found((*SQUARE, 0.9, 2)), things((*SQUARE, 1))))["mAP50"] == 0.0


def test_boxes_of_a_class_that_never_occurs_are_left_out() -> None:
    made = figures((found((*SQUARE, 0.9, 1), (*SQUARE, 0.9, 7)), things((*SQUARE, 1))))
    assert made["mAP50"] == 1.0
    assert list(made["classes"]) == ["1"]


def test_boxes_in_an_empty_picture_are_wrong() -> None:
    empty = (found((*SQUARE, 0.95, 1)), things())
    assert figures((found((*SQUARE, 0.9, 1)), things((*SQUARE, 1))), empty)["mAP50"] == 0.5


def test_a_thing_in_a_picture_without_boxes_is_missed() -> None:
    assert figures((found(), things((*SQUARE, 1))))["mAP50"] == 0.0


def test_nothing_to_be_found_gives_no_figure() -> None:
    made = figures((found((*SQUARE, 0.9, 1)), things()))
    assert made["mAP50"] is None
    assert made["samples"] == 1
    assert np.isnan(metric("detection").value())


def test_boxes_in_a_crowd_count_neither_way() -> None:
    crowd = things((0, 0, 100, 100, 1), (200, 0, 210, 10, 1), crowd=[True, False])
    boxes = found((1, 1, 9, 9, 0.95, 1), (20, 20, 30, 30, 0.94, 1), (200, 0, 210, 10, 0.9, 1))
    made = figures((boxes, crowd))
    assert made["mAP50"] == 1.0
    assert made["things"] == 1


def test_an_ignored_thing_takes_one_box_and_the_next_is_wrong() -> None:
    truth = things((*SQUARE, 1), (50, 50, 60, 60, 1), ignored=[True, False])
    boxes = found((*SQUARE, 0.95, 1), (*SQUARE, 0.94, 1), (50, 50, 60, 60, 0.9, 1))
    assert figures((boxes, truth))["mAP50"] == 0.5


def test_only_the_best_boxes_of_a_picture_count() -> None:
    boxes = found((50, 50, 60, 60, 0.8, 1), (*SQUARE, 0.9, 1), (70, 70, 80, 80, 0.1, 1))
    assert figures((boxes, things((70, 70, 80, 80, 1))), max_detections=2)["mAP50"] == 0.0
    assert figures((boxes, things((70, 70, 80, 80, 1))))["mAP50"] == pytest.approx(1 / 3)


def test_the_mean_is_over_the_classes_that_occur() -> None:
    boxes = found((*SQUARE, 0.9, 1))
    assert figures((boxes, things((*SQUARE, 1), (20, 20, 30, 30, 5))))["mAP50"] == 0.5


@pytest.mark.parametrize(
    "bad",
    [
        found((np.nan, 0, 10, 10, 0.9, 1)),
        found((0, 0, np.inf, 10, 0.9, 1)),
        found((10, 0, 0, 10, 0.9, 1)),
        found((*SQUARE, np.nan, 1)),
        Detections(np.zeros((2, 4), np.float32), np.zeros(1, np.float32), np.zeros(2, np.int64)),
    ],
)
def test_what_is_no_detection_is_refused(bad: Detections) -> None:
    with pytest.raises(InputError, match=r"detections: (a box: )?expected"):
        metric("detection").add(bad, things((*SQUARE, 1)))
    with pytest.raises(InputError):
        agreement("detection").add(bad, found())


@pytest.mark.parametrize("box", [(np.nan, 0, 1, 1, 0), (5, 0, 1, 1, 0), (0, 5, 1, 1, 0)])
def test_what_is_no_true_box_is_refused(box: Any) -> None:
    with pytest.raises(InputError, match="a true box: expected finite"):
        things(box)


def test_flags_must_be_as_many_as_the_boxes() -> None:
    with pytest.raises(InputError, match="found 1 boxes, 1 classes, 2 crowd"):
        things((*SQUARE, 1), crowd=[True, False])


def test_classes_are_renumbered_and_unknown_ones_left_out() -> None:
    truth = things((*SQUARE, 0), (1, 1, 2, 2, 1), (3, 3, 4, 4, 2), crowd=[False, False, True])
    made = truth.renumbered([7, -1, 0])
    assert made.class_ids.tolist() == [7, 0]
    assert made.crowd.tolist() == [False, True]
    assert made.boxes_xyxy[1].tolist() == [3, 3, 4, 4]
    with pytest.raises(InputError, match="expected classes 0 to 1, found 0 to 2"):
        truth.renumbered([7, -1])


def test_memory_does_not_grow_with_pictures_alone() -> None:
    judge: Any = metric("detection")
    for _ in range(500):
        judge.add(found(), things((*SQUARE, 1)))
    assert len(judge._boxes) == 64
    for _ in range(500):
        judge.add(found((*SQUARE, 0.5, 1)), things((*SQUARE, 1)))
    assert judge._boxes.nbytes <= 2 * 500 * 20


def agreed(result: Detections, reference: Detections, **settings: Any) -> dict[str, Any]:
    judge = agreement("detection", **settings)
    judge.add(result, reference)
    return judge.report()


def test_what_is_kept_lost_and_extra() -> None:
    reference = found((*SQUARE, 0.9, 1), (50, 50, 60, 60, 0.9, 1), (70, 70, 80, 80, 0.9, 2))
    result = found((0, 0, 10, 9, 0.3, 1), (50, 50, 60, 60, 0.9, 2), (90, 90, 95, 95, 0.9, 1))
    made = agreed(result, reference)
    assert made == {"samples": 1, "kept": pytest.approx(1 / 3), "reference": 3, "lost": 2, "extra": 2}


def test_a_box_keeps_one_detection_only() -> None:
    assert agreed(found((*SQUARE, 0.9, 1)), found((*SQUARE, 0.9, 1), (*SQUARE, 0.8, 1)))["kept"] == 0.5
    assert agreed(found((*SQUARE, 0.9, 1), (*SQUARE, 0.8, 1)), found((*SQUARE, 0.9, 1)))["extra"] == 1


def test_pairs_are_chosen_so_that_most_are_kept() -> None:
    """The first could take either box; the second only the one that suits the first best."""
    reference = found((0, 0, 10, 10, 0.9, 1), (4, 0, 14, 10, 0.9, 1))
    result = found((1, 0, 11, 10, 0.9, 1), (-3, 0, 7, 10, 0.8, 1))
    assert agreed(result, reference, iou=0.5)["kept"] == 1.0
    longer = found(*[(4.0 * i, 0, 4.0 * i + 10, 10, 0.9, 1) for i in range(6)])
    moved = found(*[(4.0 * i - 3, 0, 4.0 * i + 7, 10, 0.9, 1) for i in range(6)])
    assert agreed(moved, longer, iou=0.5)["kept"] == 1.0


def test_the_pairing_is_the_largest_there_is() -> None:
    """Against all permutations."""
    from itertools import permutations

    from edgemm.judge.matching import most_pairs

    generator = np.random.default_rng(5)
    for _ in range(200):
        rows, columns = generator.integers(0, 6, 2)
        able = generator.random((rows, columns)) < generator.random()
        padded = np.zeros((max(rows, columns),) * 2, bool)
        padded[:rows, :columns] = able
        size = len(padded)
        best = max((int(padded[range(size), order].sum()) for order in permutations(range(size))), default=0)
        assert most_pairs(able) == best


def test_the_least_overlap_is_included_and_can_be_set() -> None:
    half = found((0, 0, 10, 5, 0.9, 1))
    assert agreed(half, found((*SQUARE, 0.9, 1)))["kept"] == 1.0
    assert agreed(half, found((*SQUARE, 0.9, 1)), iou=0.51)["kept"] == 0.0
    with pytest.raises(InputError, match="iou: expected a number above 0"):
        agreement("detection", iou=0.0)


def test_a_reference_that_finds_nothing_says_nothing() -> None:
    assert agreed(found((*SQUARE, 0.9, 1)), found()) == {
        "samples": 1, "kept": None, "reference": 0, "lost": 0, "extra": 1,
    }  # fmt: skip
    assert np.isnan(agreement("detection").value())


def test_of_two_equal_overlaps_the_later_thing_is_taken() -> None:
    """As COCO's evaluation does it: what is left for the next box depends on it."""
    boxes = found((2, 0, 12, 10, 0.9, 1), (4, 0, 14, 10, 0.8, 1))
    first, second = (0, 0, 10, 10, 1), (4, 0, 14, 10, 1)
    assert figures((boxes, things(second, first)))["mAP50"] == 1.0
    assert figures((boxes, things(first, second)))["mAP50"] == pytest.approx(51 / 101)


def test_a_thing_that_counts_is_taken_before_a_crowd_that_fits_better() -> None:
    truth = things((0, 0, 100, 100, 1), (*SQUARE, 1), crowd=[True, False])
    assert figures((found((0, 0, 10, 8, 0.9, 1)), truth))["mAP50"] == 1.0
