"""OpenVINO Model API's `model_info` in metadata_props."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from foreign_models import check_opens, image, onnx, real

from edgemm.foreign import ForeignCard, foreign_card
from edgemm.tensors import TensorSpec

IMAGES = image((1, 3, 64, 96))
LABELS = "cat dog traffic_light"


def card(
    folder: Path, outputs: list[TensorSpec], *, inputs: Any = IMAGES, operators: Any = ("Conv",), **info: Any
) -> ForeignCard:
    properties = {f"model_info {key}": value for key, value in info.items()}
    model = onnx(folder / "m.onnx", [inputs], outputs, properties, operators=operators)
    found = foreign_card(model)
    assert found is not None
    assert found.origin == "OpenVINO Model API"
    check_opens(found, model)
    return found


def recipe(found: ForeignCard) -> Any:
    return found.card.inputs[0].image


def test_without_a_model_type_there_is_no_card(tmp_path: Path) -> None:
    model = onnx(tmp_path / "m.onnx", [IMAGES], [real("o", 1, 3)], {"model_info labels": LABELS})
    assert foreign_card(model) is None


@pytest.mark.parametrize(
    ("operators", "info", "decode"),
    [
        (["Softmax", "Conv"], {}, "logits"),
        (["Softmax"], {}, "probabilities"),
        (["Softmax", "Transpose", "Reshape"], {}, "probabilities"),
        (["Sigmoid", "Relu"], {"multilabel": "True"}, "sigmoid"),
        (["Sigmoid"], {"multilabel": "True"}, "probabilities"),
    ],
)
def test_a_classifier(tmp_path: Path, operators: list[str], info: dict[str, str], decode: str) -> None:
    outputs = [real("feature_vector", 1, 9), real("logits", 1, 3)]
    found = card(
        tmp_path, outputs, operators=operators, model_type="Classification", labels=LABELS, topk="2", **info
    )
    assert (found.card.task, found.card.recipe.top_k) == ("classification", 2)
    assert [(each.name, each.decode) for each in found.card.outputs] == [
        ("feature_vector", "raw"),
        ("logits", decode),
    ]
    assert found.card.labels == ("cat", "dog", "traffic_light")


def test_weights_that_are_listed_as_inputs_are_none(tmp_path: Path) -> None:
    properties = {"model_info model_type": "Classification"}
    found = foreign_card(
        onnx(tmp_path / "m.onnx", [IMAGES], [real("o", 1, 3)], properties, constants=["w", "b"])
    )
    assert found is not None
    assert [each.name for each in found.card.inputs] == ["image"]


def test_one_class_more_than_labels_is_other(tmp_path: Path) -> None:
    found = card(tmp_path, [real("o", 1, 4)], model_type="Classification", labels=LABELS)
    assert found.card.labels == ("other", "cat", "dog", "traffic_light")


def test_names_with_spaces(tmp_path: Path) -> None:
    info = json.dumps({"label_names": ["cat", "dog", "traffic light"]})
    found = card(tmp_path, [real("o", 1, 3)], model_type="Classification", labels=LABELS, label_info=info)
    assert found.card.labels[-1] == "traffic light"


@pytest.mark.parametrize(
    ("info", "color"),
    [
        ({"reverse_input_channels": "True", "mean_values": "103.5 116.3 123.7"}, "rgb"),
        ({"reverse_input_channels": "False"}, "bgr"),
        ({}, "bgr"),
        ({"mean_values": "123.675 116.28 103.53"}, "rgb"),
        ({"mean_values": "103.53 116.28 123.675"}, "bgr"),
        ({"otx_version": "2.4.1", "mean_values": "0.0 0.0 0.0"}, "rgb"),
        ({"otx_version": "1.6.0"}, "bgr"),
    ],
)
def test_colour(tmp_path: Path, info: dict[str, str], color: str) -> None:
    found = card(tmp_path, [real("o", 1, 3)], model_type="Classification", **info)
    assert recipe(found).color == color


def test_normalisation(tmp_path: Path) -> None:
    found = card(
        tmp_path, [real("o", 1, 3)], model_type="Classification", mean_values="[123.675, 116.28, 103.53]",
        scale_values="58.395", resize_type="fit_to_window_letterbox", pad_value="7",
    )  # fmt: skip
    made = recipe(found)
    assert (made.scale, made.mean, made.std) == (1.0, (123.675, 116.28, 103.53), (58.395,))
    assert (made.resize, made.pad_value) == ("letterbox", 7)


@pytest.mark.parametrize("values", ["1 2", "0 0 0", "nan nan nan", "a b c", "1e300"])
def test_a_normalisation_that_cannot_be_is_left_out(tmp_path: Path, values: str) -> None:
    found = card(tmp_path, [real("o", 1, 3)], model_type="Classification", scale_values=values)
    assert recipe(found).std == (1.0,)


def test_preprocessing_inside_the_model(tmp_path: Path) -> None:
    found = card(
        tmp_path,
        [real("o", 1, 3)],
        model_type="Classification",
        scale_values="255",
        embedded_processing="True",
    )
    assert recipe(found).std == (1.0,)


def test_open_sizes(tmp_path: Path) -> None:
    info = {"orig_width": "96", "orig_height": "64"}
    found = card(
        tmp_path, [real("o", -1, 3)], inputs=image((-1, 3, -1, -1)), model_type="Classification", **info
    )
    assert found.card.inputs[0].shape == (1, 3, 64, 96)


@pytest.mark.parametrize("kind", ["YOLOv5", "YOLOv8", "yolo_v8", "YOLO11"])
def test_yolo_has_defaults_of_its_own(tmp_path: Path, kind: str) -> None:
    found = card(tmp_path, [real("o", 1, 7, 126)], model_type=kind, labels=LABELS)
    expected = {
        "head": "yolo",
        "layout": "columns",
        "objectness": False,
        "threshold": 0.25,
        "iou": 0.7,
        "max_detections": 300,
    }
    assert expected.items() <= found.content["detection"].items()
    made = recipe(found)
    assert (made.color, made.std, made.resize, made.pad_value) == ("rgb", (255.0,), "letterbox", 114)


def test_thresholds_of_the_file(tmp_path: Path) -> None:
    info = {
        "confidence_threshold": "0.31",
        "iou_threshold": "0.44",
        "agnostic_nms": "True",
        "max_predictions": "12",
    }
    found = card(tmp_path, [real("o", 1, 7, 126)], model_type="YOLOv8", labels=LABELS, **info)
    expected = {"threshold": 0.31, "iou": 0.44, "nms": "class-free", "max_detections": 12}
    assert expected.items() <= found.content["detection"].items()
    wild = card(
        tmp_path, [real("o", 1, 7, 126)], model_type="YOLOv8", confidence_threshold="7", max_predictions="0"
    )
    assert "max_detections" not in wild.content["detection"]
    assert wild.content["detection"]["threshold"] == 0.5


def test_yolox(tmp_path: Path) -> None:
    found = card(tmp_path, [real("o", 1, 126, 8)], model_type="YOLOX", labels=LABELS)
    expected = {"head": "grid", "grid": "yolox", "strides": [8, 16, 32], "objectness": True, "iou": 0.65}
    assert expected.items() <= found.content["detection"].items()
    assert len(found.card.labels) == 3


def test_ssd_with_three_outputs(tmp_path: Path) -> None:
    outputs = [real("labels", 1, 9), real("boxes", 1, 9, 4), real("scores", 1, 9)]
    found = card(tmp_path, outputs, model_type="ssd", labels=LABELS, confidence_threshold="0.4")
    assert found.content["detection"] == {
        "head": "postprocess", "box": "xyxy", "coordinates": "normalized", "boxes_outputs": ["boxes"],
        "scores_outputs": ["scores"], "classes_outputs": ["labels"], "threshold": 0.4,
    }  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 9, 5), (9, 5), (-1, 5)])
@pytest.mark.parametrize("classes", [True, False])
def test_ssd_with_the_score_beside_the_box(tmp_path: Path, shape: tuple[int, ...], classes: bool) -> None:
    outputs = [real("boxes", *shape), *([TensorSpec("labels", shape[:-1], "int64")] if classes else [])]
    found = card(tmp_path, outputs, model_type="ssd", labels=LABELS, confidence_threshold="0.4")
    assert found.content["detection"] == {
        "head": "end-to-end", "row": "xyxy-score", "box": "xyxy", "coordinates": "pixels",
        "boxes_outputs": ["boxes"], "classes_outputs": ["labels"] if classes else [], "threshold": 0.4,
    }  # fmt: skip
    assert len(found.card.labels) == 3
    assert any("first class" in said for said in found.said) is not classes


@pytest.mark.parametrize("kind", ["MaskRCNN", "anomaly_detection", "x" * 300])
def test_what_is_not_decoded_keeps_input_and_labels(tmp_path: Path, kind: str) -> None:
    found = card(tmp_path, [real("boxes", 1, 9, 5), real("labels", 1, 9)], model_type=kind, labels=LABELS)
    assert (found.content["task"], len(found.card.inputs), len(found.card.labels)) == ("tensors", 1, 3)
    assert any("decoded" in said for said in found.said)


@pytest.mark.parametrize(
    ("output", "section", "labels"),
    [
        (real("mask", 1, 3, 64, 96), {"kind": "scores", "layout": "NCHW"}, 3),
        (real("mask", 1, 4, 64, 96), {"kind": "scores", "layout": "NCHW"}, 4),
        (TensorSpec("mask", (1, 64, 96), "int64"), {"kind": "classes"}, 3),
    ],
)
def test_a_segmenter(tmp_path: Path, output: TensorSpec, section: dict[str, str], labels: int) -> None:
    found = card(tmp_path, [output], model_type="Segmentation", labels=LABELS, blur_strength="1")
    assert found.content["segmentation"] == {"output": "mask", **section}
    assert len(found.card.labels) == labels
    assert any("blur_strength" in said for said in found.said)
