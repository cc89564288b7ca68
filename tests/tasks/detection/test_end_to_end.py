"""Rows of models that did NMS themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tensors import TensorSpec
from tests.tasks.detection.rig import decoded, opened, stored

pytestmark = pytest.mark.device

ROWS = np.array(
    [
        [10, 20, 60, 80, 0.6, 2],
        [11, 21, 61, 81, 0.9, 2],
        [100, 100, 150, 200, 0.4, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    np.float64,
)
"""The first two overlap: they stay, since NMS is the model's."""


def of(row: str) -> Any:
    box, score, number = ROWS[:, :4], ROWS[:, 4:5], ROWS[:, 5:]
    parts = {
        "xyxy-score-class": [box, score, number],
        "xyxy-class-score": [box, number, score],
        "batch-xyxy-class-score": [np.zeros((4, 1)), box, number, score],
    }[row]
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("row", ["xyxy-score-class", "xyxy-class-score", "batch-xyxy-class-score"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("shape", ["[1,N,V]", "[N,V]", "[1,1,N,V]"])
def test_every_row(row: Any, dtype: str, shape: str) -> None:
    array = {"[1,N,V]": of(row)[None], "[N,V]": of(row), "[1,1,N,V]": of(row)[None, None]}[shape]
    specs, arrays, _ = stored({"o": array}, dtype)
    recipe = DetectionRecipe(head="end-to-end", row=row, threshold=0.3)
    found = decoded(recipe, specs, arrays, ("a", "b", "c"))
    np.testing.assert_allclose(found.scores, [0.9, 0.6, 0.4], atol=1e-3)
    assert found.labels == ("c", "c", "a")
    assert found.boxes_xyxy.tolist() == [[11, 21, 61, 81], [10, 20, 60, 80], [100, 100, 150, 200]]


@pytest.mark.parametrize("kind", ["int64", "float32", "none"])
def test_classes_in_an_output_of_their_own(kind: str) -> None:
    specs, arrays, _ = stored({"boxes": ROWS[None, :, :5]})
    if kind != "none":
        specs.append(TensorSpec("labels", (1, 4), kind))
        arrays["labels"] = ROWS[None, :, 5].astype(kind)
        arrays["labels"][0, 0] = 1
    names: dict[str, Any] = {
        "boxes_outputs": ("boxes",),
        "classes_outputs": ("labels",) if kind != "none" else (),
    }
    last = DetectionRecipe(head="end-to-end", row="xyxy-score", threshold=0.7, **names)
    assert decoded(last, specs, arrays, ("a", "b", "c")).labels == (("c",) if kind != "none" else ("a",))
    recipe = DetectionRecipe(head="end-to-end", row="xyxy-score", threshold=0.3, **names)
    found = decoded(recipe, specs, arrays, ("a", "b", "c"))
    assert found.labels == (("c", "b", "a") if kind != "none" else ("a", "a", "a"))
    assert found.boxes_xyxy.tolist() == [[11, 21, 61, 81], [10, 20, 60, 80], [100, 100, 150, 200]]


def test_classes_of_another_number_than_boxes_are_told() -> None:
    specs, arrays, _ = stored({"boxes": ROWS[None, :, :5], "labels": np.zeros((1, 3))})
    recipe = DetectionRecipe(
        head="end-to-end", row="xyxy-score", boxes_outputs=("boxes",), classes_outputs=("labels",)
    )
    with pytest.raises(ArtifactError, match=r"'labels': expected the class of each of 4 boxes.*gave 3"):
        decoded(recipe, specs, arrays)


def test_the_threshold_and_the_number_are_still_the_users() -> None:
    specs, arrays, _ = stored({"o": ROWS[None]})
    assert decoded(DetectionRecipe(head="end-to-end", threshold=0.6), specs, arrays).scores.tolist() == [
        np.float32(0.9),
        np.float32(0.6),
    ]
    one = DetectionRecipe(head="end-to-end", max_detections=1)
    assert decoded(one, specs, arrays).scores.tolist() == [np.float32(0.9)]


@pytest.mark.parametrize("number", [1.996, 2.004])
def test_a_class_is_the_nearest_whole_number(number: float) -> None:
    """float16 and int8 have no exact 79."""
    rows = ROWS.copy()
    rows[1, 5] = number
    specs, arrays, _ = stored({"o": rows[None]})
    assert decoded(DetectionRecipe(head="end-to-end"), specs, arrays).class_ids.tolist() == [2, 2, 0]


def test_key_points_and_0_to_1() -> None:
    rows = np.concatenate([ROWS / [100, 100, 100, 100, 1, 1], np.full((4, 6), 0.5)], axis=1)
    rows[:, 6] = 0.25
    specs, arrays, _ = stored({"o": rows[None]})
    recipe = DetectionRecipe(head="end-to-end", points=2, point_values=3, coordinates="normalized")
    found = decoded(recipe, specs, arrays)
    np.testing.assert_allclose(found.points_xy[0], [[80, 128], [160, 128]])
    np.testing.assert_allclose(
        found.boxes_xyxy[0], [0.11 * 320, 0.21 * 256, 0.61 * 320, 0.81 * 256], rtol=1e-6
    )


@pytest.mark.parametrize("count", [0, 1, 7])
def test_as_many_rows_as_the_model_finds(count: int) -> None:
    specs = [TensorSpec("o", (-1, 6), "float32")]
    rows = np.tile(np.array([[1, 2, 30, 40, 0.9, 1]], np.float32), (count, 1))
    assert len(decoded(DetectionRecipe(head="end-to-end"), specs, {"o": rows}).scores) == count


def test_stored_rows() -> None:
    rows = ROWS.copy()
    rows[:, :4] /= 200
    specs = [TensorSpec("o", (1, 4, 6), "int8", 2 / 255, -128)]
    arrays = {"o": specs[0].quantize(rows[None])}
    found = decoded(DetectionRecipe(head="end-to-end", coordinates="normalized"), specs, arrays)
    assert found.class_ids.tolist() == [2, 2, 0]
    np.testing.assert_allclose(found.scores, [0.9, 0.6, 0.4], atol=1 / 255 + 1e-6)


@pytest.mark.parametrize("shape", [(1, 300, 7), (6, 300), (2, 300, 6), ()])
def test_outputs_that_do_not_fit(shape: tuple[int, ...]) -> None:
    specs = [TensorSpec("o", shape, "float32"), *([TensorSpec("p", (), "float32")] if not shape else [])]
    with pytest.raises(CardError, match="6 numbers for each found object"):
        opened(DetectionRecipe(head="end-to-end"), specs)


@pytest.mark.parametrize("shape", [(1, 3, 5), (2, 3, 6), ()])
def test_an_open_shape_that_turns_out_otherwise(shape: tuple[int, ...]) -> None:
    specs = [TensorSpec("o", (), "float32")]
    with pytest.raises(ArtifactError, match="the model gave"):
        decoded(DetectionRecipe(head="end-to-end"), specs, {"o": np.zeros(shape, np.float32)})


@pytest.mark.parametrize(("place", "value"), [(4, np.nan), (4, np.inf), (5, np.nan)])
def test_scores_or_classes_that_are_no_numbers(place: int, value: float) -> None:
    rows = ROWS.copy()
    rows[0, place] = value
    specs, arrays, _ = stored({"o": rows[None]})
    with pytest.raises(ArtifactError, match=r"found NaN or infinity|the model gave nan"):
        decoded(DetectionRecipe(head="end-to-end"), specs, arrays)
