"""The decoder as a whole: names, options, the way back to the source, nothing found, and bad input."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.errors import ArtifactError, CardError
from edgemm.results import Detections
from edgemm.tasks.context import Context
from edgemm.tasks.detection import task
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.task import DetectionTask
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.way_back import WayBack
from edgemm.tensors import TensorSpec
from tests.tasks.detection.rig import PLAIN, WH, decoded, opened, stored

pytestmark = pytest.mark.device

LABELS = ("cat", "dog", "???", "owl")
ROWS = np.array(
    [
        # cx cy w h, cat dog ??? owl
        [50, 60, 20, 30, 0.9, 0.1, 0.1, 0.1],
        [51, 60, 20, 30, 0.8, 0.1, 0.1, 0.1],
        [150, 160, 40, 30, 0.1, 0.7, 0.1, 0.6],
        [250, 60, 20, 30, 0.1, 0.1, 0.95, 0.1],
        [100, 200, 50, 50, 0.1, 0.1, 0.1, 0.65],
    ]
)
SPECS = [TensorSpec("o", (1, 5, 8), "float32")]
PLAIN_RECIPE = DetectionRecipe(threshold=0.5, layout="rows")


def frame(rows: Any = ROWS, recipe: DetectionRecipe = PLAIN_RECIPE, **more: Any) -> Detections:
    return decoded(recipe, SPECS, {"o": np.asarray(rows, np.float32)[None]}, **({"labels": LABELS} | more))


def with_(row: int, place: int, value: float) -> npt.NDArray[Any]:
    rows = ROWS.copy()
    rows[row, place] = value
    return rows


def test_best_first_with_names() -> None:
    found = frame()
    assert found.labels == ("cat", "dog", "owl")
    assert found.class_ids.tolist() == [0, 1, 3]
    assert found.boxes_xyxy.tolist() == [[40, 45, 60, 75], [130, 145, 170, 175], [75, 175, 125, 225]]
    assert [LABELS[each] for each in found.class_ids] == list(found.labels)


def test_without_labels_a_class_is_its_number() -> None:
    assert frame(labels=()).labels == ("2", "0", "1", "3")


def test_types_and_shapes() -> None:
    for found in (frame(), frame(ROWS * 0)):
        count = len(found.labels)
        assert found.boxes_xyxy.shape == (count, 4)
        assert found.scores.shape == found.class_ids.shape == (count,)
        assert found.points_xy.shape == (count, 0, 2)
        arrays = found.boxes_xyxy, found.scores, found.class_ids, found.points_xy
        assert [str(array.dtype) for array in arrays] == ["float32", "float32", "int64", "float32"]
    assert found.to_json() == {"boxes_xyxy": [], "scores": [], "class_ids": [], "labels": [], "points_xy": []}


@pytest.mark.parametrize("nms", ["class-wise", "class-free", "weighted", "none"])
def test_nothing_found_has_as_many_points_as_the_recipe(nms: Any) -> None:
    specs, arrays, _ = stored({"o": np.zeros((1, 19, 11))})
    found = decoded(DetectionRecipe(points=3, nms=nms), specs, arrays)
    assert found.points_xy.shape == (0, 3, 2)
    assert found.boxes_xyxy.shape == (0, 4)


def test_a_threshold_that_no_stored_score_reaches() -> None:
    spec = TensorSpec("o", (1, 5, 8), "int8", 1 / 256, -128)
    arrays = {"o": np.full((1, 5, 8), 127, np.int8)}
    assert len(decoded(DetectionRecipe(threshold=1.0), [spec], arrays).scores) == 0


class TestOptions:
    def test_threshold(self) -> None:
        assert frame(recipe=replace(PLAIN_RECIPE, threshold=0.68)).labels == ("cat", "dog")

    def test_a_score_equal_to_the_threshold_is_kept(self) -> None:
        assert frame(recipe=replace(PLAIN_RECIPE, threshold=0.7)).labels == ("cat", "dog")

    @pytest.mark.parametrize("multi_label", [False, True])
    def test_so_is_a_product_with_objectness(self, multi_label: bool) -> None:
        specs, arrays, _ = stored(
            {"o": np.array([[[50, 60, 20, 30, 1.0, 0.7], [150, 60, 20, 30, 0.5, 0.5]] * 5])}
        )
        recipe = DetectionRecipe(objectness=True, threshold=0.7, multi_label=multi_label)
        assert decoded(recipe, specs, arrays).scores.tolist() == [np.float32(0.7)]
        recipe = replace(recipe, threshold=0.25)
        assert decoded(recipe, specs, arrays).scores.tolist() == [np.float32(0.7), 0.25]

    @pytest.mark.parametrize("activation", ["none", "softmax"])
    def test_so_is_one_of_several_labels(self, activation: Any) -> None:
        recipe = replace(PLAIN_RECIPE, threshold=0.6, multi_label=True, nms="none")
        assert frame(recipe=recipe).labels.count("owl") == 2
        alone = np.tile(ROWS[:1], (5, 1))
        alone[:, 4:] = 0
        recipe = replace(recipe, threshold=0.25, activation=activation)
        assert len(frame(alone, recipe).scores) == (
            15 if activation == "softmax" else 0
        )  # the row ??? is no class

    def test_classes_by_name(self) -> None:
        assert frame(recipe=replace(PLAIN_RECIPE, classes=("owl", "cat"))).labels == ("cat", "owl")

    def test_classes_by_number_where_there_are_no_labels(self) -> None:
        assert frame(recipe=replace(PLAIN_RECIPE, classes=("3",)), labels=()).labels == ("3",)

    def test_a_candidate_counts_as_its_best_class_alone(self) -> None:
        """Row 2 is a dog at 0.7; that it might be an owl at 0.6 is not said when only owls are looked for."""
        assert frame(recipe=replace(PLAIN_RECIPE, classes=("owl",))).scores.tolist() == [np.float32(0.65)]

    def test_classes_are_chosen_before_the_best_are(self) -> None:
        assert frame(recipe=replace(PLAIN_RECIPE, classes=("owl",), max_detections=1)).labels == ("owl",)

    def test_max_detections(self) -> None:
        assert frame(recipe=replace(PLAIN_RECIPE, max_detections=2)).labels == ("cat", "dog")

    def test_iou(self) -> None:
        assert frame(recipe=replace(PLAIN_RECIPE, iou=0.95)).labels == ("cat", "cat", "dog", "owl")

    @pytest.mark.parametrize(
        ("name", "said"), [("owll", "Did you mean 'owl'"), ("zzzz", "It has cat, dog"), ("???", "no label")]
    )
    def test_a_class_that_is_not_there(self, name: str, said: str) -> None:
        with pytest.raises(CardError, match="classes: no label") as caught:
            frame(recipe=replace(PLAIN_RECIPE, classes=(name,)))
        assert said in str(caught.value)

    def test_a_name_where_classes_are_numbers(self) -> None:
        with pytest.raises(CardError, match="classes: the card has no labels, so classes are numbers"):
            frame(recipe=replace(PLAIN_RECIPE, classes=("cat",)), labels=())

    def test_the_recipe_names_them(self) -> None:
        assert set(DetectionRecipe.OPTIONS) == {"threshold", "classes", "max_detections", "iou"}


def test_only_the_best_candidates_go_into_nms() -> None:
    """One label for all: with two candidates, both are the cat's, and the dog never gets there."""
    recipe = replace(PLAIN_RECIPE, max_candidates=2, max_detections=1)
    assert frame(recipe=recipe).labels == ("cat",)
    assert frame(recipe=replace(recipe, max_detections=2)).labels == ("cat",)
    assert frame(recipe=replace(recipe, max_detections=3)).labels == ("cat", "dog")


