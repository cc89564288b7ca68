"""Four outputs of an operator that did NMS. TFLite_Detection_PostProcess is run by LiteRT itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.context import Context
from edgemm.tasks.detection import anchors
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec
from tests.tasks.detection.rig import PLAIN, WH, decoded, opened

SSD: dict[str, Any] = {
    "strides": (32, 64),
    "anchor_scales": (0.2, 0.5),
    "anchor_ratios": (1.0, 2.0),
    "anchor_fixed_size": False,
}
TABLE = anchors.make(DetectionRecipe(head="anchors", **SSD), WH)
CLASSES = 4
NAMES = tuple("TFLite_Detection_PostProcess" + (f":{at}" if at else "") for at in range(4))
POST = DetectionRecipe(head="postprocess", threshold=0.5, label_offset=1)
LABELS = ("???", "person", "bicycle", "???", "car")


def litert_op(
    raw: npt.NDArray[Any], scores: npt.NDArray[Any], *, regular: bool, most: int = 20, iou: float = 0.5
) -> list[npt.NDArray[Any]]:
    """Boxes, classes, scores, count, as LiteRT's own operator gives them."""
    pytest.importorskip("onnx")  # of the script that makes small files
    flexbuffers = pytest.importorskip("flatbuffers.flexbuffers")
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    from ai_edge_litert import schema_py_generated as schema

    from tests.assets.make_assets import FLOAT, Graph

    options = {
        "max_detections": most,
        "max_classes_per_detection": 1,
        "detections_per_class": most,
        "use_regular_nms": regular,
        "nms_score_threshold": 0.3,
        "nms_iou_threshold": iou,
        "num_classes": CLASSES,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
    }
    graph = Graph()
    inputs = [graph.tensor("raw", FLOAT, raw.shape), graph.tensor("scores", FLOAT, scores.shape)]
    table = graph.constant("anchors", FLOAT, TABLE[:, [1, 0, 3, 2]])
    outputs = [graph.tensor(name, FLOAT, []) for name in NAMES]
    graph.operator(
        schema.BuiltinOperator.CUSTOM, [*inputs, table], outputs, custom="TFLite_Detection_PostProcess"
    )
    graph.graph.operators[0].customOptions = np.frombuffer(bytes(flexbuffers.Dumps(options)), np.uint8)
    runs = interpreter(model_content=graph.pack(inputs, outputs))
    runs.allocate_tensors()
    for detail, array in zip(runs.get_input_details(), (raw, scores), strict=True):
        runs.set_tensor(detail["index"], array)
    runs.invoke()
    return [runs.get_tensor(detail["index"]).copy() for detail in runs.get_output_details()]


def seeded(seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 2, (1, len(TABLE), 4)).astype(np.float32)
    return raw, (rng.uniform(0, 1, (1, len(TABLE), CLASSES + 1)) ** 4).astype(np.float32)


def frame(arrays: Sequence[npt.NDArray[Any]], recipe: DetectionRecipe = POST, **more: Any) -> Any:
    specs = [TensorSpec(name, (), "float32") for name in NAMES]
    return decoded(recipe, specs, dict(zip(NAMES, arrays, strict=True)), **more)


def test_the_boxes_that_litert_gives() -> None:
    boxes, classes, scores, count = litert_op(*seeded(1), regular=False, most=200)
    found = frame((boxes, classes, scores, count), replace(POST, max_detections=200))
    seen = (boxes[0] < [1, 1, 9, 9]).all(axis=1) & (boxes[0] > [-9, -9, 0, 0]).all(axis=1)
    keep = [at for at in range(int(count[0])) if scores[0, at] >= 0.5 and seen[at]]
    assert 3 < len(keep) < count[0]
    np.testing.assert_array_equal(found.scores, scores[0, keep])
    np.testing.assert_array_equal(found.class_ids, classes[0, keep] + 1)
    for (left, top, right, bottom), at in zip(found.boxes_xyxy, keep, strict=True):
        y0, x0, y1, x1 = boxes[0, at]
        np.testing.assert_allclose(
            [left, top, right, bottom],
            [max(x0, 0) * 320, max(y0, 0) * 256, min(x1, 1) * 320, min(y1, 1) * 256],
            atol=1e-3,
        )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("iou", [0.3, 0.5, 0.7])
