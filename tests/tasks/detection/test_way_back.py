"""The way back, prepared once for frames of one size: the same numbers as a context computes, and never stale ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.tasks.context import Context
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.way_back import WayBack, WaysBack
from tests.tasks.detection.rig import WH, opened, stored

pytestmark = pytest.mark.device

UPRIGHT = np.array([[2.5, 0, 0], [0, 3.1, -40.7]])
MAPS = {
    "upright": UPRIGHT,
    "rotated": np.array([[1.2, 0.5, -60], [-0.5, 1.2, 90]]),
    "mirrored": np.array([[-2.0, 0, 640], [0, 2.5, -140]]),
    "turned by 90 degrees": np.array([[0, 2.0, 5], [-2.0, 0, 640]]),
}


def rows(points: int, count: int = 40) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(points)
    corner, size = rng.uniform(-50, 300, (count, 2)), rng.uniform(1, 90, (count, 2))
    marks = rng.uniform(-50, 300, (count, 2 * points))
    return np.concatenate([corner, corner + size, marks], axis=1).astype(np.float32)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("points", [0, 1, 6])
@pytest.mark.parametrize("source_wh", [(640, 360), (0, 0)])
def test_it_computes_what_the_context_does(name: str, points: int, source_wh: tuple[int, int]) -> None:
    context, given = Context(MAPS[name], source_wh, WH), rows(points)
    way = WayBack(context)
    placed = way.rows(given)
    boxes = context.boxes(given[:, :4])
    assert np.array_equal(placed[:, :4], boxes)
    marks = given[:, 4:].reshape(40, points, 2)
    assert np.array_equal(placed[:, 4:].reshape(marks.shape), context.points(marks))
    edges = [*source_wh, *source_wh] if all(source_wh) else [np.inf] * 4
    low = 0 if all(source_wh) else -np.inf
    assert np.array_equal(way.clipped(placed), np.clip(boxes, low, np.array(edges, np.float32)))
    assert way.upright == (name == "upright")


def test_what_it_gives_is_new_and_whole() -> None:
    for context in (Context(source_wh=WH), Context()):
        way, given = WayBack(context), rows(2)
        before = given.copy()
        placed = way.rows(given)
        boxes = way.clipped(placed)
        boxes[...] = -7
        placed[...] = -7
        assert np.array_equal(given, before)
        assert boxes.flags.c_contiguous


@pytest.mark.parametrize(
    "other",
    [
        Context(UPRIGHT * 2, (640, 360), WH),
        Context(UPRIGHT, (640, 361), WH),
        Context(UPRIGHT, (0, 0), WH),
        Context(MAPS["rotated"], (640, 360), WH),
    ],
    ids=["another map", "another size", "no size", "rotated"],
)
def test_it_is_dropped_when_the_frame_changes(other: Context) -> None:
    ways, first = WaysBack(), Context(UPRIGHT, (640, 360), WH)
    for context in (first, other, first, other):
        kept, new = ways.of(context), WayBack(context)
        assert np.array_equal(kept.rows(rows(1)), new.rows(rows(1)))
        assert np.array_equal(kept.clipped(kept.rows(rows(1))), new.clipped(new.rows(rows(1))))


def test_it_is_kept_for_frames_of_one_size_whenever_they_came() -> None:
    ways, first = WaysBack(), Context(UPRIGHT, (640, 360), WH, begin_ns=1, end_ns=1)
    assert ways.of(first) is ways.of(first._replace(to_source=UPRIGHT.copy(), begin_ns=2, end_ns=2))


def test_a_map_that_was_written_over_is_seen() -> None:
    ways, matrix = WaysBack(), UPRIGHT.copy()
    context = Context(matrix, (640, 360), WH)
    before = ways.of(context).rows(rows(0))
    matrix[...] = UPRIGHT * 3
    assert not np.array_equal(ways.of(context).rows(rows(0)), before)
    assert np.array_equal(ways.of(context).rows(rows(0)), WayBack(context).rows(rows(0)))


@pytest.mark.parametrize("nms", ["class-wise", "weighted"])
@pytest.mark.parametrize("normalized", [True, False])
def test_a_decoder_whose_frames_change_answers_as_a_new_one(nms: Any, normalized: bool) -> None:
    rng = np.random.default_rng(3)
    boxes = rows(0, 60) / (np.array(WH * 2, np.float32) if normalized else np.float32(1))
    specs, arrays, _ = stored(
        {"boxes": boxes[None], "scores": rng.uniform(0, 1, (1, 60, 1)).astype(np.float32)}
    )
    recipe = DetectionRecipe(
        head="boxes", nms=nms, threshold=0.4, coordinates="normalized" if normalized else "pixels"
    )
    frames = [
        Context(MAPS[name], size, tensor)
        for name in ("upright", "rotated")
        for size in ((640, 360), (97, 1001), (0, 0))
        for tensor in (WH, (64, 48), (0, 0))
    ]
    kept = opened(recipe, specs)
    for context in (*frames, *reversed(frames)):
        (found,) = kept.decode(Outputs.of(specs, arrays), context, None)
        (expected,) = opened(recipe, specs).decode(Outputs.of(specs, arrays), context, None)
        assert np.array_equal(found.boxes_xyxy, expected.boxes_xyxy)
        assert np.array_equal(found.scores, expected.scores)