def test_of_equal_scores_the_earlier_comes_first_however_many_there_are() -> None:
    count = 5000
    rows = np.tile(np.array([100, 100, 5, 5, 0.5], np.float32), (count, 1))
    rows[:, 0] = np.arange(count) % 300
    rows[:, 1] = np.arange(count) // 300 * 10
    specs = [TensorSpec("o", (1, count, 5), "float32")]
    recipe = DetectionRecipe(threshold=0.3, max_candidates=7, max_detections=7, nms="none")
    found = decoded(recipe, specs, {"o": rows[None]})
    np.testing.assert_allclose(found.boxes_xyxy[:, 2], np.arange(7) + 2.5)


class TestPlaces:
    def test_a_letterbox_is_taken_off(self) -> None:
        """1280 x 720 in 320 x 256: a quarter, 38 rows of border above."""
        context = Context(np.array([[4.0, 0, 0], [0, 4.0, -152]]), (1280, 720), WH)
        found = frame(context=context)
        assert found.boxes_xyxy[0].tolist() == [160, 28, 240, 148]

    def test_boxes_are_cut_at_the_frame(self) -> None:
        rows = with_(0, 0, 5)
        assert frame(rows).boxes_xyxy[0].tolist() == [0, 45, 15, 75]
        rows = with_(0, 0, 315)
        assert frame(rows).boxes_xyxy[0].tolist() == [305, 45, 320, 75]

    @pytest.mark.parametrize(("place", "value"), [(0, -40), (0, 400), (1, -40), (1, 400)])
    def test_a_box_outside_the_frame_is_left_out(self, place: int, value: float) -> None:
        found = frame(with_(0, place, value))
        assert found.scores.tolist() == [np.float32(each) for each in (0.8, 0.7, 0.65)]

    def test_a_box_in_the_border_alone_takes_no_place(self) -> None:
        context = Context(np.array([[1.0, 0, 0], [0, 1.0, -80]]), (320, 96), WH)
        found = frame(context=context, recipe=replace(PLAIN_RECIPE, max_detections=1))
        assert found.labels == ("dog",)

    def test_a_rotated_view_gives_the_upright_box_around(self) -> None:
        context = Context(np.array([[0.0, -1, 256], [1.0, 0, 0]]), (256, 320), WH)
        assert frame(context=context).boxes_xyxy[0].tolist() == [181, 40, 211, 60]

    def test_without_a_frame_nothing_is_cut(self) -> None:
        found = frame(with_(0, 0, -40), context=Context())
        assert found.boxes_xyxy[0].tolist() == [-50, 45, -30, 75]

    @pytest.mark.parametrize(("wh", "expected"), [(WH, 160), (None, 0.5)])
    def test_0_to_1_without_a_context_is_of_the_cards_input(self, wh: Any, expected: float) -> None:
        specs, arrays, _ = stored({"o": np.array([[[0.25, 0.25, 0.5, 0.5, 0.9]] * 6])})
        decoder = opened(DetectionRecipe(coordinates="normalized"), specs, (), wh)
        (found,) = decoder.decode(Outputs.of(specs, arrays), Context(), None)
        assert found.boxes_xyxy[0, 2] == expected

    def test_points_go_back_too_and_are_not_cut(self) -> None:
        rows = np.array([[50, 60, 20, 30, 0.9, -10, 20]] * 8)
        specs, arrays, _ = stored({"o": rows[None]})
        context = Context(np.array([[4.0, 0, 0], [0, 4.0, -152]]), (1280, 720), WH)
        found = decoded(DetectionRecipe(points=1), specs, arrays, context=context)
        assert found.points_xy.tolist() == [[[-40, -72]]]

    def test_weighted_boxes_go_back_too(self) -> None:
        context = Context(np.array([[2.0, 0, 0], [0, 2.0, 0]]), (640, 512), WH)
        found = frame(recipe=replace(PLAIN_RECIPE, nms="weighted"), context=context)
        mean = (50 * 0.9 + 51 * 0.8) / 1.7
        np.testing.assert_allclose(found.boxes_xyxy[0], [2 * mean - 20, 90, 2 * mean + 20, 150], rtol=1e-5)


