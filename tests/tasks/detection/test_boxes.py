"""Decoded boxes with scores beside them, as UltraFace gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.tasks.detection.recipe import DetectionRecipe
from tests.tasks.detection.reference import Thing, best_class, kept_of, softmax
from tests.tasks.detection.rig import WH, assert_same, cut, decoded, inside, stored

pytestmark = pytest.mark.device


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("background", ["first", "last", "none"])
@pytest.mark.parametrize("act", ["none", "sigmoid", "softmax"])
@pytest.mark.parametrize("classes", [2, 4])
def test_boxes(dtype: str, background: str, act: Any, classes: int) -> None:
    if classes == 2 and act == "softmax" and dtype != "float32":
        pytest.skip("equal scores by other logits, which round another way in float32 and float64")
    rng = np.random.default_rng(31)
    corner = rng.uniform(-0.1, 0.9, (150, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(-0.02, 0.3, (150, 2))], axis=1)
    scores = rng.uniform(0, 1, (150, classes)) if act == "none" else rng.normal(0, 2, (150, classes))
    specs, arrays, means = stored({"scores": scores[None], "boxes": boxes[None]}, dtype)
    number = {"first": 0, "last": classes - 1, "none": -1}[background]
    recipe = DetectionRecipe(
        head="boxes", background=number, activation=act, threshold=0.6, iou=0.3, boxes_outputs=("boxes",)
    )
    found = decoded(recipe, specs, arrays)
    things = []
    for box, row in zip(means["boxes"][0] * [*WH, *WH], means["scores"][0], strict=True):
        real = [float(value) for value in row]
        if act == "sigmoid":
            real = [1 / (1 + np.exp(-value)) for value in real]
        if act == "softmax":
            real = softmax(real)
        best, score = best_class(real, number)
        things.append(Thing((box[0], box[1], box[2], box[3]), score, best))
    expected = kept_of(inside(things), threshold=0.6, limit=0.3)
    assert 10 < len(expected) < 150
    assert number not in found.class_ids
    assert_same(found, cut(expected))


def test_ultraface_has_one_label_and_two_columns() -> None:
    specs, arrays, _ = stored(
        {"scores": np.array([[[0.02, 0.98], [0.9, 0.1]]]), "boxes": np.array([[[0.1, 0.1, 0.4, 0.5]] * 2])}
    )
    recipe = DetectionRecipe(head="boxes", background=0, label_offset=-1, threshold=0.5, layout="rows")
    found = decoded(recipe, specs, arrays, ("face",))
    assert found.labels == ("face",)
    assert found.class_ids.tolist() == [0]
    np.testing.assert_allclose(found.boxes_xyxy, [[32, 25.6, 128, 128]], rtol=1e-6)


def test_in_pixels() -> None:
    specs, arrays, _ = stored({"scores": np.full((1, 3, 1), 0.9), "boxes": np.array([[[5, 6, 50, 60]] * 3])})
    found = decoded(DetectionRecipe(head="boxes", coordinates="pixels"), specs, arrays)
    assert found.boxes_xyxy.tolist() == [[5, 6, 50, 60]]
