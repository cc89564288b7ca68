"""What the scene network is trained to: which cell answers for which digit, and the losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scene_cells import STRIDE, cell_centers
from torch.nn import functional

from edgemm.data.scenes import Scene

REACH = 0.9
"""Cells whose middle is so near to a box's middle, in strides along x and y, answer for it."""


def targets(
    scene: Scene, centers: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """float32[cells, 4] middle, width, height in pixels, and int64[cells] the digit; -1 where there is none."""
    boxes, classes = scene.boxes_xyxy, scene.class_ids
    if not len(boxes):
        return np.zeros((len(centers), 4), np.float32), np.full(len(centers), -1)
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    away = np.abs(centers[:, None] - middle).max(axis=2) / STRIDE
    nearest = away.argmin(axis=1)
    mine = away[np.arange(len(centers)), nearest] < REACH
    return np.hstack([middle, size])[nearest].astype(np.float32), np.where(mine, classes[nearest], -1)


def batch_targets(scenes: Sequence[Scene]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures float32[n, 3, h, w] as the card's recipe makes them, boxes, digits, and masks int64[n, h, w]."""
    centers = cell_centers()
    pairs = [targets(scene, centers) for scene in scenes]
    pixels = np.stack([scene.pixels for scene in scenes]).transpose(0, 3, 1, 2)
    pictures = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1.0)
    masks = torch.from_numpy(np.stack([scene.mask for scene in scenes]).astype(np.int64))
    boxes, digits = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    return pictures, boxes, digits, masks


def detection_loss(
    boxes: torch.Tensor, logits: torch.Tensor, truth: torch.Tensor, digits: torch.Tensor
) -> torch.Tensor:
    """Generalized IoU of the boxes, and quality focal loss of the scores (Li et al. 2020): a score learns the IoU."""
    where = digits >= 0
    found, right = _corners(boxes, torch.from_numpy(cell_centers()))[where], _xyxy(truth[where])
    iou, generalized = _overlaps(found, right)
    quality = torch.zeros_like(logits)
    quality[where, digits[where]] = iou.detach().clamp(min=0)
    weight = (quality - logits.detach().sigmoid()).abs() ** 2
    entropy = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    count = max(int(where.sum()), 1)
    return (weight * entropy).sum() / count * 2 + (1 - generalized).sum() / count


def mask_loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Cross entropy, the background weighted less."""
    weight = torch.ones(logits.shape[1])
    weight[0] = 0.4
    return functional.cross_entropy(logits, masks, weight)


def _corners(boxes: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """The head's numbers -> left, top, right, bottom in pixels."""
    return _xyxy(torch.cat([boxes[..., :2] * STRIDE + centers, boxes[..., 2:] * STRIDE], dim=-1))


def _xyxy(boxes: torch.Tensor) -> torch.Tensor:
    half = boxes[..., 2:].clamp(min=0.1) / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)


def _overlaps(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and generalized IoU of pairs of boxes."""
    common = (torch.minimum(a, b)[:, 2:] - torch.maximum(a, b)[:, :2]).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - common
    around = (torch.maximum(a, b)[:, 2:] - torch.minimum(a, b)[:, :2]).prod(1)
    iou = common / union
    return iou, iou - (around - union) / around