def test_raw_ssd_is_decoded_as_litert_does(seed: int, iou: float) -> None:
    """LiteRT's fast NMS takes the best class of each box, and lets all classes meet."""
    raw, scores = seeded(seed)
    boxes, classes, best, count = litert_op(raw, scores, regular=False, most=400, iou=iou)
    recipe = DetectionRecipe(
        head="anchors",
        threshold=0.3,
        iou=iou,
        nms="class-free",
        box="cycxhw",
        box_scales=(10, 10, 5, 5),
        box_exponential=True,
        background=0,
        label_offset=-1,
        max_detections=400,
        **SSD,
    )
    arrays = {"raw": raw, "scores": scores}
    specs = [TensorSpec(name, array.shape, "float32") for name, array in arrays.items()]
    nowhere = Context(tensor_wh=WH)  # boxes that are not cut
    (found,) = opened(recipe, specs).decode(Outputs.of(specs, arrays), nowhere, None)
    total = int(count[0])
    assert len(found.scores) == total > 20
    np.testing.assert_array_equal(found.scores, best[0, :total])
    np.testing.assert_array_equal(found.class_ids, classes[0, :total])
    expected = boxes[0, :total][:, [1, 0, 3, 2]] * [*WH, *WH]
    np.testing.assert_allclose(found.boxes_xyxy, expected, atol=2e-3)


ONE = (
    np.array([[[0.1, 0.2, 0.5, 0.6], [0.3, 0.3, 0.6, 0.7], [0, 0, 1, 1]]], np.float32),
    np.array([[1, 3, 0]], np.float32),
    np.array([[0.9, 0.8, 0.7]], np.float32),
    np.array([2], np.float32),
)


def test_only_as_many_as_are_counted_with_names_from_the_map() -> None:
    found = frame(ONE, labels=LABELS)
    assert found.labels == ("bicycle", "car")
    assert found.class_ids.tolist() == [2, 4]
    np.testing.assert_allclose(found.boxes_xyxy[0], [64, 25.6, 192, 128], rtol=1e-6)


def test_a_score_equal_to_the_threshold_is_kept() -> None:
    assert len(frame(ONE, replace(POST, threshold=0.8)).scores) == 2


def test_a_row_of_the_map_without_a_name_is_no_object() -> None:
    found = frame((ONE[0], np.array([[2, 1, 0]], np.float32), *ONE[2:]), labels=LABELS)
    assert found.labels == ("bicycle",)


@pytest.mark.parametrize(("told", "expected"), [(0, 0), (-1, 0), (1, 1), (99, 3)])
def test_an_odd_count(told: float, expected: int) -> None:
    assert len(frame((*ONE[:3], np.array([told], np.float32))).scores) == expected


@pytest.mark.parametrize("count", [np.array([np.nan]), np.array([np.inf]), np.array([1.0, 2.0]), np.zeros(0)])
def test_a_count_that_is_no_number(count: npt.NDArray[Any]) -> None:
    with pytest.raises(ArtifactError, match="one number of boxes"):
        frame((*ONE[:3], count.astype(np.float32)))


def test_a_class_before_the_first_label_is_no_object() -> None:
    """Class 0 is the background, and the labels begin behind it."""
    arrays = ONE[0], np.array([[0, 1, 3]], np.float32), ONE[2], np.array([3], np.float32)
    found = frame(arrays, replace(POST, label_offset=-1), labels=("person", "bicycle", "car"))
    assert found.labels == ("person", "car")


def test_the_background_is_no_object() -> None:
    arrays = ONE[0], np.array([[0, 1, 3]], np.float32), ONE[2], np.array([3], np.float32)
    found = frame(arrays, replace(POST, label_offset=0, background=1))
    assert found.labels == ("0", "3")


