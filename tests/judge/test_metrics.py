"""Metrics of classes, words, areas and points, against answers worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.judge import METRICS, TrueClasses, TruePoints, metric
from edgemm.results import Classification, Keyword, Landmarks, Segmentation

pytestmark = pytest.mark.device


def ranked(*classes: int) -> Classification:
    return Classification(
        tuple("abcdefg"[i] for i in classes),
        np.linspace(1, 0, len(classes), dtype=np.float32),
        np.array(classes, np.int64),
    )


def test_top_1_and_top_5() -> None:
    judge = metric("classification")
    judge.add(ranked(0, 1, 2, 3, 4), 0)
    judge.add(ranked(1, 0, 2, 3, 4), 0)
    judge.add(ranked(5, 4, 3, 2, 1), 6)
    judge.add(ranked(1, 0, 2, 3, 4, 5), 5)
    assert judge.value() == 0.25
    made = judge.report()
    assert (made["top-1"], made["top-5"]) == (0.25, 0.5)
    assert made["classes"]["0"] == {"samples": 2, "right": 0.5}


def test_top_5_is_not_told_where_a_result_has_fewer_classes() -> None:
    judge = metric("classification")
    judge.add(ranked(0, 1, 2, 3, 4), 0)
    judge.add(ranked(0, 1), 0)
    assert judge.report()["top-5"] is None


def test_a_label_is_a_truth_too() -> None:
    judge = metric("classification")
    judge.add(ranked(2, 1), "c")
    judge.add(ranked(2, 1), "b")
    assert judge.value() == 0.5


@pytest.mark.parametrize("truth", [True, 0.0, None])
def test_other_truths_of_classes_are_refused(truth: Any) -> None:
    with pytest.raises(InputError, match="expected a class number or a label"):
        metric("classification").add(ranked(0), truth)


def test_a_result_without_classes_is_refused() -> None:
    with pytest.raises(InputError, match="at least one class"):
        metric("classification").add(ranked(), 0)


def word(label: str, detected: bool) -> Keyword:
    return Keyword(label, 0.5, 0.0, 1.0, detected)


def test_words_and_their_three_faults() -> None:
    judge = metric("keyword")
    judge.add(word("yes", True), "yes")
    judge.add(word("yes", False), "yes")
    judge.add(word("no", True), "yes")
    judge.add(word("no", False), "yes")
    judge.add(word("yes", True), "")
    judge.add(word("yes", False), None)
    assert judge.value() == pytest.approx(2 / 6)
    assert judge.report() == {
        "samples": 6,
        "accuracy": pytest.approx(2 / 6),
        "missed": 0.5,
        "another_word": 0.25,
        "false_alarms": 0.5,
    }


def test_a_number_is_no_word() -> None:
    with pytest.raises(InputError, match="expected a word"):
        metric("keyword").add(word("yes", True), 3)


def areas(*rows: str, wide: bool = False) -> Any:
    """ "0011" -> classes; "x" is 255."""
    table = [[255 if each == "x" else int(each) for each in row] for row in rows]
    return np.array(table, np.uint16 if wide else np.uint8)


def test_mean_intersection_over_union() -> None:
    judge: Any = metric("segmentation")
    judge.add(Segmentation(areas("0011", "0000")), TrueClasses(areas("0111", "0000")))
    # class 0: 5 of 6; class 1: 2 of 3
    assert judge.value() == pytest.approx((5 / 6 + 2 / 3) / 2)
    assert judge.pixels_alike() == pytest.approx(7 / 8)


def test_ignored_pixels_count_neither_way() -> None:
    judge = metric("segmentation")
    judge.add(Segmentation(areas("0011", "2222")), TrueClasses(areas("0011", "xxxx")))
    assert judge.report()["classes"].keys() == {"0", "1"}
    assert judge.value() == 1.0


def test_of_another_models_map_every_pixel_counts() -> None:
    judge = metric("segmentation")
    judge.add(Segmentation(areas("x0")), Segmentation(areas("xx")))
    assert judge.value() == pytest.approx((1 / 2 + 0) / 2)


def test_all_pixels_together_and_picture_by_picture() -> None:
    judge = metric("segmentation")
    judge.add(Segmentation(areas("1111")), TrueClasses(areas("1111")))
    judge.add(Segmentation(areas("10")), TrueClasses(areas("11")))
    judge.add(Segmentation(areas("00")), TrueClasses(areas("00")))
    one = judge.report()["classes"]["1"]
    assert one["iou"] == pytest.approx(5 / 6)
    assert one["iou_by_picture"] == pytest.approx((1 + 0.5) / 2)
    assert one["pictures"] == 2


def test_the_mean_of_common_classes() -> None:
    judge: Any = metric("segmentation")
    right = np.zeros((10, 10), np.uint8)
    right[0, 0] = 1
    found = right.copy()
    found[0, 0] = 0
    judge.add(Segmentation(found), Segmentation(right))
    assert judge.common(0.02) == pytest.approx(99 / 100)
    assert judge.common(0.01) == pytest.approx((99 / 100 + 0) / 2)


def test_more_than_256_classes() -> None:
    judge = metric("segmentation")
    wide = np.array([[300, 5]], np.uint16)
    judge.add(Segmentation(wide), TrueClasses(wide))
    assert judge.report()["classes"].keys() == {"5", "300"}


def test_no_pixel_that_counts_gives_no_figure() -> None:
    judge = metric("segmentation")
    judge.add(Segmentation(areas("00")), TrueClasses(areas("xx")))
    assert judge.report()["mIoU"] is None


def test_masks_of_another_size_or_type_are_refused() -> None:
    judge = metric("segmentation")
    with pytest.raises(InputError, match=r"one size, found \[1, 2\] and \[1, 3\]"):
        judge.add(Segmentation(areas("00")), TrueClasses(areas("000")))
    with pytest.raises(InputError, match="expected the truth as uint8 or uint16"):
        judge.add(Segmentation(areas("00")), TrueClasses(np.zeros((1, 2), np.int64)))
    assert judge.report()["samples"] == 0


def test_masks_are_renumbered_and_the_rest_is_ignored() -> None:
    made = TrueClasses(areas("012x")).renumbered([5, -1, 0])
    assert made.classes.tolist() == [[5, 255, 0, 255]]
    with pytest.raises(InputError, match="expected 0 to 1"):
        TrueClasses(areas("012x")).renumbered([5, -1])
    wide = TrueClasses(areas("01x")).renumbered([400, 0])
    assert wide.classes.tolist() == [[400, 0, 65535]]
    assert wide.ignore == 65535


def points(*xy: tuple[float, float]) -> Landmarks:
    return Landmarks(np.array(xy, np.float32).reshape(-1, 2), np.ones(len(xy), np.float32))


def test_distance_of_points_in_pixels_and_normalised() -> None:
    judge: Any = metric("landmarks")
    judge.add(points((3, 4), (30, 40)), TruePoints(np.array([[0, 0], [30, 40]])))
    assert judge.mean_px() == 2.5
    assert judge.value() == pytest.approx(2.5 / 50)
    made = judge.report()
    assert (made["worst_px"], made["near"], made["found"]) == (5.0, 1.0, 1.0)


def test_a_scale_of_its_own() -> None:
    judge = metric("landmarks")
    judge.add(points((3, 4)), TruePoints(np.array([[0.0, 0.0]]), scale_px=10.0))
    assert judge.value() == 0.5
    assert judge.report()["near"] == 0.0


def test_points_that_are_not_known_are_left_out() -> None:
    judge: Any = metric("landmarks")
    truth = TruePoints(np.array([[0, 0], [30, 40], [np.nan, 0]]), np.array([True, True, False]))
    judge.add(points((0, 0), (30, 41), (99, 99)), truth)
    assert judge.mean_px() == 0.5


def test_of_several_things_the_nearest_counts() -> None:
    judge: Any = metric("landmarks")
    far, near = (TruePoints(np.array([[at, at], [at + 3.0, at + 4.0]])) for at in (100.0, 1.0))
    judge.add(points((1, 1), (4, 5)), [far, near])
    assert judge.mean_px() == 0.0


def test_what_was_not_found_is_counted_and_in_no_mean() -> None:
    judge = metric("landmarks")
    truth = TruePoints(np.array([[0, 0], [30, 40]]))
    judge.add(None, truth)
    judge.add(points((0, 0), (30, 40)), truth)
    assert judge.report() == {
        "samples": 2, "found": 0.5, "point error": 0.0, "mean_px": 0.0, "worst_px": 0.0, "near": 1.0,
    }  # fmt: skip


def test_one_point_has_no_scale() -> None:
    judge: Any = metric("landmarks")
    judge.add(points((3, 4)), TruePoints(np.array([[0, 0]])))
    assert np.isnan(judge.value())
    assert judge.mean_px() == 5.0


@pytest.mark.parametrize(
    ("result", "words"),
    [(points((0, 0)), "as many points"), (points((0, 0), (np.nan, 0)), "finite coordinates in the result")],
)
def test_points_that_do_not_fit_are_refused(result: Landmarks, words: str) -> None:
    with pytest.raises(InputError, match=words):
        metric("landmarks").add(result, TruePoints(np.array([[0, 0], [30, 40]])))


def test_true_points_must_be_finite_where_they_are_known() -> None:
    with pytest.raises(InputError, match="finite"):
        TruePoints(np.array([[0, np.nan]]))
    with pytest.raises(InputError, match="`known` for each of 1"):
        TruePoints(np.array([[0, 0]]), np.array([True, False]))
    with pytest.raises(InputError, match="at least one thing"):
        metric("landmarks").add(points(), [])


@pytest.mark.parametrize("task", METRICS)
def test_before_the_first_sample_there_is_no_figure(task: str) -> None:
    judge = metric(task)
    made = judge.report()
    assert np.isnan(judge.value())
    assert made["samples"] == 0
    assert made[judge.name] is None


def test_an_unknown_task_names_the_near_one() -> None:
    with pytest.raises(InputError, match="Did you mean 'detection'"):
        metric("detections")


def test_the_room_needs_numpy_alone() -> None:
    code = (
        "import sys, edgemm.judge as judge; [judge.metric(each) for each in judge.METRICS]; "
        "print(sorted(set(sys.modules) & {'cv2', 'onnxruntime', 'onnx', 'torch', 'scipy', 'edgemm.quantize'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_class_that_is_only_answered_counts_in_its_picture() -> None:
    judge = metric("segmentation")
    judge.add(Segmentation(areas("1111")), TrueClasses(areas("1111")))
    judge.add(Segmentation(areas("1000")), TrueClasses(areas("0000")))
    one = judge.report()["classes"]["1"]
    assert (one["iou_by_picture"], one["pictures"]) == (0.5, 2)


def test_the_number_for_nothing_stays_that_even_where_a_class_has_it() -> None:
    made = TrueClasses(areas("0x")).renumbered(list(range(300)))
    assert made.classes.tolist() == [[0, 65535]]
