"""Guesses from shapes: what, how sure, and why; never used by `foreign_card`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from foreign_models import check_recipe, image, real

from edgemm.foreign.guess import Guessed, guess_card
from edgemm.tensors import TensorSpec

SQUARE = image((1, 3, 640, 640))


@dataclass
class Outside:
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    producers: tuple[str, ...]


def guess(outputs: list[TensorSpec], inputs: Any = SQUARE, producer: str = "") -> Guessed:
    found = guess_card(Outside((inputs,), tuple(outputs), (producer,) * len(outputs)))
    task = found.content["task"]
    if task in found.content:
        check_recipe(task, found.content[task])
    assert all(each.confidence in ("sure", "likely", "unsure") and each.reason for each in found.guesses)
    assert len(found.sentences()) == 2
    return found


def last(found: Guessed) -> tuple[str, str]:
    return found.content["task"], found.guesses[-1].confidence


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 84, 8400), {"head": "yolo", "layout": "columns", "objectness": False}),
        ((1, 85, 25200), {"head": "yolo", "layout": "columns", "objectness": False}),
        ((1, 25200, 85), {"head": "yolo", "layout": "rows", "objectness": True}),
        ((1, 300, 6), {"head": "end-to-end"}),
    ],
)
def test_yolo(shape: tuple[int, ...], expected: dict[str, Any]) -> None:
    found = guess([real("output0", *shape)])
    assert last(found) == ("detection", "likely")
    assert expected.items() <= found.content["detection"].items()
    assert found.content["inputs"][0]["image"]["resize"] == "letterbox"


def test_grids_of_an_odd_size() -> None:
    assert last(guess([real("o", 1, 84, 20181)], image((1, 3, 992, 992)))) == ("detection", "likely")


def test_yolo_labels_are_counted() -> None:
    assert len(guess([real("o", 1, 84, 8400)]).content["labels"]) == 80
    assert len(guess([real("o", 1, 25200, 85)]).content["labels"]) == 80


@pytest.mark.parametrize("shape", [(1, 84, 8401), (1, 12, 100)])
def test_rows_that_no_grid_of_this_size_has(shape: tuple[int, ...]) -> None:
    assert guess([real("o", *shape)]).content["task"] == "tensors"


def test_an_open_number_of_candidates_is_unsure_and_no_text() -> None:
    assert last(guess([real("o", 1, 84, -1)])) == ("detection", "unsure")
    assert guess([real("o", -1, -1, 6625)]).content["task"] == "tensors"
    assert guess([real("o", -1, -1, 97)], producer="Softmax").content["task"] == "tensors"


def test_boxes_beside_scores() -> None:
    found = guess([real("scores", 1, 4420, 2), real("boxes", 1, 4420, 4)], image((1, 3, 240, 320)))
    assert last(found) == ("detection", "unsure")
    expected = {"head": "boxes", "boxes_outputs": ["boxes"], "scores_outputs": ["scores"], "background": 0}
    assert expected.items() <= found.content["detection"].items()
    assert "anchors" in found.sentences()[-1]


@pytest.mark.parametrize(
    ("side", "count", "numbers", "strides", "points"),
    [
        (128, 896, 16, [8, 16, 16, 16], 6),
        (224, 2254, 12, [8, 16, 32, 32, 32], 4),
        (192, 2016, 18, [8, 16, 16, 16], 7),
    ],
)
def test_mediapipes_anchors(side: int, count: int, numbers: int, strides: list[int], points: int) -> None:
    found = guess([real("r", 1, count, numbers), real("c", 1, count, 1)], image((1, side, side, 3)))
    assert last(found) == ("detection", "likely")
    section = found.content["detection"]
    assert (section["strides"], section["points"]) == (strides, points)
    assert section["box_scales"] == [float(side)] * 4


def test_four_outputs() -> None:
    outputs = [real("a", 1, 9), real("b", 1, 9, 4), real("n", 1), real("my_scores", 1, 9)]
    found = guess(outputs)
    assert last(found) == ("detection", "unsure")
    section = found.content["detection"]
    names = [section[f"{role}_outputs"] for role in ("boxes", "classes", "scores", "count")]
    assert names == [["b"], ["a"], ["my_scores"], ["n"]]


def test_the_custom_operator_is_sure() -> None:
    outputs = [TensorSpec(name, (), "float32") for name in "bcsn"]
    found = guess(outputs, producer="TFLite_Detection_PostProcess")
    assert last(found) == ("detection", "sure")
    assert found.content["detection"]["scores_outputs"] == ["s"]


@pytest.mark.parametrize(
    ("spec", "producer", "expected"),
    [
        (TensorSpec("o", (1, 640, 640), "int64"), "ARG_MAX", ("segmentation", "sure")),
        (TensorSpec("o", (1, 160, 160, 1), "int32"), "", ("segmentation", "likely")),
        (real("o", 1, 21, 80, 80), "", ("segmentation", "likely")),
        (real("o", 1, 80, 80, 21), "Softmax", ("segmentation", "sure")),
        (real("o", 1, 1, 640, 640), "Sigmoid", ("segmentation", "unsure")),
        (real("o", 1, 1, 640, 640), "", ("tensors", "unsure")),
        (real("o", 1, 3, 1280, 1280), "", ("tensors", "unsure")),
        (real("o", 1, 21, 80, 40), "", ("tensors", "unsure")),
        (real("o", 1, 300, 80, 80), "", ("tensors", "unsure")),
    ],
)
def test_maps(spec: TensorSpec, producer: str, expected: tuple[str, str]) -> None:
    found = guess([spec], producer=producer)
    assert last(found) == expected


@pytest.mark.parametrize(
    ("shape", "skeleton"),
    [((1, 1, 1, 1404), "mediapipe_face468"), ((1, 63), "mediapipe_hand21"), ((1, 195), "mediapipe_pose39")],
)
def test_landmarks(shape: tuple[int, ...], skeleton: str) -> None:
    found = guess([real("points", *shape), real("there", 1, 1)], image((1, 192, 192, 3)))
    assert last(found) == ("landmarks", "likely")
    section = found.content["landmarks"]
    assert (section["skeleton"], section["points"], section["presence"]) == (skeleton, "points", "there")


@pytest.mark.parametrize(("producer", "decode"), [("LOGISTIC", "probability"), ("", "logit")])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1404), (1, 63), (1, 195)])
def test_a_presence_behind_a_sigmoid_is_a_probability(
    shape: tuple[int, ...], producer: str, decode: str
) -> None:
    outputs = (real("points", *shape), real("there", 1, 1), real("maps", 1, 64, 64, 39))
    file = Outside((image((1, 192, 192, 3)),), outputs, ("", producer, ""))
    section = guess_card(file).content["landmarks"]
    assert section["presence_decode"] == decode
    assert section.get("refine", "") == ("maps" if shape == (1, 195) else "")


def test_movenet() -> None:
    found = guess([real("o", 1, 1, 17, 3)], image((1, 192, 192, 3), "uint8"))
    assert found.content["landmarks"]["values"] == ["y", "x", "score"]


def test_sixty_three_classes_are_no_hand() -> None:
    assert guess([real("o", 1, 63)], producer="SOFTMAX").content["task"] == "classification"


@pytest.mark.parametrize(
    ("producer", "decode", "sure"),
    [
        ("SOFTMAX", "probabilities", "likely"),
        ("Sigmoid", "probabilities", "likely"),
        ("", "logits", "unsure"),
    ],
)
def test_a_classifier(producer: str, decode: str, sure: str) -> None:
    found = guess([real("o", 1, 10)], producer=producer)
    assert last(found) == ("classification", sure)
    assert found.content["outputs"] == [{"name": "o", "decode": decode}]
    assert len(found.content["labels"]) == 10


def test_uint8_pixels_are_taken_as_they_are() -> None:
    found = guess([real("o", 1, 10)], image((1, 32, 32, 3), "uint8", scale=1 / 128, zero_point=128))
    assert found.guesses[0].confidence == "likely"
    assert found.content["inputs"][0]["image"] == {
        "color": "rgb",
        "scale": 1 / 128,
        "mean": [1.0],
        "std": [1.0],
    }


@pytest.mark.parametrize(
    "spec", [real("x", 1, 40), real("x", 1, 3, 4, 4), TensorSpec("x", (1, 3, 32, 32), "int64")]
)
def test_inputs_that_are_no_pictures(spec: TensorSpec) -> None:
    found = guess([real("o", 1, 10)], spec)
    assert found.content["inputs"] == [{"name": "x"}]
    assert found.content["task"] == "tensors"