class TestBadNumbers:
    @pytest.mark.parametrize("layout", ["rows", "columns", "apart", "objectness"])
    @pytest.mark.parametrize("row", [0, 3, 29])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize("activation", ["none", "softmax"])
    def test_a_score_that_is_none(self, layout: str, row: int, value: float, activation: Any) -> None:
        if layout == "objectness" and activation == "softmax":
            pytest.skip("refused by the recipe")
        rows = np.tile(ROWS, (6, 1))
        rows[row, 4] = value
        real = {"o": rows[None]}
        if layout == "columns":
            real = {"o": np.ascontiguousarray(rows.T)[None]}
        if layout == "apart":
            real = {"b": rows[None, :, :4], "s": rows[None, :, 4:]}
        specs, arrays, _ = stored(real)
        recipe = DetectionRecipe(
            objectness=layout == "objectness",
            activation=activation,
            boxes_outputs=("b",) if layout == "apart" else (),
        )
        with pytest.raises(ArtifactError, match=r"expected scores, found NaN or infinity.*delegate"):
            decoded(recipe, specs, arrays)

    def test_an_objectness_of_0_beside_infinity(self) -> None:
        specs, arrays, _ = stored({"o": np.array([[[50, 60, 20, 30, 0.0, np.inf]] * 9])})
        with pytest.raises(ArtifactError, match="found NaN or infinity"):
            decoded(DetectionRecipe(objectness=True, threshold=0), specs, arrays)

    def test_one_column(self) -> None:
        rows = np.full((1, 30, 5), 0.9)
        rows[0, 7, 4] = np.nan
        specs, arrays, _ = stored({"o": rows})
        with pytest.raises(ArtifactError, match="found NaN"):
            decoded(DetectionRecipe(), specs, arrays)

    @pytest.mark.parametrize("value", [-np.inf, -1e30])
    def test_a_masked_score_is_no_error(self, value: float) -> None:
        assert frame(with_(0, 4, value)).labels == ("cat", "dog", "owl")

    @pytest.mark.parametrize("place", [0, 1, 2, 3])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("nms", ["class-wise", "class-free", "weighted", "none"])
    def test_a_box_that_is_none_is_left_out_and_suppresses_nothing(
        self, place: int, value: float, nms: Any
    ) -> None:
        found = frame(with_(0, place, value), replace(PLAIN_RECIPE, nms=nms))
        assert found.scores.tolist() == [np.float32(each) for each in (0.8, 0.7, 0.65)] or nms != "class-wise"
        assert np.float32(0.9) not in found.scores
        assert np.isfinite(found.boxes_xyxy).all()

    @pytest.mark.parametrize("place", [2, 3])
    @pytest.mark.parametrize("value", [0, -5])
    def test_a_box_without_area_is_left_out(self, place: int, value: float) -> None:
        assert np.float32(0.9) not in frame(with_(0, place, value)).scores

    def test_a_box_turned_inside_out_has_no_area_in_a_rotated_view(self) -> None:
        context = Context(np.array([[0.0, -1, 256], [1.0, 0, 0]]), (256, 320), WH)
        assert np.float32(0.9) not in frame(with_(0, 2, -20), context=context).scores

    @pytest.mark.parametrize("place", [0, 1, 2, 3])
    def test_a_box_that_is_infinite_in_the_source(self, place: int) -> None:
        context = Context(np.array([[4.0, 0, 0], [0, 4.0, -152]]), (1280, 720), WH)
        found = frame(with_(0, place, 3e38), context=context)
        assert np.float32(0.9) not in found.scores
        assert np.float32(0.8) in found.scores

    @pytest.mark.parametrize("value", [np.nan, np.inf, -3e38])
    def test_a_key_point_that_is_none(self, value: float) -> None:
        rows = np.array([[50, 60, 20, 30, 0.9, value, 20], [150, 60, 20, 30, 0.8, 150, 20]] * 5)
        specs, arrays, _ = stored({"o": rows[None]})
        assert decoded(DetectionRecipe(points=1), specs, arrays).scores.tolist() == [np.float32(0.8)]

    @pytest.mark.parametrize("value", [1e12, 3e38, -3e38])
    @pytest.mark.parametrize("place", [0, 1, 2, 3])
    def test_a_box_larger_than_any_picture_is_left_out(self, value: float, place: int) -> None:
        assert frame(with_(0, place, value)).scores[0] == np.float32(0.8)


