"""Ultralytics' metadata: as its exporter writes it into .onnx, and behind .tflite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from foreign_models import check_opens, image, onnx, real, tflite

from edgemm.foreign import ForeignCard, foreign_card

NAMES = {0: "person", 1: "traffic light", 2: "cup o' tea"}
SAID: dict[str, Any] = {
    "description": "Ultralytics YOLOv8n model trained on coco8.yaml",
    "author": "Ultralytics",
    "date": "2025-01-01T00:00:00",
    "version": "8.3.0",
    "license": "AGPL-3.0 License (https://ultralytics.com/license)",
    "docs": "https://docs.ultralytics.com",
    "stride": 32,
    "task": "detect",
    "batch": 1,
    "imgsz": [64, 96],
    "names": NAMES,
    "args": {"batch": 1, "half": False, "nms": False},
    "channels": 3,
    "end2end": False,
}
IMAGES = image((1, 3, 64, 96))


def card(folder: Path, *shapes: tuple[int, ...], inputs: Any = IMAGES, **said: Any) -> ForeignCard:
    """Of an .onnx with these outputs; a value of None leaves the key out."""
    told = {key: value for key, value in (SAID | said).items() if value is not None}
    outputs = [real(f"output{at}", *shape) for at, shape in enumerate(shapes)]
    model = onnx(folder / "yolo.onnx", [inputs], outputs, told)
    found = foreign_card(model)
    assert found is not None
    assert found.origin == "Ultralytics"
    check_opens(found, model)
    return found


def section(found: ForeignCard) -> dict[str, Any]:
    made: dict[str, Any] = found.content["detection"]
    return made


def test_a_detector(tmp_path: Path) -> None:
    found = card(tmp_path, (1, 7, 126))
    assert section(found) == {
        "head": "yolo",
        "layout": "columns",
        "objectness": False,
        "box": "cxcywh",
        "boxes_outputs": ["output0"],
        "coordinates": "pixels",
        "threshold": 0.25,
        "iou": 0.7,
        "max_detections": 300,
    }
    assert found.card.labels == ("person", "traffic light", "cup o' tea")
    assert found.card.licence == "AGPL-3.0-only"
    entry = found.card.inputs[0]
    assert entry.image is not None
    assert (entry.shape, entry.layout) == ((1, 3, 64, 96), "NCHW")
    recipe = entry.image
    assert (recipe.color, recipe.resize, recipe.pad_value) == ("rgb", "letterbox", 114)
    assert (recipe.scale, recipe.mean, recipe.std) == (1.0, (0.0,), (255.0,))


def test_open_sizes_are_those_of_imgsz(tmp_path: Path) -> None:
    found = card(tmp_path, (-1, 7, -1), inputs=image((-1, 3, -1, -1)))
    assert found.card.inputs[0].shape == (1, 3, 64, 96)
    assert (section(found)["layout"], len(found.card.labels)) == ("columns", 3)
    assert found.card.outputs[0].shape == (1, 7, 126)
    alone = {key: None for key in SAID if key not in ("names", "stride", "imgsz")}
    older = card(tmp_path, (-1, -1, 8), inputs=image((-1, 3, -1, -1)), **alone | {"stride": 64})
    assert older.card.outputs[0].shape == (1, 3 * (8 * 12 + 4 * 6 + 2 * 3 + 1 * 1), 8)


def test_half_precision_inputs_are_given_as_tensors(tmp_path: Path) -> None:
    found = card(tmp_path, (1, 7, 126), inputs=image((1, 3, 64, 96), "float16"))
    assert (found.content["task"], found.card.inputs, len(found.card.labels)) == ("tensors", (), 3)


def test_open_sizes_that_nobody_tells_make_no_input(tmp_path: Path) -> None:
    assert card(tmp_path, (-1, 7, -1), inputs=image((-1, 3, -1, -1)), imgsz=None).card.task == "tensors"


@pytest.mark.parametrize("said", [{"end2end": True}, {"args": {"nms": True, "conf": 0.4}}, {}])
def test_nms_inside(tmp_path: Path, said: dict[str, Any]) -> None:
    found = card(tmp_path, (1, 300, 6), **said)
    assert section(found) == {
        "head": "end-to-end",
        "row": "xyxy-score-class",
        "box": "xyxy",
        "boxes_outputs": ["output0"],
        "coordinates": "pixels",
        "threshold": 0.4 if "args" in said else 0.25,
        "iou": 0.7,
        "max_detections": 300,
    }
    assert len(found.card.labels) == 3


def test_nms_that_is_said_and_not_there(tmp_path: Path) -> None:
    found = card(tmp_path, (1, 7, 126), args={"nms": True})
    assert section(found)["head"] == "yolo"
    assert any("NMS is in the model" in said for said in found.said)


def test_two_classes_in_columns_are_no_rows_of_six(tmp_path: Path) -> None:
    assert section(card(tmp_path, (1, 6, 126), names={0: "a", 1: "b"}))["head"] == "yolo"
    assert section(card(tmp_path, (1, 300, 6), names={0: "a", 1: "b"}, end2end=True))["head"] == "end-to-end"


def test_names_of_another_number_are_left_out(tmp_path: Path) -> None:
    found = card(tmp_path, (1, 9, 126))
    assert (section(found)["head"], found.card.labels) == ("yolo", ())
    assert any("3 labels" in said and "5 classes" in said for said in found.said)


def test_yolov5_writes_names_and_stride_alone(tmp_path: Path) -> None:
    alone = {key: None for key in SAID if key not in ("names", "stride")}
    found = card(tmp_path, (1, 378, 8), **alone)
    assert section(found) == {
        "head": "yolo",
        "layout": "rows",
        "objectness": True,
        "box": "cxcywh",
        "boxes_outputs": ["output0"],
        "coordinates": "pixels",
        "threshold": 0.25,
        "iou": 0.45,
        "max_detections": 1000,
    }
    one = card(tmp_path, (1, 378, 6), **alone | {"names": "{0: 'face'}"})
    assert (section(one)["head"], section(one)["objectness"], one.card.labels) == ("yolo", True, ("face",))


def test_key_points(tmp_path: Path) -> None:
    found = card(tmp_path, (1, 56, 126), task="pose", names={0: "person"}, kpt_shape=[17, 3])
    assert (section(found)["points"], section(found)["point_values"]) == (17, 3)
    assert found.card.labels == ("person",)
    ready = card(tmp_path, (1, 300, 57), task="pose", names={0: "person"}, kpt_shape=[17, 3], end2end=True)
    assert (section(ready)["head"], section(ready)["points"]) == ("end-to-end", 17)


def test_rtdetr_has_rows_of_fractions(tmp_path: Path) -> None:
    found = card(tmp_path, (1, 300, 7), description="Ultralytics rtdetr-l model")
    expected = {"layout": "rows", "coordinates": "normalized", "nms": "none"}
    assert expected.items() <= section(found).items()
    recipe = found.card.inputs[0].image
    assert recipe is not None
    assert recipe.resize == "stretch"
    many = card(tmp_path, (1, 300, 404), description="RT-DETR", names=[str(at) for at in range(400)])
    assert (section(many)["layout"], len(many.card.labels)) == ("rows", 400)


def test_a_classifier(tmp_path: Path) -> None:
    found = card(tmp_path, (1, 3), task="classify")
    assert (found.content["task"], found.card.outputs[0].decode) == ("classification", "probabilities")
    assert len(found.card.labels) == 3
    recipe = found.card.inputs[0].image
    assert recipe is not None
    assert (recipe.resize, recipe.interpolation) == ("center-crop", "area")


@pytest.mark.parametrize("task", ["segment", "obb", "depth"])
def test_tasks_that_are_not_decoded_keep_labels_and_input(tmp_path: Path, task: str) -> None:
    found = card(tmp_path, (1, 39, 126), (1, 32, 16, 24), task=task)
    assert (found.content["task"], len(found.card.labels), len(found.card.inputs)) == ("tensors", 3, 1)
    assert any(repr(task) in said for said in found.said)


@pytest.mark.parametrize("shape", [(1, 7), (1, 4, 126), (2, 7, 126), (1, 126, 126)])
def test_outputs_of_another_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    assert card(tmp_path, shape).card.task == "tensors"


@pytest.mark.parametrize("member", ["metadata.json", "temp_meta.txt"])
def test_behind_a_tflite_boxes_are_fractions(tmp_path: Path, member: str) -> None:
    text = json.dumps(SAID) if member.endswith("json") else str(SAID)
    model = tflite(
        tmp_path / "yolo.tflite",
        [image((1, 64, 96, 3), "int8", scale=1 / 255, zero_point=-128)],
        [real("out", 1, 7, 126)],
        files={member: text},
    )
    found = foreign_card(model)
    assert found is not None
    assert (section(found)["coordinates"], section(found)["layout"]) == ("normalized", "columns")
    assert found.card.labels == tuple(NAMES.values())
    recipe = found.card.inputs[0].image
    assert recipe is not None
    assert recipe.resize == "letterbox"


def test_an_archive_with_somebody_elses_metadata(tmp_path: Path) -> None:
    files = {"metadata.json": '{"names": "x"}', "temp_meta.txt": "names"}
    model = tflite(
        tmp_path / "m.tflite",
        [image()],
        [real("out", 1, 7, 126)],
        files={"metadata.json": files["metadata.json"]},
    )
    assert foreign_card(model) is None


@pytest.mark.parametrize(
    "names",
    ["{0: open('x')}", "__import__('os').system('touch x')", "{" * 500, "{0: 'a'", "[" + "0," * 600_000],
)
def test_names_that_are_no_literal_are_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, names: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        foreign_card(onnx(tmp_path / "m.onnx", [IMAGES], [real("o", 1, 7, 126)], SAID | {"names": names}))
        is None
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({2: "c", 0: "a"}, ("a", "1", "c")),
        (["a", "b", "c"], ("a", "b", "c")),
        ({"x": "a"}, ()),
        ({10**6: "a"}, ()),
        (5, ()),
    ],
)
def test_names_out_of_order(tmp_path: Path, names: Any, expected: tuple[str, ...]) -> None:
    assert card(tmp_path, (1, 7, 126), names=names).card.labels == expected


def test_a_pose_whose_names_and_points_do_not_fit_the_tensor_is_not_decoded(tmp_path: Path) -> None:
    """39 numbers: with one class and 17 points of 2, not with the 5 points of 3 that are said."""
    found = card(tmp_path, (1, 39, 84), task="pose", names={0: "person"}, kpt_shape=[5, 3])
    assert found.content["task"] == "tensors"
    sound = card(tmp_path, (1, 39, 84), task="pose", names={0: "person"}, kpt_shape=[17, 2])
    assert sound.content["task"] == "detection"


@pytest.mark.parametrize("description", ["Ultralytics best model", "Ultralytics rtdetr-l model"])
def test_rtdetr_is_known_by_its_rows(tmp_path: Path, description: str) -> None:
    names = {0: "a", 1: "b", 2: "c"}
    found = card(tmp_path, (1, 300, 7), task="detect", names=names, description=description)
    recipe = section(found)
    assert (recipe["layout"], recipe["coordinates"], recipe["nms"]) == ("rows", "normalized", "none")
    assert found.content["inputs"][0]["image"]["resize"] == "stretch"
