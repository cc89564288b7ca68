"""YOLO rows in every layout, float and stored, against the reference in plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.tasks.detection.recipe import DetectionRecipe
from tests.tasks.detection.reference import Thing, best_class, kept_of, of_row, softmax
from tests.tasks.detection.rig import WH, assert_same, cut, decoded, inside, stored

pytestmark = pytest.mark.device

COUNT, CLASSES = 211, 7
TYPES = ["float32", "float16", "int8", "uint8"]
# float16 has 0.25 pixel to a step at 300 pixels; the reference reads the same stored numbers, so nothing is lost


def rows(
    seed: int, *, objectness: bool, points: int = 0, values: int = 2, unit: bool = True
) -> npt.NDArray[Any]:
    """float64[COUNT, V]: boxes in clusters, within 0..1 of the input or in its pixels."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(0.1, 0.9, (12, 2))[rng.integers(0, 12, COUNT)] + rng.normal(0, 0.01, (COUNT, 2))
    size = rng.uniform(0.1, 0.3, (COUNT, 2))
    scores = rng.uniform(0, 1, (COUNT, CLASSES)) ** 3
    parts = [centre, size, scores]
    if objectness:
        parts.insert(2, rng.uniform(0, 1, (COUNT, 1)))
    if points:
        parts.append(rng.uniform(0, 1, (COUNT, points * values)))
    whole = np.concatenate(parts, axis=1)
    if not unit:
        first = whole.shape[1] - points * values
        whole[:, [0, 2]] *= WH[0]
        whole[:, [1, 3]] *= WH[1]
        if points:
            whole[:, first::values] *= WH[0]
            whole[:, first + 1 :: values] *= WH[1]
    return whole


def scaled(thing: Thing) -> Thing:
    """From 0..1 to pixels."""
    left, top, right, bottom = thing.box
    box = (left * WH[0], top * WH[1], right * WH[0], bottom * WH[1])
    return Thing(box, thing.score, thing.number, [(x * WH[0], y * WH[1]) for x, y in thing.points])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("objectness", [False, True])
@pytest.mark.parametrize("nms", ["class-wise", "class-free", "weighted", "none"])
def test_joined(dtype: str, columns: bool, objectness: bool, nms: Any) -> None:
    whole = rows(1, objectness=objectness)
    array = whole.T[None] if columns else whole[None]
    specs, arrays, means = stored({"output0": np.ascontiguousarray(array)}, dtype)
    recipe = DetectionRecipe(
        objectness=objectness, coordinates="normalized", nms=nms, threshold=0.35, max_detections=40
    )
    found = decoded(recipe, specs, arrays)
    read = means["output0"][0].T if columns else means["output0"][0]
    things = [scaled(of_row(row, objectness=objectness, classes=CLASSES)) for row in read]
    expected = kept_of(inside(things), threshold=recipe.threshold, nms=nms, most=40)
    assert len(expected) > 8
    assert_same(found, cut(expected))


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("values", [2, 3])
def test_pose_rows(dtype: str, columns: bool, values: int) -> None:
    whole = rows(2, objectness=False, points=5, values=values)
    array = whole.T[None] if columns else whole[None]
    specs, arrays, means = stored({"output0": np.ascontiguousarray(array)}, dtype)
    recipe = DetectionRecipe(coordinates="normalized", points=5, point_values=values, threshold=0.4)
    found = decoded(recipe, specs, arrays, tuple("abcdefg"))
    read = means["output0"][0].T if columns else means["output0"][0]
    things = [scaled(of_row(row, objectness=False, classes=CLASSES, points=5, values=values)) for row in read]
    assert_same(found, cut(kept_of(inside(things), threshold=0.4)))
    assert found.points_xy.shape == (len(found.scores), 5, 2)


