"""`card new` for NanoDet, SCRFD and YOLOv8 before its decoding: recognised by shapes, and the card opens."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from foreign_models import image, real

from edgemm.foreign.guess import Guessed, guess_card
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.task import DetectionTask
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
WH = 320, 256
STRIDES = (8, 16, 32)


class Outside(NamedTuple):
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    producers: tuple[str, ...]


def guess(outputs: list[TensorSpec], producer: str = "") -> Guessed:
    return guess_card(Outside((image((1, 3, WH[1], WH[0])),), tuple(outputs), (producer,) * len(outputs)))


def cells(stride: int) -> tuple[int, int]:
    return WH[1] // stride, WH[0] // stride


def count(stride: int, anchors: int = 1) -> int:
    return cells(stride)[0] * cells(stride)[1] * anchors


def planes(name: str, width: int, strides: tuple[int, ...] = STRIDES) -> list[TensorSpec]:
    return [real(f"{name}_{each}", 1, width, *cells(each)) for each in strides]


def rows(name: str, width: int, anchors: int, *, batch: bool = False) -> list[TensorSpec]:
    first = (1,) if batch else ()
    return [real(f"{name}_{each}", *first, count(each, anchors), width) for each in STRIDES]


def names(name: str, strides: tuple[int, ...] = STRIDES) -> list[str]:
    return [f"{name}_{each}" for each in strides]


SCRFD = {"head": "distances", "strides": [8, 16, 32], "cell_anchors": 2, "anchor_offset": [0.0, 0.0]}
CASES: dict[str, tuple[list[TensorSpec], dict[str, Any], str, int]] = {
    "scrfd with key points": (
        [*rows("score", 1, 2), *rows("bbox", 4, 2), *rows("kps", 10, 2)],
        SCRFD | {"points": 5, "scores_outputs": names("score"), "points_outputs": names("kps")},
        "likely",
        1,
    ),
    "scrfd in batches, its outputs mixed": (
        [*rows("bbox", 4, 2, batch=True)[::-1], *rows("score", 1, 2, batch=True)],
        SCRFD | {"boxes_outputs": names("bbox"), "scores_outputs": names("score")},
        "likely",
        1,
    ),
    "yolov8 whose parts are joined": (
        planes("out", 64 + 80),
        {"head": "distances", "bins": 16, "boxes_outputs": names("out"), "activation": "sigmoid"},
        "likely",
        80,
    ),
    "yolov8 in parts": (
        [*planes("box", 64), *planes("cls", 7)],
        {"bins": 16, "boxes_outputs": names("box"), "scores_outputs": names("cls"), "anchor_offset": [0.5, 0.5]},
        "likely",
        7,
    ),
    "nanodet in parts": (
        [*rows("cls_pred", 80, 1, batch=True), *rows("dis_pred", 32, 1, batch=True)],
        {"bins": 8, "boxes_outputs": names("dis_pred"), "scores_outputs": names("cls_pred")},
        "likely",
        80,
    ),
    "nanodet-plus": (
        [real("output", 1, sum(map(count, (*STRIDES, 64))), 112)],
        {"bins": 8, "strides": [8, 16, 32, 64], "scores_first": True, "anchor_offset": [0.0, 0.0]},
        "likely",
        80,
    ),
    "distances themselves": (
        [*planes("cls", 3), *planes("reg", 4)],
        {"head": "distances", "boxes_outputs": names("reg"), "scores_outputs": names("cls")},
        "unsure",
        3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_recognised(case: str) -> None:
    outputs, expected, sure, classes = CASES[case]
    found = guess(outputs)
    content, said = found.content, found.sentences()
    assert content["task"] == "detection", said
    assert {key: content["detection"].get(key) for key in expected} == expected
    assert len(content["labels"]) == classes
    assert any("head distances" in each and f"({sure})" in each for each in said)
    section: dict[str, Any] = {
        key: tuple(each) if isinstance(each, list) else each for key, each in content["detection"].items()
    }
    recipe = DetectionRecipe(**section, input_wh=WH)

    class Card:
        labels, inputs = tuple(content["labels"]), ()

    DetectionTask().open(Card, recipe, outputs)  # every output fits


@pytest.mark.parametrize(
    "outputs",
    [
        planes("yolov5", 255),
        [*planes("a", 64)[:2], *planes("b", 7)],
        [real("embedding", 1, 112, 112)],
        [real("rows", 1, count(8) + count(16) + count(32), 85)],
    ],
)
def test_others_are_not_taken_for_it(outputs: list[TensorSpec]) -> None:
    assert guess(outputs).content.get("detection", {}).get("head") != "distances"


def test_a_sigmoid_in_the_network_is_not_repeated() -> None:
    outputs = planes("out", 64 + 80)
    assert guess(outputs, "Sigmoid").content["detection"]["activation"] == "none"
