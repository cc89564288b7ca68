"""Anchors, and boxes and key points that are offsets to them, against the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgemm.tasks.detection import anchors
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.outputs import Outputs
from tests.tasks.detection import reference
from tests.tasks.detection.reference import Thing, around, best_class, kept_of, sigmoid, softmax
from tests.tasks.detection.rig import PLAIN, WH, assert_same, cut, inside, opened, stored, twice

pytestmark = pytest.mark.device

KINDS: dict[str, dict[str, Any]] = {
    "blazeface": {"strides": (8, 16, 16, 16)},
    "pose": {"strides": (8, 16, 32, 32, 32), "anchor_interpolated_ratio": 1.0},
    "one stride": {"strides": (32,), "anchor_fixed_size": False},
    "ssd": {
        "strides": (16, 32, 64, 128, 256, 512),
        "anchor_scales": (0.2, 0.95),
        "anchor_ratios": (1.0, 2.0, 0.5, 3.0, 0.3333),
        "anchor_reduce_lowest": True,
        "anchor_fixed_size": False,
    },
    "no interpolation": {
        "strides": (16, 32, 32),
        "anchor_interpolated_ratio": 0.0,
        "anchor_ratios": (1.0, 2.0),
        "anchor_fixed_size": False,
        "anchor_offset": (0.25, 0.75),
    },
}


def expected_anchors(kind: str, wh: tuple[int, int]) -> list[tuple[float, float, float, float]]:
    fields = KINDS[kind]
    return reference.anchors(
        wh,
        fields["strides"],
        fields.get("anchor_scales", (0.1484375, 0.75)),
        fields.get("anchor_ratios", (1.0,)),
        interpolated=fields.get("anchor_interpolated_ratio", 1.0),
        reduce_lowest=fields.get("anchor_reduce_lowest", False),
        fixed=fields.get("anchor_fixed_size", True),
        offset=fields.get("anchor_offset", (0.5, 0.5)),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wh", [(128, 128), (300, 300), (320, 200)])
def test_anchors_follow_the_calculator(kind: str, wh: tuple[int, int]) -> None:
    made = anchors.make(DetectionRecipe(head="anchors", **KINDS[kind]), wh)
    np.testing.assert_allclose(made, expected_anchors(kind, wh), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "size", "count"), [("blazeface", 128, 896), ("pose", 224, 2254), ("ssd", 300, 1917)]
)
def test_as_many_anchors_as_the_published_models_have(kind: str, size: int, count: int) -> None:
    assert len(anchors.make(DetectionRecipe(head="anchors", **KINDS[kind]), (size, size))) == count


def test_two_of_mobilenet_ssd_by_hand() -> None:
    """The first cell of 19 x 19: sizes 0.1, and 0.2 with ratios 2 and 1/2; the last anchor of the 1 x 1 grid."""
    made = anchors.make(DetectionRecipe(head="anchors", **KINDS["ssd"]), (300, 300))
    np.testing.assert_allclose(made[0], [0.5 / 19, 0.5 / 19, 0.1, 0.1], atol=1e-6)
    np.testing.assert_allclose(made[1, 2:], [0.2 * math.sqrt(2), 0.2 / math.sqrt(2)], atol=1e-6)
    np.testing.assert_allclose(made[-1], [0.5, 0.5, math.sqrt(0.95), math.sqrt(0.95)], atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("kind", ["blazeface", "ssd"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("exponential", [False, True])
@pytest.mark.parametrize("nms", ["class-wise", "weighted"])
@pytest.mark.parametrize("parted", [False, True])
def test_decoding(dtype: str, kind: str, turned: bool, exponential: bool, nms: Any, parted: bool) -> None:
    table = expected_anchors(kind, WH)
    rng, points = np.random.default_rng(21), 3
    scales = (40.0, 30.0, 20.0, 25.0)
    raw = rng.normal(0, 3, (len(table), 4 + 2 * points))
    raw[:, 2:4] = rng.uniform(2, 8, (len(table), 2))
    logits = rng.normal(-4, 2, (len(table), 1))
    real = {"regressors": raw[None], "classificators": logits[None]}
    if parted:
        real = {
            "r1": raw[None, :100],
            "s1": logits[None, :100],
            "r2": raw[None, 100:],
            "s2": logits[None, 100:],
        }
    specs, arrays, means = stored(real, dtype)
    recipe = DetectionRecipe(
        head="anchors",
        points=points,
        activation="sigmoid",
        score_clip=1.0,
        threshold=0.3,
        nms=nms,
        box="cycxhw" if turned else "cxcywh",
        box_scales=scales,
        box_exponential=exponential,
        max_detections=60,
        boxes_outputs=("r1", "r2") if parted else (),
        scores_outputs=("s1", "s2") if parted else (),
        **KINDS[kind],
    )
    found = twice(opened(recipe, specs, ("face",)), specs, arrays, PLAIN)
    if parted:
        means = {
            "regressors": np.concatenate([means["r1"], means["r2"]], axis=1),
            "classificators": np.concatenate([means["s1"], means["s2"]], axis=1),
        }
    things = []
    for row, (logit,), (ax, ay, aw, ah) in zip(
        means["regressors"][0], means["classificators"][0], table, strict=True
    ):
        pairs = [(float(a), float(b)) for a, b in row.reshape(-1, 2)]
        (x, y), (w, h), *marks = [pair[::-1] for pair in pairs] if turned else pairs
        cx, cy = x / scales[0] * aw + ax, y / scales[1] * ah + ay
        wide, high = w / scales[2], h / scales[3]
        if exponential:
            wide, high = math.exp(wide), math.exp(high)
        box = around(cx * WH[0], cy * WH[1], wide * aw * WH[0], high * ah * WH[1])
        where = [((a / scales[0] * aw + ax) * WH[0], (b / scales[1] * ah + ay) * WH[1]) for a, b in marks]
        things.append(Thing(box, sigmoid(min(max(float(logit), -1.0), 1.0)), 0, where))
    expected = kept_of(inside(things), threshold=0.3, nms=nms, most=60)
    assert len(expected) > 5
    assert_same(found, cut(expected), atol=5e-3)


def test_raw_ssd_with_softmax_and_background() -> None:
    table = expected_anchors("ssd", WH)
    rng = np.random.default_rng(22)
    raw, logits = rng.normal(0, 2, (len(table), 4)), rng.normal(0, 2, (len(table), 5))
    specs, arrays, means = stored({"boxes": raw[None, :, None], "scores": logits[None]})
    recipe = DetectionRecipe(
        head="anchors",
        box="cycxhw",
        box_scales=(10, 10, 5, 5),
        box_exponential=True,
        activation="softmax",
        background=0,
        threshold=0.6,
        **KINDS["ssd"],
    )
    found = twice(opened(recipe, specs), specs, arrays, PLAIN)
    things = []
    for (y, x, h, w), scores, (ax, ay, aw, ah) in zip(
        means["boxes"].reshape(-1, 4), means["scores"][0], table, strict=True
    ):
        number, score = best_class(softmax([float(s) for s in scores]), background=0)
        cx, cy = (x / 10 * aw + ax) * WH[0], (y / 10 * ah + ay) * WH[1]
        box = around(cx, cy, math.exp(w / 5) * aw * WH[0], math.exp(h / 5) * ah * WH[1])
        things.append(Thing(box, score, number))
    expected = kept_of(inside(things), threshold=0.6)
    assert {thing.number for thing in expected} == {1, 2, 3, 4}
    assert_same(found, cut(expected), atol=5e-3)


@pytest.mark.parametrize(
    "scales", [(128.0,) * 4, (64.0,) * 4, (100.0,) * 4, (128.0, 128.0, 64.0, 64.0), (0.5,) * 4]
)
@pytest.mark.parametrize("size", [(128, 128), (64, 64), (100, 100), (200, 128)])
def test_frames_of_changing_tensor_size_are_placed_as_by_a_new_decoder(
    scales: tuple[float, ...], size: tuple[int, int]
) -> None:
    """Among them those where the offsets are pixels of the tensor, and nothing is divided."""
    recipe = DetectionRecipe(
        head="anchors",
        threshold=0.5,
        points=2,
        strides=(8, 16),
        box_scales=scales,
        nms="none",
        activation="sigmoid",
    )
    rng = np.random.default_rng(1)
    count = len(anchors.make(recipe, (128, 128)))
    specs, arrays, _ = stored(
        {
            "boxes": rng.normal(0, 30, (1, count, 8)).astype(np.float32),
            "scores": rng.normal(-2, 2, (1, count, 1)).astype(np.float32),
        }
    )
    outputs = Outputs.of(specs, arrays)
    head = anchors.AnchorsHead(recipe, specs, 1, (128, 128))
    index = head.search(outputs).candidates
    assert len(index) > 10
    for wh in ((128, 128), size, (128, 128), size):
        rows = head.places(outputs, index, wh)
        offsets = arrays["boxes"][0, index].reshape(-1, 4, 2)
        centres = anchors.make(recipe, (128, 128))[index, None, :2]
        units = np.array(scales, np.float32).reshape(2, 2)[[0, 1, 0, 0]]
        placed = (offsets / units + centres * np.array([[1], [0], [1], [1]], np.float32)).astype(
            np.float32
        ) * np.array(wh, np.float32)
        half = placed[:, 1] * np.float32(0.5)
        expected = np.stack([placed[:, 0] - half, placed[:, 0] + half, placed[:, 2], placed[:, 3]], axis=1)
        np.testing.assert_array_equal(rows, expected.reshape(-1, 8).astype(np.float32))


def test_points_that_lie_elsewhere_are_not_taken_for_those_beside_the_boxes() -> None:
    recipe = DetectionRecipe(
        head="anchors",
        threshold=0.5,
        points=1,
        strides=(64,),
        boxes_outputs=("boxes",),
        scores_outputs=("scores",),
        points_outputs=("points",),
        anchor_interpolated_ratio=0.0,
        layout="rows",
        nms="none",
    )
    count = len(anchors.make(recipe, (128, 128)))
    specs, arrays, _ = stored(
        {
            "boxes": np.tile(np.array([0.0, 0, 0.2, 0.2], np.float32), (1, count, 1)),
            "points": np.full((1, count, 2), 0.125, np.float32),
            "scores": np.full((1, count, 1), 0.9, np.float32),
        }
    )
    rows = anchors.AnchorsHead(recipe, specs, 1, (128, 128)).places(
        Outputs.of(specs, arrays), np.arange(count), (128, 128)
    )
    np.testing.assert_allclose(rows[:, 4:], rows[:, :4].reshape(-1, 2, 2).mean(axis=1) + 16, atol=1e-4)