def test_a_class_behind_the_last_label_is_an_error() -> None:
    with pytest.raises(
        ArtifactError, match=r"expected class numbers of 0 to 1, since the card has 3 labels, .* gave 3"
    ):
        frame(ONE, labels=("???", "person", "bicycle"))


def test_rows_of_no_class_are_left_out() -> None:
    """EfficientNMS fills rows that are not used with -1."""
    classes = ONE[1].copy()
    classes[0, 0] = -1
    assert (
        frame((ONE[0], classes, *ONE[2:]), labels=tuple("abcde")).labels
        == frame(ONE, labels=tuple("abcde")).labels[1:]
    )


@pytest.mark.parametrize("number", [0.5, 1e20, np.inf])
def test_a_class_that_is_no_whole_number(number: float) -> None:
    with pytest.raises(ArtifactError, match=r":1'?: expected class numbers, the model gave"):
        frame((ONE[0], np.array([[number, 1, 1]], np.float32), *ONE[2:]), labels=("a", "b", "c"))


def test_other_sizes_than_each_other() -> None:
    with pytest.raises(ArtifactError, match="the model gave 3, 2 and 3"):
        frame((ONE[0], ONE[1][:, :2], *ONE[2:]))


def test_a_class_that_is_no_number() -> None:
    with pytest.raises(ArtifactError, match=":1"):
        frame((ONE[0], np.array([[np.nan, 1, 1]], np.float32), *ONE[2:]))


def test_scores_that_are_no_numbers() -> None:
    with pytest.raises(ArtifactError, match=":2"):
        frame((*ONE[:2], np.array([[0.9, np.nan, 0.1]], np.float32), ONE[3]))


@pytest.mark.parametrize("unit", ["normalized", "pixels"])
@pytest.mark.parametrize("box", ["yxyx", "xyxy"])
def test_other_coordinates(unit: Any, box: Any) -> None:
    boxes = np.array([[[20, 10, 80, 60]]], np.float32) / (100 if unit == "normalized" else 1)
    recipe = DetectionRecipe(head="postprocess", coordinates=unit, box=box)
    arrays = boxes, np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32), np.ones(1, np.float32)
    x, y = (3.2, 2.56) if unit == "normalized" else (1, 1)
    wanted = (10, 20, 60, 80) if box == "yxyx" else (20, 10, 80, 60)
    np.testing.assert_allclose(
        frame(arrays, recipe).boxes_xyxy[0], np.array(wanted) * [x, y, x, y], rtol=1e-6
    )


SHAPES = {"boxes": (1, 3, 4), "classes": (1, 3), "scores": (1, 3), "count": (1,)}
ORDERS: list[tuple[str, list[tuple[str, str, tuple[int, ...]]]]] = [
    ("TensorFlow 1", [(NAMES[at], role, ()) for at, role in enumerate(SHAPES)]),
    ("turned", [(NAMES[at], role, ()) for at, role in reversed(list(enumerate(SHAPES)))]),
    (
        "TensorFlow 2",
        [
            ("StatefulPartitionedCall:1", "scores", (1, 3)),
            ("StatefulPartitionedCall:3", "boxes", (1, 3, 4)),
            ("StatefulPartitionedCall:0", "count", (1,)),
            ("StatefulPartitionedCall:2", "classes", (1, 3)),
        ],
    ),
    (
        "EfficientDet",
        [
            ("StatefulPartitionedCall:3", "boxes", (1, 3, 4)),
            ("StatefulPartitionedCall:2", "classes", (1, 3)),
            ("StatefulPartitionedCall:1", "scores", (1, 3)),
            ("StatefulPartitionedCall:0", "count", (1,)),
        ],
    ),
    (
        "EfficientNMS",
        [
            ("num_dets", "count", (1, 1)),
            ("det_boxes", "boxes", (1, 3, 4)),
            ("det_scores", "scores", (1, 3)),
            ("det_classes", "classes", (1, 3)),
        ],
    ),
    ("plain", [(f"out_{at}", role, SHAPES[role]) for at, role in zip("abcd", SHAPES, strict=True)]),
    ("no count", [("boxes", "boxes", ()), ("classes", "classes", ()), ("scores", "scores", ())]),
    ("a count by name", [("detection_boxes", "boxes", ()), ("detection_classes", "classes", ()),
                         ("detection_scores", "scores", ()), ("num_detections", "count", ())]),
]  # fmt: skip