@pytest.mark.parametrize("objectness", [False, True])
@pytest.mark.parametrize("act", ["sigmoid", "softmax"])
def test_scores_that_are_no_probabilities_yet(objectness: bool, act: Any) -> None:
    if objectness and act == "softmax":
        pytest.skip("refused by the recipe")
    whole = rows(3, objectness=objectness, unit=False)
    whole[:, 4:] = np.random.default_rng(4).normal(0, 3, whole[:, 4:].shape)
    specs, arrays, means = stored({"output0": whole[None]})
    found = decoded(DetectionRecipe(objectness=objectness, activation=act, threshold=0.5), specs, arrays)
    things = [of_row(row, objectness=objectness, classes=CLASSES, act=act) for row in means["output0"][0]]
    expected = kept_of(inside(things), threshold=0.5)
    assert len(expected) > 8
    assert_same(found, cut(expected))


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("objectness", [False, True])
@pytest.mark.parametrize("by_name", [False, True])
def test_parts_in_outputs_of_their_own(dtype: str, columns: bool, objectness: bool, by_name: bool) -> None:
    whole = rows(5, objectness=objectness, points=2, unit=False)
    first = 5 if objectness else 4
    parts = {
        "the_points": whole[:, first + CLASSES :],
        "the_scores": whole[:, first : first + CLASSES],
        "the_boxes": whole[:, :4],
    }
    if objectness:
        parts["the_objectness"] = whole[:, 4:5]
    real = {name: np.ascontiguousarray((part.T if columns else part)[None]) for name, part in parts.items()}
    specs, arrays, means = stored(real, dtype)
    recipe = DetectionRecipe(
        objectness=objectness,
        boxes_outputs=("the_boxes",) if by_name else (),
        scores_outputs=("the_scores",) if by_name else (),
        objectness_outputs=("the_objectness",) if objectness else (),
        points_outputs=("the_points",),
        points=2,
        threshold=0.3,
    )
    found = decoded(recipe, specs, arrays)
    read = {name: (part[0].T if columns else part[0]) for name, part in means.items()}
    order = ["the_boxes", *(["the_objectness"] if objectness else []), "the_scores", "the_points"]
    joined = np.concatenate([read[name] for name in order], axis=1)
    things = [of_row(row, objectness=objectness, classes=CLASSES, points=2) for row in joined]
    assert_same(found, cut(kept_of(inside(things), threshold=0.3)))


def test_several_outputs_are_joined_along_the_candidates() -> None:
    whole = rows(6, objectness=True, unit=False)
    specs, arrays, means = stored(
        {"c": whole[None, 100:], "a": whole[None, :60], "b": whole[None, 60:100]}, "int8"
    )
    recipe = DetectionRecipe(objectness=True, boxes_outputs=("a", "b", "c"), threshold=0.02)
    joined = np.concatenate([means[name][0] for name in "abc"])
    things = [of_row(row, objectness=True, classes=CLASSES) for row in joined]
    assert_same(decoded(recipe, specs, arrays), cut(kept_of(inside(things), threshold=0.02)))


@pytest.mark.parametrize("act", ["none", "softmax"])
@pytest.mark.parametrize("objectness", [False, True])
@pytest.mark.parametrize("columns", [False, True])
def test_a_candidate_may_have_several_labels(act: Any, objectness: bool, columns: bool) -> None:
    if objectness and act == "softmax":
        pytest.skip("refused by the recipe")
    whole = rows(7, objectness=objectness, unit=False)
    specs, arrays, means = stored({"o": np.ascontiguousarray(whole.T[None] if columns else whole[None])})
    recipe = DetectionRecipe(
        objectness=objectness, multi_label=True, threshold=0.15, activation=act, max_detections=10_000
    )
    found = decoded(recipe, specs, arrays)
    things = []
    for row in means["o"][0].T if columns else means["o"][0]:
        for number in range(CLASSES):
            one = of_row(row, objectness=objectness, classes=CLASSES, act=act)
            scores = row[4 + objectness :]
            score = scores[number] * (row[4] if objectness else 1)
            if act == "softmax":
                powers = np.exp(scores - scores.max())
                score = powers[number] / powers.sum()
            things.append(Thing(one.box, float(score), number))
    expected = kept_of(inside(things), threshold=0.15, most=10_000)
    assert len({thing.box for thing in expected}) < len(expected)
    assert_same(found, cut(expected))


