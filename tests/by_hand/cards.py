"""Cards by which edgemm does what the programs beside this file do by hand."""

from __future__ import annotations

from typing import Any

Card = dict[str, Any]


def _card(name: str, task: str, image: Card, section: Card, labels: tuple[str, ...] = ()) -> Card:
    return {
        "schema": "edgemm.card/1",
        "name": name,
        "task": task,
        "inputs": [{"modality": "image", "image": image}],
        "labels": list(labels),
        task: section,
    }


STORED_AS_THEY_ARE = {"scale": 1.0, "mean": [128.0], "std": [128.0]}
"""For a uint8 input of scale 1/128 and zero point 128: the tensor is the pixels themselves. With 127.5 for both,
bright pixels are one higher."""

VOC = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


def ssd_mobilenet(labels: tuple[str, ...]) -> Card:
    """With the 90 rows of the file's own labels, "???" included."""
    return _card(
        "ssd-mobilenet",
        "detection",
        {"resize": "stretch", **STORED_AS_THEY_ARE},
        {"head": "postprocess", "threshold": 0.05},
        labels,
    )


ULTRAFACE = _card(
    "ultraface",
    "detection",
    {"resize": "stretch", "scale": 1.0, "mean": [127.0], "std": [128.0]},
    {"head": "boxes", "threshold": 0.9, "iou": 0.5, "background": 0, "label_offset": -1},
    ("face",),
)

BLAZEFACE = _card(
    "blazeface-short-range",
    "detection",
    {"resize": "letterbox", "interpolation": "mediapipe", "pad_value": 0, "mean": [0.5], "std": [0.5]},
    {
        "head": "anchors",
        "threshold": 0.5,
        "iou": 0.3,
        "nms": "weighted",
        "activation": "sigmoid",
        "score_clip": 100.0,
        "points": 6,
        "strides": [8, 16, 16, 16],
        "box_scales": [128.0, 128.0, 128.0, 128.0],
    },
    ("face",),
)
"""0.5 is MediaPipe's own threshold. What takes part in the weighted mean depends on it: another one moves the boxes."""

POSE_DETECTOR = _card(
    "blazepose-detector",
    "detection",
    {"resize": "letterbox", "interpolation": "mediapipe", "pad_value": 0, "mean": [0.5], "std": [0.5]},
    {
        "head": "anchors",
        "threshold": 0.5,
        "iou": 0.3,
        "nms": "weighted",
        "activation": "sigmoid",
        "score_clip": 100.0,
        "points": 4,
        "strides": [8, 16, 32, 32, 32],
        "box_scales": [224.0, 224.0, 224.0, 224.0],
    },
    ("person",),
)

SINET = _card(
    "sinet-portrait",
    "segmentation",
    {
        "color": "bgr",
        "resize": "stretch",
        "scale": 1.0,
        "mean": [102.890434, 111.25247, 126.91212],
        "std": [62.93292 * 255, 62.82138 * 255, 66.355705 * 255],
    },
    {"kind": "scores", "layout": "NCHW"},
    ("background", "person"),
)

DEEPLAB = _card(
    "deeplab-voc",
    "segmentation",
    {"resize": "stretch", **STORED_AS_THEY_ARE},
    {"kind": "classes"},
    VOC,
)

FACE_MARKS = _card(
    "face-landmark",
    "landmarks",
    {"resize": "stretch"},
    {
        "points": "conv2d_21",
        "values": ["x", "y", "z"],
        "presence": "conv2d_31",
        "presence_decode": "logit",
        "skeleton": "mediapipe_face468",
    },
)
"""Of a crop of 1.5 times the box of a face."""

BODY_MARKS = _card(
    "pose-landmark-lite",
    "landmarks",
    {"resize": "letterbox", "pad_value": 0},
    {
        "points": "Identity",
        "values": ["x", "y", "z", "score", "skip"],
        "scores": "logits",
        "count": 33,
        "presence": "Identity_1",
        "presence_decode": "probability",
        "skeleton": "mediapipe_pose33",
    },
)
"""Of a crop around a person."""
