"""mAP against COCO's own evaluation, on seeded detections with crowds, ties and empty pictures."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from edgemm.judge import TrueBoxes, metric
from edgemm.results import Detections

pytestmark = pytest.mark.device

FROZEN = {
    1: (0.20550227291636725, 0.08053193974859671, 0.21785714285714283),
    2: (0.2181104099420931, 0.11927628854918458, 0.24652777777777776),
    3: (0.09570957095709572, 0.04559818481848186, 0.08848214285714284),
    17: (0.19858557284299858, 0.16641791789069016, 0.3488095238095238),
}
"""Seed -> mAP50, mAP, recall, as pycocotools 2.0.11 gives them."""


def scene(seed: int, pictures: int = 12) -> list[tuple[Detections, TrueBoxes]]:
    """Boxes on a grid of eighths of a pixel, scores in tenths: overlaps and scores tie, and are exact in both."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(pictures):
        things, boxes = generator.integers(0, 9, 2)
        truth = _boxes(generator, things)
        numbers = generator.integers(0, 4, things)
        chosen = generator.integers(0, max(things, 1), boxes)
        near = truth[chosen] if things else _boxes(generator, boxes)
        answers = np.minimum(numbers[chosen], 2) if things else generator.integers(0, 3, boxes)
        answers = np.where(generator.random(boxes) < 0.2, 1, answers)
        moved = near + generator.integers(-24, 25, near.shape) / 8 * (generator.random((boxes, 1)) < 0.7)
        found = np.concatenate([moved[:, :2], np.maximum(moved[:, 2:], moved[:, :2] + 1)], axis=1)
        kind = generator.random(things)
        made.append(
            (
                Detections(
                    found.astype(np.float32),
                    (generator.integers(0, 11, boxes) / 16).astype(np.float32),
                    answers,
                ),
                TrueBoxes(truth, numbers, kind < 0.2, kind > 0.85),
            )
        )
    return made


def _boxes(generator: np.random.Generator, count: int) -> Any:
    corners = generator.integers(0, 400, (count, 2)) / 8
    return np.concatenate([corners, corners + generator.integers(16, 200, (count, 2)) / 8], axis=1)


def measured(samples: list[tuple[Detections, TrueBoxes]], **settings: Any) -> dict[str, Any]:
    judge = metric("detection", **settings)
    for found, truth in samples:
        judge.add(found, truth)
    return judge.report()


def by_pycocotools(samples: list[tuple[Detections, TrueBoxes]], most: int = 100) -> Any:
    """The evaluation of the package, its tables filled."""
    coco = pytest.importorskip(
        "pycocotools.coco", reason="pycocotools is not installed: pip install pycocotools"
    )
    evaluation = pytest.importorskip("pycocotools.cocoeval", reason="pycocotools is not installed")
    truths, found, at = [], [], 1
    for picture, (detections, truth) in enumerate(samples, 1):
        for box, number, crowd, ignored in zip(
            truth.boxes_xyxy, truth.class_ids, truth.crowd, truth.ignored, strict=True
        ):
            truths.append(
                {
                    "id": at, "image_id": picture, "category_id": int(number), "iscrowd": int(crowd),
                    "bbox": _xywh(box), "area": 1e11 if ignored else 100.0,  # outside of what is evaluated: ignored
                }
            )  # fmt: skip
            at += 1
        found += [
            {"image_id": picture, "category_id": int(number), "bbox": _xywh(box), "score": float(score)}
            for box, number, score in zip(
                detections.boxes_xyxy, detections.class_ids, detections.scores, strict=True
            )
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        right = coco.COCO()
        right.dataset = {
            "images": [{"id": each} for each in range(1, len(samples) + 1)],
            "annotations": truths,
            "categories": [{"id": each} for each in range(4)],
        }
        right.createIndex()
        judge = evaluation.COCOeval(right, right.loadRes(found), "bbox")
        judge.params.maxDets = [most]
        judge.evaluate()
        judge.accumulate()
    return judge.eval


def _xywh(box: Any) -> list[float]:
    return [*map(float, box[:2]), *map(float, box[2:] - box[:2])]


@pytest.mark.parametrize("seed", FROZEN)
def test_the_figures_stay_what_pycocotools_gave(seed: int) -> None:
    ours = measured(scene(seed))
    assert [ours[name] for name in ("mAP50", "mAP", "recall")] == pytest.approx(FROZEN[seed], abs=1e-9)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("most", [100, 2])
def test_the_figures_are_those_of_pycocotools(seed: int, most: int) -> None:
    samples = scene(seed)
    theirs = by_pycocotools(samples, most)
    precision, recall = theirs["precision"][:, :, :, 0, -1], theirs["recall"][:, :, 0, -1]
    ours = measured(samples, max_detections=most)
    assert abs(ours["mAP"] - precision[precision > -1].mean()) < 1e-9
    at_half = precision[0]
    assert abs(ours["mAP50"] - at_half[at_half > -1].mean()) < 1e-9
    assert abs(ours["mAP75"] - precision[5][precision[5] > -1].mean()) < 1e-9
    assert abs(ours["recall"] - recall[recall > -1].mean()) < 1e-9
    for number in range(4):
        mine = ours["classes"].get(str(number))
        if mine is None:
            assert (precision[:, :, number] == -1).all()
        else:
            assert abs(mine["AP"] - precision[:, :, number].mean()) < 1e-9
            assert abs(mine["recall"] - recall[:, number].mean()) < 1e-9
