"""The files of the scene networks: scene_detector.onnx and scene_segmenter.onnx, each with its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from network_file import save_network
from scene_cells import CLASSES, STRIDE
from scene_network import Detector, SceneNetwork, Segmenter

from edgemm.card import ModelCard
from edgemm.data.scenes import LABELS, SIZE_WH

WIDTH, HEIGHT = SIZE_WH
CELLS = (WIDTH // STRIDE) * (HEIGHT // STRIDE)


def save_networks(
    detecting: SceneNetwork, segmenting: SceneNetwork, folder: Path, training: Mapping[str, object]
) -> tuple[Path, Path]:
    """Writes both files.

    Args:
        detecting: its trunk and box head are the detector.
        segmenting: its trunk and mask head are the segmenter.
        folder: to write to.
        training: what the cards say of the training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    detector, segmenter = folder / "scene_detector.onnx", folder / "scene_segmenter.onnx"
    example = torch.zeros(1, 3, HEIGHT, WIDTH)
    save_network(Detector(detecting), example, detector, detector_card(training), half=True)
    save_network(Segmenter(segmenting), example, segmenter, segmenter_card(training), half=True)
    return detector, segmenter


def detector_card(training: Mapping[str, object]) -> ModelCard:
    """Boxes are offsets to the middle of each cell, in cells: anchors of the size of the input say the same."""
    cells_wh = (WIDTH / STRIDE, HEIGHT / STRIDE)
    return _card(
        name="scene-detector",
        task="detection",
        outputs=[
            {"name": "boxes", "shape": [1, CELLS, 4]},
            {"name": "scores", "shape": [1, CELLS, CLASSES]},
        ],
        labels=LABELS,
        detection={
            "head": "anchors", "threshold": 0.4, "iou": 0.5, "strides": [STRIDE], "box": "cxcywh",
            "anchor_ratios": [1.0], "anchor_interpolated_ratio": 0.0, "anchor_fixed_size": True,
            "anchor_offset": [0.5, 0.5], "box_scales": [*cells_wh, *cells_wh],
            "boxes_outputs": ["boxes"], "scores_outputs": ["scores"],
        },
        training=training,
    )  # fmt: skip


def segmenter_card(training: Mapping[str, object]) -> ModelCard:
    """A class number for each pixel: 0 background, 1 + digit."""
    return _card(
        name="scene-segmenter",
        task="segmentation",
        outputs=[{"name": "classes", "shape": [1, HEIGHT, WIDTH]}],
        labels=("background", *LABELS),
        segmentation={"kind": "classes", "output": "classes"},
        training=training,
    )


def _card(**parts: Any) -> ModelCard:
    """What both have in common, and its own parts; read as a card file is."""
    recipe = {"color": "rgb", "resize": "letterbox", "scale": 1 / 255, "mean": [0.5], "std": [0.5]}
    picture = {
        "name": "image", "modality": "image", "shape": [1, 3, HEIGHT, WIDTH], "layout": "NCHW", "image": recipe,
    }  # fmt: skip
    training = parts.pop("training")
    whole = {
        "schema": "edgemm.card/1", "licence": "Apache-2.0", "family": "CNN", "inputs": [picture],
        **parts, "x-training": dict(training),
    }  # fmt: skip
    return ModelCard.from_json(json.dumps(whole))
