"""Heads whose boxes are distances to the sides (YOLOv8 before decoding, NanoDet, SCRFD), against the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.errors import CardError
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.outputs import Outputs
from tests.by_hand import distances as by_hand
from tests.tasks.detection.reference import Thing, best_class, kept_of, sigmoid
from tests.tasks.detection.rig import PLAIN, assert_same, cut, decoded, inside, opened, stored, twice

pytestmark = pytest.mark.device
Array = npt.NDArray[Any]
WH = (320, 256)
STRIDES = (16, 32, 64)
CLASSES = 3


def grids(seed: int, anchors: int, width: int, scale: float = 1.0, low: float = 0.0) -> list[Array]:
    """float64[H, W, A, width] for each stride."""
    rng = np.random.default_rng(seed)
    return [
        low + scale * rng.normal(0, 1, (WH[1] // each, WH[0] // each, anchors, width)) for each in STRIDES
    ]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "planes": lambda each: each.transpose(2, 3, 0, 1).reshape(1, -1, *each.shape[:2]),
    "planes last": lambda each: each.reshape(1, *each.shape[:2], -1),
    "rows": lambda each: each.reshape(-1, each.shape[3]),
    "rows in a batch": lambda each: each.reshape(1, -1, each.shape[3]),
    "columns": lambda each: each.reshape(1, -1, each.shape[3]).transpose(0, 2, 1),
}


def in_order(things: list[Thing], layout: str, anchors: int) -> list[Thing]:
    """As the output has them: planes go anchor by anchor, where ties are decided by the order."""
    return [things[at] for first in range(anchors) for at in range(first, len(things), anchors)] if (
        layout == "planes"
    ) else things  # fmt: skip


def expected(
    scores: list[Array], boxes: list[Array], points: list[Array], *, layout: str, offset: tuple[float, float],
    act: str, threshold: float, pixels: bool = False,
) -> list[Thing]:  # fmt: skip
    things = []
    for score, box, point, stride in zip(scores, boxes, points, STRIDES, strict=True):
        placed = by_hand.candidates(box, point, stride, offset, 1 if pixels else stride)
        made = []
        for (sides, marks), row in zip(placed, score.reshape(-1, score.shape[3]), strict=True):
            values = [sigmoid(float(each)) if act == "sigmoid" else float(each) for each in row]
            number, best = best_class(values)
            made.append(Thing(tuple(sides), best, number, [(x, y) for x, y in marks]))  # type: ignore[arg-type]
        things += in_order(made, layout, score.shape[2])
    return cut(kept_of(inside(things), threshold=threshold, most=100))


KINDS: dict[str, dict[str, Any]] = {
    "yolov8": {"bins": 16, "cell_anchors": 1, "points": 0, "anchor_offset": (0.5, 0.5), "activation": "sigmoid"},
    "nanodet": {"bins": 8, "cell_anchors": 1, "points": 0, "anchor_offset": (0.0, 0.0), "activation": "none"},
    "nanodet, distances": {"cell_anchors": 1, "points": 0, "anchor_offset": (0.5, 0.5), "activation": "sigmoid"},
    "scrfd": {"cell_anchors": 2, "points": 5, "anchor_offset": (0.0, 0.0), "activation": "none"},
}  # fmt: skip


def numbers(kind: dict[str, Any], seed: int = 3) -> tuple[list[Array], list[Array], list[Array]]:
    """Scores, boxes and points of each stride."""
    anchors, bins = kind["cell_anchors"], kind.get("bins", 1)
    if kind["activation"] == "sigmoid":
        scores = grids(seed, anchors, CLASSES, 1.0, -2.0)
    else:
        scores = [1 / (1 + np.exp(-each)) for each in grids(seed, anchors, CLASSES, 1.0, -2.0)]
    boxes = grids(seed + 1, anchors, 4 * bins, 2.0) if bins > 1 else grids(seed + 1, anchors, 4, 0.6, 1.5)
    return scores, boxes, grids(seed + 2, anchors, 2 * kind["points"])


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_for_each_stride(kind: str, layout: str, dtype: str) -> None:
    fields, put = KINDS[kind], LAYOUTS[layout]
    parts = dict(zip(("scores", "boxes", "points"), numbers(fields), strict=True))
    if not fields["points"]:
        del parts["points"]
    real = {
        f"{part}_{s}": put(each) for part, of in parts.items() for each, s in zip(of, STRIDES, strict=True)
    }
    specs, kept, means = stored(real, dtype)
    names: dict[str, Any] = {f"{part}_outputs": tuple(f"{part}_{each}" for each in STRIDES) for part in parts}
    recipe = DetectionRecipe(head="distances", strides=STRIDES, threshold=0.5, **names, **fields)
    labels = tuple("abc")
    back = {  # what the stored numbers stand for
        part: [_unput(means[f"{part}_{s}"], each, layout) for each, s in zip(of, STRIDES, strict=True)]
        for part, of in parts.items()
    }
    empty = [each[..., :0] for each in back["boxes"]]
    wanted = expected(
        back["scores"], back["boxes"], back.get("points", empty), layout=layout, offset=fields["anchor_offset"],
        act=fields["activation"], threshold=0.5,
    )  # fmt: skip
    assert len(wanted) > 5
    assert_same(decoded(recipe, specs, kept, labels), wanted)


def _unput(array: Array, like: Array, layout: str) -> Array:
    """[H, W, A, V] of what `LAYOUTS[layout]` made."""
    high, wide, anchors, width = like.shape
    if layout == "planes":
        return np.asarray(array.reshape(anchors, width, high, wide).transpose(2, 3, 0, 1))
    if layout == "columns":
        return np.asarray(array[0].T.reshape(like.shape))
    return np.asarray(array.reshape(like.shape))


@pytest.mark.parametrize("scores_first", [True, False])
@pytest.mark.parametrize("layout", ["planes", "planes last", "rows", "columns"])
@pytest.mark.parametrize("whole", [True, False])
def test_scores_and_boxes_in_one_output(scores_first: bool, layout: str, whole: bool) -> None:
    """YOLOv8 cut before its decoding has boxes first, NanoDet scores."""
    if whole and layout.startswith("planes"):
        pytest.skip("all candidates in one output have no planes")
    fields = KINDS["yolov8"]
    scores, boxes, points = numbers(fields)
    both = [
        np.concatenate([score, box] if scores_first else [box, score], axis=3)
        for score, box in zip(scores, boxes, strict=True)
    ]
    put = LAYOUTS[layout]
    real = {f"out_{s}": put(each) for each, s in zip(both, STRIDES, strict=True)}
    if whole:
        real = {"out": np.concatenate(list(real.values()), axis=2 if layout == "columns" else 0)}
        real = {"out": real["out"].reshape(1, *real["out"].shape[-2:])}
    specs, kept, _ = stored(real)
    recipe = DetectionRecipe(
        head="distances", strides=STRIDES, threshold=0.5, scores_first=scores_first, **fields
    )
    wanted = expected(
        scores, boxes, points, layout=layout, offset=(0.5, 0.5), act="sigmoid", threshold=0.5
    )  # fmt: skip
    assert_same(decoded(recipe, specs, kept, tuple("abc")), wanted)


def test_distances_may_be_pixels() -> None:
    fields = KINDS["nanodet, distances"]
    scores, boxes, points = numbers(fields)
    boxes = [each * 30 for each in boxes]
    real = {f"scores_{s}": LAYOUTS["rows"](each) for each, s in zip(scores, STRIDES, strict=True)}
    real |= {f"boxes_{s}": LAYOUTS["rows"](each) for each, s in zip(boxes, STRIDES, strict=True)}
    specs, kept, _ = stored(real)
    names: dict[str, Any] = {
        f"{part}_outputs": tuple(f"{part}_{s}" for s in STRIDES) for part in ("scores", "boxes")
    }
    recipe = DetectionRecipe(
        head="distances", strides=STRIDES, threshold=0.5, coordinates="pixels", **names, **fields
    )
    wanted = expected(
        scores, boxes, points, layout="rows", offset=(0.5, 0.5), act="sigmoid", threshold=0.5, pixels=True
    )
    assert_same(decoded(recipe, specs, kept, tuple("abc")), wanted)


def test_a_side_that_no_stride_divides_has_one_more_cell() -> None:
    """An input of 40 x 24 at stride 16: 3 x 2 cells."""
    box = np.full((2, 3, 1, 4), 0.25)
    score = np.zeros((2, 3, 1, 1))
    score[1, 2] = 0.9
    specs, kept, _ = stored({"s": score.reshape(1, 6, 1), "b": box.reshape(1, 6, 4)})
    recipe = DetectionRecipe(
        head="distances", strides=(16,), scores_outputs=("s",), boxes_outputs=("b",), layout="rows"
    )
    found = twice(opened(recipe, specs, (), (40, 24)), specs, kept, PLAIN)
    np.testing.assert_allclose(found.boxes_xyxy, [[36, 20, 44, 28]])


def test_only_what_reaches_the_threshold_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgemm.tasks.detection.blocks import Table

    seen: list[int] = []
    take = Table.take

    def noted(self: Table, outputs: Outputs, index: Any) -> Any:
        seen.append(len(index))
        return take(self, outputs, index)

    monkeypatch.setattr(Table, "take", noted)
    fields = KINDS["scrfd"]
    parts = dict(zip(("scores", "boxes", "points"), numbers(fields), strict=True))
    real = {
        f"{p}_{s}": LAYOUTS["rows"](e) for p, of in parts.items() for e, s in zip(of, STRIDES, strict=True)
    }
    specs, kept, _ = stored(real, "int8")
    names: dict[str, Any] = {f"{part}_outputs": tuple(f"{part}_{each}" for each in STRIDES) for part in parts}
    recipe = DetectionRecipe(head="distances", strides=STRIDES, threshold=0.7, **names, **fields)
    found = decoded(recipe, specs, kept, tuple("abc"))
    assert 0 < len(found.scores) <= max(seen) < 40


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strides": (16, 32)}, "boxes_outputs: expected 2 outputs, one for each of the strides.*found 3"),
        ({"cell_anchors": 3}, "boxes_outputs: .*expected"),
        ({"bins": 7}, "expected 28 numbers of a box"),
        ({"scores_outputs": ("scores_16",)}, "scores_outputs: .*for each of 420 candidates"),
        ({"boxes_outputs": ("nothing", "boxes_32", "boxes_64")}, "no output 'nothing'"),
        ({"scores_outputs": ("scores_32", "scores_16", "scores_64")}, "scores_16|scores_32"),
    ],
)
def test_what_does_not_fit_is_told(change: dict[str, Any], said: str) -> None:
    fields = {**KINDS["yolov8"]}
    parts = dict(zip(("scores", "boxes"), numbers(fields)[:2], strict=True))
    real = {
        f"{p}_{s}": LAYOUTS["rows"](e) for p, of in parts.items() for e, s in zip(of, STRIDES, strict=True)
    }
    specs, _, _ = stored(real)
    names = {f"{part}_outputs": tuple(f"{part}_{each}" for each in STRIDES) for part in parts}
    with pytest.raises(CardError, match=said):
        opened(
            DetectionRecipe(head="distances", **{"strides": STRIDES, **names, **fields, **change}),
            specs,
            tuple("abc"),
        )


def test_parts_that_go_through_the_candidates_otherwise_are_refused() -> None:
    """Two anchors: planes go anchor by anchor, rows cell by cell."""
    scores, boxes, _ = numbers(KINDS["scrfd"])
    real = {f"s_{at}": LAYOUTS["planes"](each) for at, each in zip(STRIDES, scores, strict=True)}
    real |= {f"b_{at}": LAYOUTS["rows"](each) for at, each in zip(STRIDES, boxes, strict=True)}
    specs, _, _ = stored(real)
    names: dict[str, Any] = {
        f"{part}_outputs": tuple(f"{part[0]}_{at}" for at in STRIDES) for part in ("scores", "boxes")
    }
    with pytest.raises(CardError, match="outputs of one form"):
        opened(
            DetectionRecipe(head="distances", strides=STRIDES, cell_anchors=2, **names), specs, tuple("abc")
        )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, 'strides: head "distances" needs'),
        ({"strides": (8,), "objectness": True}, "objectness"),
        ({"strides": (8,), "box": "cxcywh"}, 'box: head "distances"'),
    ],
)
def test_a_recipe_that_cannot_be_is_told(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError, match=said):
        DetectionRecipe(head="distances", **fields).check()