class TestFit:
    @pytest.mark.parametrize(
        ("recipe", "shapes", "labels", "said"),
        [
            (DetectionRecipe(), [(1, 30, 9)], LABELS, r'expected 8 numbers .*\[1, 30, 9\].*"objectness": true'),
            (DetectionRecipe(objectness=True), [(1, 30, 8)], LABELS, r'expected 9 .*"objectness": false'),
            (DetectionRecipe(), [(1, 30, 20)], LABELS, r"expected 8 numbers .* 8 are 4 of the box, one for"),
            (DetectionRecipe(), [(1, 4, 30)], (), "expected rows of more than 4 numbers"),
            (DetectionRecipe(), [(1, 8, 8)], LABELS, 'layout: output .* may hold rows or columns. Say "rows"'),
            (DetectionRecipe(), [(1, 30, 8), (1, 31, 8)], LABELS, "boxes_outputs: expected one output .* found 2"),
            (DetectionRecipe(boxes_outputs=("x",)), [(1, 30, 8)], LABELS, "boxes_outputs: no output 'x' in the file"),
            (DetectionRecipe(head="boxes"), [(1, 30, 5), (1, 30, 3)], (), "boxes_outputs: expected one .* 4 numbers"),
            (DetectionRecipe(head="boxes"), [(1, 30, 4), (1, 31, 3)], (), "scores_outputs: expected one .* found 0"),
            (DetectionRecipe(head="boxes"), [(1, 30, 4)], (), "scores_outputs: expected one .* among none"),
            (
                DetectionRecipe(head="boxes", scores_outputs=("out1",)),
                [(1, 30, 4), (1, 31, 3)],
                (),
                "scores_outputs: expected scores for each of 30",
            ),
            (
                DetectionRecipe(head="boxes", scores_outputs=("out1",)),
                [(1, 30, 4), (1, 31, 4)],
                LABELS,
                "scores: expected 30 candidates, as many as boxes, found 31 in 'out1'",
            ),
            (DetectionRecipe(background=1), [(1, 30, 8)], LABELS, "background: expected the first or the last of 4"),
            (DetectionRecipe(background=0), [(1, 30, 5)], ("a",), "background: .* and one more"),
            (DetectionRecipe(label_offset=1), [(1, 30, 8)], LABELS, "expected 7 numbers"),
            (DetectionRecipe(label_offset=4), [(1, 30, 8)], LABELS, "label_offset: expected less than .* 4, found 4"),
            (
                DetectionRecipe(objectness=True, boxes_outputs=("out0",), scores_outputs=("out1",)),
                [(1, 30, 4), (1, 30, 4), (1, 30, 1)],
                LABELS,
                "objectness_outputs: .* found none; the file has",
            ),
            (
                DetectionRecipe(
                    objectness=True,
                    boxes_outputs=("out0",),
                    scores_outputs=("out1", "out2"),
                    objectness_outputs=("out3",),
                ),
                [(1, 30, 4), (1, 20, 4), (1, 10, 4), (1, 30, 1)],
                LABELS,
                "objectness_outputs: expected them cut as the scores are",
            ),
            (DetectionRecipe(head="anchors", strides=(8,)), [(1, 30, 4), (1, 30, 1)], (), "anchors for 30 boxes"),
            (DetectionRecipe(head="grid", strides=(32,)), [(1, 30, 9)], (), "cells for 30 candidates, found 80"),
            (
                DetectionRecipe(head="grid", strides=(32, 64)),
                [(1, 9, 8, 10)],
                (),
                "boxes_outputs: expected one grid of 4 x 5 for stride 64",
            ),
            (DetectionRecipe(head="grid", strides=(32,)), [(1, 4, 8, 10)], (), "expected 1 anchors of 4 numbers"),
            (DetectionRecipe(head="grid", strides=(32,)), [(1, 9, 8, 10)], LABELS, "expected 1 anchors of 8 numbers"),
            (
                DetectionRecipe(head="grid", strides=(32, 64), boxes_outputs=("out0",)),
                [(1, 9, 8, 10)],
                (),
                "strides: expected one for each of 1 grids, found 2",
            ),
            (
                DetectionRecipe(head="grid", strides=(16,), boxes_outputs=("out0",)),
                [(1, 9, 8, 10)],
                (),
                "expected a grid of 16 x 20 with 1 anchors",
            ),
            (
                DetectionRecipe(head="grid", grid="yolov3", strides=(32,), grid_anchors=(1, 2, 3, 4)),
                [(1, 3, 8, 10, 9)],
                (),
                "expected a grid of 8 x 10 with 2 anchors",
            ),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_said(
        self, recipe: DetectionRecipe, shapes: list[tuple[int, ...]], labels: tuple[str, ...], said: str
    ) -> None:
        specs = [TensorSpec(f"out{at}", shape, "float32") for at, shape in enumerate(shapes)]
        with pytest.raises(CardError, match=said):
            opened(recipe, specs, labels)

    @pytest.mark.parametrize("head", ["yolo", "boxes", "end-to-end", "grid"])
    def test_integers_without_a_scale(self, head: Any) -> None:
        specs = [TensorSpec("out0", (1, 80, 6), "int8"), TensorSpec("out1", (1, 80, 2), "int8")]
        if head == "boxes":
            specs[0] = TensorSpec("out0", (1, 80, 4), "int8")
        else:
            specs.pop()
        with pytest.raises(CardError, match="found int8 without"):
            opened(DetectionRecipe(head=head, strides=(32,)), specs)

    @pytest.mark.parametrize("head", ["grid", "anchors"])
    def test_the_size_of_the_input_is_needed(self, head: Any) -> None:
        specs = [TensorSpec("o", (1, 80, 9), "float32")]
        with pytest.raises(CardError, match=r'input_wh: .* Say "input_wh"'):
            opened(DetectionRecipe(head=head, strides=(32,)), specs, (), None)
        if head == "grid":
            opened(DetectionRecipe(head=head, strides=(32,), input_wh=WH), specs, (), None)

    @pytest.mark.parametrize(
        ("shape", "layout"), [((1, 3, 256, 320), "NCHW"), ((1, 256, 320, 3), ""), ((1, 3, 256, 320), "")]
    )
    def test_the_size_is_that_of_the_cards_input(self, shape: tuple[int, ...], layout: str) -> None:
        inputs = (SimpleNamespace(shape=(1,), layout=""), SimpleNamespace(shape=shape, layout=layout))
        specs = [TensorSpec("o", (1, 80, 9), "float32")]
        DetectionTask().open(
            SimpleNamespace(labels=(), inputs=inputs), DetectionRecipe(head="grid", strides=(32,)), specs
        )

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"head": "grid"}, "strides: "),
            ({"head": "anchors"}, "strides: "),
            ({"anchor_scales": (0.1,)}, "anchor_scales: expected 2 numbers, found 1"),
            ({"anchor_offset": ()}, "anchor_offset: "),
            ({"box_scales": (1.0,)}, "box_scales: expected 4"),
            ({"input_wh": (3,)}, "input_wh: expected 0 or 2"),
            ({"count_outputs": ("a", "b")}, "count_outputs: "),
            ({"activation": "softmax", "objectness": True}, "activation: "),
            ({"head": "boxes", "objectness": True}, "objectness: "),
            ({"head": "postprocess", "points": 2}, "points: "),
            ({"head": "anchors", "strides": (8,), "box": "xyxy"}, "box: "),
            ({"head": "grid", "strides": (8,), "box": "xyxy"}, "box: "),
            ({"head": "grid", "strides": (8,), "grid_anchors": (1.0, 2.0)}, "grid_anchors: "),
            ({"head": "grid", "grid": "yolov5", "strides": (8, 16), "grid_anchors": (1.0, 2.0)}, "grid_anchors: "),
            ({"head": "grid", "grid": "yolov5", "strides": (8,)}, "grid_anchors: "),
            (
                {"head": "anchors", "strides": (8,), "anchor_ratios": (), "anchor_interpolated_ratio": 0.0},
                "anchor_ratios: ",
            ),
        ],
    )  # fmt: skip
    def test_rules_of_the_recipe(self, fields: dict[str, Any], said: str) -> None:
        with pytest.raises(CardError, match=f"^{said}"):
            DetectionRecipe(**fields).check()


