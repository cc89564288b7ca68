"""How well the scene network finds and segments digits: mAP at IoU 0.5 and mIoU, on scenes of its own.

Written for itself, in plain NumPy, so that it agrees with `edgemm evaluate` by being right, not by being the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from digit_images import Pictures
from scene_cells import CLASSES, STRIDE, cell_centers

from edgemm.data.scenes import Scene, stills

if TYPE_CHECKING:
    from scene_network import SceneNetwork

SEED = 2_000_000_000
"""Of the scenes that measure; training never draws it."""
LOWEST = 0.01
"""Smallest score of a box."""
SAME = 0.5
"""IoU from which two boxes are of one digit."""
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one set of scenes, 0..1."""

    map50: float
    miou: float

    def __str__(self) -> str:
        return f"mAP50 {self.map50:.4f}, mIoU {self.miou:.4f}"


def evaluate(net: SceneNetwork, pictures: Pictures, count: int) -> Measured:
    """The float network on `count` scenes with digits of `pictures`."""
    import torch
    from scene_losses import batch_targets

    scenes = list(stills(pictures.images, pictures.labels, SEED, count))
    found: list[tuple[Floats, Floats, npt.NDArray[np.int64]]] = []
    confusion = np.zeros((CLASSES + 1, CLASSES + 1), np.int64)
    net.eval()
    with torch.no_grad():
        for begin in range(0, count, 25):
            part = scenes[begin : begin + 25]
            boxes, logits, masks = net(batch_targets(part)[0])
            found += [decode(b, s) for b, s in zip(boxes.numpy(), logits.sigmoid().numpy(), strict=True)]
            for scene, mask in zip(part, masks.argmax(1).numpy(), strict=True):
                confusion += confused(scene.mask, mask)
    return Measured(mean_precision(scenes, found), mean_iou(confusion))


def decode(boxes: Floats, scores: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Boxes float[n, 4] in pixels, scores and classes after NMS of each class, best first."""
    middle, size = boxes[:, :2] * STRIDE + cell_centers(), boxes[:, 2:] * STRIDE
    corners = np.hstack([middle - size / 2, middle + size / 2])
    classes, best = scores.argmax(1), scores.max(1)
    order = [at for at in np.argsort(-best, kind="stable") if best[at] >= LOWEST]
    kept: list[int] = []
    for at in order:
        rivals = [other for other in kept if classes[other] == classes[at]]
        if not rivals or overlaps(corners[at], corners[rivals]).max() <= SAME:
            kept.append(int(at))
    return corners[kept], best[kept], classes[kept]


def overlaps(box: Floats, others: Floats) -> Floats:
    """IoU of one box with each of the others."""
    wide = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    tall = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    common = np.maximum(wide, 0) * np.maximum(tall, 0)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return np.asarray(common / ((box[2] - box[0]) * (box[3] - box[1]) + areas - common))


def mean_precision(
    scenes: Sequence[Scene], found: Sequence[tuple[Floats, Floats, npt.NDArray[np.int64]]]
) -> float:
    """Mean over the digits of the average precision at IoU 0.5, at 101 points of recall, as COCO has it."""
    return float(np.mean([_precision(scenes, found, digit) for digit in range(CLASSES)]))


def _precision(
    scenes: Sequence[Scene], found: Sequence[tuple[Floats, Floats, npt.NDArray[np.int64]]], digit: int
) -> float:
    hits: list[tuple[float, bool]] = []
    for scene, (boxes, scores, classes) in zip(scenes, found, strict=True):
        truth = scene.boxes_xyxy[scene.class_ids == digit]
        free = np.ones(len(truth), bool)
        for box, score in zip(boxes[classes == digit], scores[classes == digit], strict=True):
            iou = np.where(free, overlaps(box, truth), 0.0) if len(truth) else np.zeros(1)
            hit = bool(iou.max() >= SAME)
            if hit:
                free[iou.argmax()] = False
            hits.append((float(score), hit))
    hits.sort(key=lambda one: -one[0])
    right = np.cumsum([hit for _, hit in hits])
    recall = right / sum(int((scene.class_ids == digit).sum()) for scene in scenes)
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.append(precision, 0.0)[at].mean())


def confused(truth: npt.NDArray[np.uint8], found: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """int64[classes, classes], rows the truth: pixels."""
    count = CLASSES + 1
    pairs = truth.ravel().astype(np.int64) * count + found.ravel()
    return np.bincount(pairs, minlength=count * count).reshape(count, count)


def mean_iou(confusion: npt.NDArray[np.int64]) -> float:
    """Mean over background and digits of the intersection over the union."""
    common = np.diag(confusion)
    return float(np.mean(common / (confusion.sum(0) + confusion.sum(1) - common)))
