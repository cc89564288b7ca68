"""Random detectors on random tensors, NaN among them: the right boxes, or an error of edgemm's; never a wrong box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.context import Context
from edgemm.tasks.detection.recipe import DetectionRecipe
from tests.tasks.detection.reference import Thing, iou, kept_of
from tests.tasks.detection.rig import PLAIN, WH, assert_same, cut, decoded, inside, stored

Generator = np.random.Generator


def recipe_of(rng: Generator, head: str) -> DetectionRecipe:
    """Any recipe of a head with joined rows, or with boxes and scores."""
    return DetectionRecipe(
        head=head,  # type: ignore[arg-type]
        threshold=float(rng.choice([0.0, 0.05, 0.3, 0.5, 0.9, 1.0])),
        iou=float(rng.choice([0.01, 0.3, 0.5, 0.7, 1.0])),
        max_detections=int(rng.choice([1, 5, 100])),
        nms=str(rng.choice(["class-wise", "class-free", "weighted", "none"])),  # type: ignore[arg-type]
        multi_label=bool(rng.integers(0, 2)),
        box=str(rng.choice(["xyxy", "yxyx", "xywh", "cxcywh", "cycxhw"])),  # type: ignore[arg-type]
        coordinates=str(rng.choice(["normalized", "pixels"])),  # type: ignore[arg-type]
        objectness=bool(rng.integers(0, 2)) and head == "yolo",
        background=int(rng.choice([-1, 0])),
        points=int(rng.choice([0, 2])),
        layout=str(rng.choice(["rows", "columns"])),  # type: ignore[arg-type]
    )


def box_of(numbers: list[float], order: str) -> tuple[float, float, float, float]:
    a, b, c, d = numbers
    if order == "xyxy":
        return (a, b, c, d)
    if order == "yxyx":
        return (b, a, d, c)
    if order == "xywh":
        return (a, b, a + c, b + d)
    if order == "cycxhw":
        a, b, c, d = b, a, d, c
    return (a - c / 2, b - d / 2, a + c / 2, b + d / 2)


def things_of(table: npt.NDArray[Any], recipe: DetectionRecipe, classes: int) -> list[Thing]:
    """All candidates, one for each class with several labels."""
    wide, high = WH if recipe.coordinates == "normalized" else (1, 1)
    first, found = 4 + recipe.objectness, []
    for row in table.tolist():
        left, top, right, bottom = box_of(row[:4], recipe.box)
        box = (left * wide, top * high, right * wide, bottom * high)
        rest = row[first + classes :]
        marks = [(rest[2 * at] * wide, rest[2 * at + 1] * high) for at in range(recipe.points)]
        scores = [score * (row[4] if recipe.objectness else 1) for score in row[first : first + classes]]
        numbers = [number for number in range(classes) if number != recipe.background]
        if not recipe.multi_label:
            numbers = [max(numbers, key=lambda number: (scores[number], -number))]
        found += [Thing(box, scores[number], number, marks) for number in numbers]
    return found


def one_round(seed: int) -> str:
    rng = np.random.default_rng(seed)
    head = str(rng.choice(["yolo", "boxes"]))
    recipe = recipe_of(rng, head)
    count, classes = int(rng.integers(1, 60)), int(rng.integers(2, 6))
    width = 4 + recipe.objectness + classes + 2 * recipe.points
    table = rng.uniform(0, 1, (count, width)).round(3)
    table[:, 2:4] *= 0.5
    if recipe.coordinates == "pixels":
        table[:, :4] *= 200
        table[:, width - 2 * recipe.points :] *= 200
    dtype = str(rng.choice(["float32", "float16", "float64", "int8", "uint8", "int16"]))
    parts = {"rows": table}
    if head == "boxes":
        parts = {
            "boxes": np.delete(table, np.s_[4 : 4 + classes], axis=1),
            "scores": table[:, 4 : 4 + classes],
        }
    rows = recipe.layout == "rows"
    turned = {name: np.ascontiguousarray(part if rows else part.T)[None] for name, part in parts.items()}
    specs, arrays, means = stored(turned, dtype)
    read = {name: part[0] if rows else part[0].T for name, part in means.items()}
    joined = read.get("rows")
    if joined is None:
        joined = np.concatenate([read["boxes"][:, :4], read["scores"], read["boxes"][:, 4:]], axis=1)
    recipe = _with_names(recipe, head)
    spoiled = dtype.startswith("float") and rng.integers(0, 3) == 0
    if spoiled:
        return _spoiled(rng, recipe, specs, arrays)
    scores = np.array([thing.score for thing in things_of(joined, recipe, classes)])
    if np.isclose(scores, recipe.threshold, atol=1e-6).any() and recipe.objectness:
        return "at the threshold"  # float32 and float64 may differ
    expected = kept_of(
        inside(things_of(joined, recipe, classes)),
        threshold=float(np.float32(recipe.threshold)),
        nms=recipe.nms,
        limit=float(np.float32(recipe.iou)),
        most=recipe.max_detections,
    )
    found = decoded(recipe, specs, arrays)
    if recipe.objectness and len(set(np.round(scores, 6))) < len(scores):
        assert len(found.scores) == len(expected) or recipe.nms != "none"
        return "ties"  # products that are equal in float32 and not in float64 change places
    candidates = inside(things_of(joined, recipe, classes))
    if recipe.nms != "none" and _at_the_limit(candidates, recipe.iou):
        return "ties"
    assert_same(found, cut(expected), atol=1e-2)
    return "same"


def _at_the_limit(things: list[Thing], limit: float) -> bool:
    """Two boxes overlap by just so much: float32 and float64 may differ."""
    if limit == 1.0 or len({thing.box for thing in things}) > 200:
        return False
    boxes = list({thing.box for thing in things})
    return any(abs(iou(one, other) - limit) < 1e-5 for at, one in enumerate(boxes) for other in boxes[:at])


def _with_names(recipe: DetectionRecipe, head: str) -> DetectionRecipe:
    if head == "yolo":
        return replace(recipe, boxes_outputs=("rows",))
    return replace(recipe, boxes_outputs=("boxes",), scores_outputs=("scores",))


def _spoiled(rng: Generator, recipe: DetectionRecipe, specs: Any, arrays: dict[str, npt.NDArray[Any]]) -> str:
    """With NaN and infinity in it: an error of edgemm's, or boxes in the frame."""
    for array in arrays.values():
        flat = array.reshape(-1)
        flat[rng.integers(0, flat.size, 2)] = rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38], 2)
    context = Context(np.array([[2.0, 0, -20], [0, 2.0, 30]]), (600, 500), WH)
    try:
        found = decoded(recipe, specs, arrays, (), (PLAIN, context)[int(rng.integers(2))])
    except (ArtifactError, CardError):
        return "refused"
    assert np.isfinite(found.boxes_xyxy).all()
    assert np.isfinite(found.points_xy).all()
    assert np.isfinite(found.scores).all()
    assert (found.boxes_xyxy[:, 2:] > found.boxes_xyxy[:, :2]).all()
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy <= [600, 500, 600, 500]).all()
    assert (np.diff(found.scores) <= 0).all()
    return "spoiled"


def test_random_detectors(rounds: Callable[[int, int], int]) -> None:
    seen: dict[str, int] = {}
    for seed in range(rounds(5000, 150)):
        try:
            with np.errstate(over="ignore"):  # of the reference and of 3e38 as float16
                what = one_round(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        seen[what] = seen.get(what, 0) + 1
    assert seen["same"] > 20
    assert seen["refused"] + seen["spoiled"] > 5