def test_the_size_may_be_found_out_while_running() -> None:
    whole = rows(8, objectness=False, unit=False)
    specs, arrays, means = stored({"o": np.ascontiguousarray(whole.T[None])})
    open_specs = [type(specs[0])("o", (1, 4 + CLASSES, -1), "float32")]
    found = decoded(DetectionRecipe(threshold=0.5), open_specs, arrays)
    things = [of_row(row, objectness=False, classes=CLASSES) for row in means["o"][0].T]
    assert_same(found, cut(kept_of(inside(things), threshold=0.5)))


@pytest.mark.parametrize("count", [1, 2, 11, 12, 13, 25])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_few_candidates(count: int, dtype: str) -> None:
    whole = rows(9, objectness=False)[:count]
    specs, arrays, means = stored({"o": whole[None]}, dtype)
    recipe = DetectionRecipe(threshold=0.1, coordinates="normalized", nms="none", layout="rows")
    things = [scaled(of_row(row, objectness=False, classes=CLASSES)) for row in means["o"][0]]
    assert_same(decoded(recipe, specs, arrays), cut(kept_of(inside(things), threshold=0.1, nms="none")))


@pytest.mark.parametrize("box", ["xyxy", "yxyx", "xywh", "cxcywh", "cycxhw"])
def test_every_order_of_a_box(box: Any) -> None:
    left, top, right, bottom = 20, 30, 60, 90
    numbers = {
        "xyxy": (left, top, right, bottom),
        "yxyx": (top, left, bottom, right),
        "xywh": (left, top, 40, 60),
        "cxcywh": (40, 60, 40, 60),
        "cycxhw": (60, 40, 60, 40),
    }[box]
    specs, arrays, _ = stored({"o": np.array([[[*numbers, 0.1, 0.9]]])})
    found = decoded(DetectionRecipe(box=box, layout="rows"), specs, arrays)
    assert found.boxes_xyxy.tolist() == [[left, top, right, bottom]]
    assert found.class_ids.tolist() == [1]


@pytest.mark.parametrize("background", [0, CLASSES - 1])
@pytest.mark.parametrize("act", ["none", "softmax"])
def test_a_background_within_the_rows(background: int, act: Any) -> None:
    whole = rows(10, objectness=False, unit=False)
    specs, arrays, means = stored({"o": whole[None]}, "int16")
    found = decoded(DetectionRecipe(background=background, activation=act, threshold=0.16), specs, arrays)
    things = []
    for row in means["o"][0]:
        box = of_row(row, objectness=False, classes=CLASSES)
        scores = [float(score) for score in row[4:]]
        number, score = best_class(softmax(scores) if act == "softmax" else scores, background)
        things.append(Thing(box.box, score, number))
    expected = kept_of(inside(things), threshold=0.16)
    assert len({thing.number for thing in expected}) == CLASSES - 1
    assert_same(found, cut(expected))


def test_the_first_and_the_last_candidate_of_each_output() -> None:
    whole = np.zeros((9, 5))
    whole[:, :4] = np.array([[20 + 30 * at, 50, 10, 10] for at in range(9)])
    whole[[0, 3, 4, 8], 4] = 0.9, 0.8, 0.7, 0.6
    specs, arrays, _ = stored({"a": whole[None, :4], "b": whole[None, 4:]})
    recipe = DetectionRecipe(boxes_outputs=("a", "b"), layout="rows")
    found = decoded(recipe, specs, arrays)
    assert found.boxes_xyxy[:, 0].tolist() == [15, 105, 135, 255]


def test_large_logits() -> None:
    specs, arrays, _ = stored(
        {"o": np.array([[[50, 60, 20, 30, 1000.0, 999.0], [90, 60, 20, 30, -1000, 0]]])}
    )
    found = decoded(DetectionRecipe(activation="softmax", layout="rows"), specs, arrays)
    assert found.class_ids.tolist() == [1, 0]
    np.testing.assert_allclose(found.scores, [1, 1 / (1 + np.exp(-1))], rtol=1e-6)