def test_bounds_are_of_fields_that_there_are() -> None:
    assert set(DetectionRecipe.BOUNDS) <= set(DetectionRecipe.__dataclass_fields__)
    assert set(DetectionRecipe.OPTIONS) <= set(DetectionRecipe.__dataclass_fields__)


def test_the_seam() -> None:
    specs, arrays, _ = stored({"o": ROWS[None]})
    decoder = opened(PLAIN_RECIPE, specs, LABELS)
    outputs = Outputs.of(specs, arrays)
    decoder.begin()
    assert list(decoder.end(PLAIN, None)) == []
    assert decoder.whole([outputs], PLAIN, 0.0).labels == ("cat", "dog", "owl")


def test_a_result_does_not_change_when_the_model_runs_again() -> None:
    specs, arrays, _ = stored({"o": ROWS[None]})
    (found,) = opened(replace(PLAIN_RECIPE, nms="none"), specs, LABELS).decode(
        Outputs.of(specs, arrays), PLAIN, None
    )
    before = found.boxes_xyxy.copy(), found.scores.copy()
    arrays["o"][...] = 7
    np.testing.assert_array_equal(found.boxes_xyxy, before[0])
    np.testing.assert_array_equal(found.scores, before[1])


@pytest.mark.parametrize("seed", range(40))
def test_all_are_seen_only_where_each_is(seed: int) -> None:
    """The short way to know that no box is left out, against the long one."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-60, 330, (3, 2))
    rows = np.concatenate([corner, corner + rng.uniform(-5, 90, (3, 2)), corner], axis=1).astype(np.float32)
    if seed % 2:
        rows[seed % 3, seed % 6] = rng.choice([np.nan, np.inf, -np.inf, 0.999e9, 1e9, -1.1e9, 3e38])
    way = WayBack(PLAIN)
    with np.errstate(over="ignore", invalid="ignore"):
        placed = way.rows(rows)
        shown = way.clipped(placed)
        if task._all_seen(placed, shown):
            assert task._seen(rows, placed, shown).tolist() == [0, 1, 2]
        inside = np.array([[10, 10, 50, 60, 5, 5]], np.float32)
        assert task._all_seen(inside, inside[:, :4])


def test_scores_that_are_logits_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    decoder = opened(PLAIN_RECIPE, SPECS, LABELS)
    with caplog.at_level(logging.WARNING, "edgemm"):
        for _ in range(2):
            array = np.asarray(with_(0, 4, 9.0), np.float32)[None]
            decoder.whole([Outputs.of(SPECS, {"o": array})], PLAIN, 0.0)
    (said,) = [each.getMessage() for each in caplog.records]
    assert "the model gave 0 to 9. Are they logits?" in said


@pytest.mark.parametrize(
    ("coordinates", "factor", "said"),
    [
        ("pixels", 1 / 320, '"coordinates": "normalized"'), ("normalized", 1.0, '"coordinates": "pixels"'),
        ("pixels", 1.0, ""), ("normalized", 1 / 320, ""),
    ],
)  # fmt: skip
def test_boxes_in_another_unit_are_told(
    coordinates: Any, factor: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = ROWS.copy()
    rows[:, :4] *= factor
    with caplog.at_level(logging.WARNING, "edgemm"):
        frame(rows, replace(PLAIN_RECIPE, coordinates=coordinates))
    messages = [each.getMessage() for each in caplog.records]
    assert len(messages) == bool(said)
    assert all(said in each for each in messages)
