"""A card's recipe names the outputs of the file, and their order of axes."""

from __future__ import annotations

from typing import Any

import pytest

from edgemm.card import ModelCard, OutputCard
from edgemm.converters.described_tensors import described_tensors
from edgemm.converters.written import Port, Written
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.segmentation.recipe import SegmentationRecipe
from edgemm.tensors import TensorSpec


def described(task: str, recipe: Any, *ports: Port) -> Any:
    card = ModelCard(
        "x", task=task, recipe=recipe, outputs=tuple(OutputCard(each.spec.name) for each in ports)
    )
    return described_tensors(card, Written("tflite", b"", (), ports)).recipe


def port(name: str, shape: tuple[int, ...], permutation: tuple[int, ...] | None = None) -> Port:
    return Port(name, TensorSpec(f"file_{name}", shape, "float32"), permutation=permutation)


def test_outputs_get_the_names_of_the_file() -> None:
    made = described(
        "detection",
        DetectionRecipe(boxes_outputs=("boxes",), scores_outputs=("other", "scores")),
        port("boxes", (1, 9, 4)),
        port("scores", (1, 9, 3)),
    )
    assert made.boxes_outputs == ("file_boxes",)
    assert made.scores_outputs == ("other", "file_scores")
    mask = described("segmentation", SegmentationRecipe(output="mask"), port("mask", (1, 4, 4, 2)))
    assert mask.output == "file_mask"


@pytest.mark.parametrize(
    ("permutation", "layout", "expected"),
    [((0, 2, 3, 1), "NCHW", "NHWC"), (None, "NCHW", "NCHW"), ((0, 2, 3, 1), "auto", "auto")],
)
def test_channels_that_went_last_are_last_in_the_recipe(permutation: Any, layout: Any, expected: str) -> None:
    recipe = SegmentationRecipe(layout=layout)
    assert described("segmentation", recipe, port("mask", (1, 4, 4, 2), permutation)).layout == expected


def test_rows_that_became_columns() -> None:
    recipe = DetectionRecipe(layout="rows")
    assert described("detection", recipe, port("out", (1, 84, 99), (0, 2, 1))).layout == "columns"
    assert described("detection", recipe, port("out", (1, 99, 84))).layout == "rows"


def test_a_card_without_a_recipe_stays_without() -> None:
    assert described("tensors", None, port("out", (1, 4))) is None