@pytest.mark.parametrize(("order"), [order for _, order in ORDERS], ids=[name for name, _ in ORDERS])
def test_which_output_is_what(order: list[tuple[str, str, tuple[int, ...]]]) -> None:
    arrays = dict(zip(SHAPES, ONE, strict=True))
    specs = [TensorSpec(name, shape, "float32") for name, _, shape in order]
    given = {name: arrays[role].reshape(shape) if shape else arrays[role] for name, role, shape in order}
    found = decoded(POST, specs, given, LABELS)
    counted = any(role == "count" for _, role, _ in order)
    assert found.labels == (("bicycle", "car") if counted else ("bicycle", "car", "person"))
    np.testing.assert_allclose(found.boxes_xyxy[0], [64, 25.6, 192, 128], rtol=1e-6)


def test_class_numbers_are_told_by_their_type() -> None:
    specs = [
        TensorSpec("a", (1, 3), "float32"),
        TensorSpec("b", (1, 3), "int32"),
        TensorSpec("c", (1, 3, 4), "float32"),
    ]
    given = {"a": ONE[2], "b": ONE[1].astype(np.int32), "c": ONE[0]}
    assert decoded(POST, specs, given, LABELS).labels == ("bicycle", "car", "person")


def test_names_of_the_recipe_come_first() -> None:
    specs = [TensorSpec(name, (1, 3), "float32") for name in "pqr"] + [TensorSpec("s", (1, 3, 4), "float32")]
    recipe = DetectionRecipe(
        head="postprocess",
        boxes_outputs=("s",),
        scores_outputs=("p",),
        classes_outputs=("r",),
        label_offset=1,
        threshold=0.75,
    )
    given = {"p": ONE[2], "q": np.zeros((1, 3), np.float32), "r": ONE[1], "s": ONE[0]}
    assert decoded(recipe, specs, given, LABELS).labels == ("bicycle", "car")


def test_a_doubt_is_asked_about() -> None:
    specs = [TensorSpec(name, (1, 3), "float32") for name in "pqr"] + [TensorSpec("s", (1, 3, 4), "float32")]
    with pytest.raises(CardError, match=r"not clear which output has .* Name them: boxes_outputs"):
        opened(POST, specs)


@pytest.mark.parametrize("role", ["boxes", "scores"])
def test_stored_outputs(role: str) -> None:
    arrays = dict(zip(SHAPES, ONE, strict=True))
    specs = [TensorSpec(f"the_{name}", array.shape, "float32") for name, array in arrays.items()]
    at = list(SHAPES).index(role)
    specs[at] = TensorSpec(f"the_{role}", arrays[role].shape, "int8", 1 / 255, -128)
    given = {f"the_{name}": array for name, array in arrays.items()}
    given[f"the_{role}"] = specs[at].quantize(arrays[role])
    found = decoded(POST, specs, given)
    np.testing.assert_allclose(found.scores, [0.9, 0.8], atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(found.boxes_xyxy[0], [64, 25.6, 192, 128], atol=320 * 0.5 / 255 + 1e-4)


def test_logits() -> None:
    logits = np.log(ONE[2] / (1 - ONE[2]))
    recipe = DetectionRecipe(head="postprocess", threshold=0.85, activation="sigmoid")
    np.testing.assert_allclose(frame((*ONE[:2], logits, ONE[3]), recipe).scores, [0.9], atol=1e-6)


def test_the_frame_is_another_size() -> None:
    context = Context(np.array([[4.0, 0, 0], [0, 4.0, -128]]), (1280, 720), WH)
    found = frame(ONE, context=context)
    np.testing.assert_allclose(found.boxes_xyxy[0], [256, 0, 768, 384], rtol=1e-6)
    assert PLAIN.source_wh == WH
