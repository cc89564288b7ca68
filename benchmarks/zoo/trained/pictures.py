"""Networks that find things in pictures: faces, bodies, masks, classes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.zoo.trained import measures
from benchmarks.zoo.trained.network import Array, Data, Network, Run, labelled
from tests.by_hand import cards
from tests.by_hand.blazeface import anchors, letterbox
from tests.by_hand.boxes import hard_nms, weighted_nms
from tests.by_hand.landmarks import face_crop
from tests.by_hand.segmenters import SiNet, back, mask_iou, polygons
from tests.by_hand.ultraface import HEIGHT, WIDTH

COCO, CORAL, SHARP = "data/coco128_val", "data/coral_samples", "data/images"
PORTRAITS = (f"{CORAL}/face.jpg", f"{CORAL}/grace_hopper.bmp", f"{SHARP}/astronaut.png", f"{CORAL}/squat.bmp")
CIFAR = "data/cifar10_jpeg"
CALIBRATE, HELD_OUT = 32, 32


def read(path: Path) -> Array:
    """uint8[height, width, 3], RGB."""
    found: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(found[:, :, ::-1])


def photographs(root: Path) -> list[Path]:
    """Of COCO, in the order of their names."""
    return sorted((root / COCO / "images").glob("*.jpg"))


def planar(picture: Array, width: int, height: int) -> Array:
    """float32[1, 3, height, width], stretched."""
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32)


def true_boxes(root: Path, path: Path) -> Array:
    """float[n, 5]: class, left, top, right, bottom, from 0 to 1."""
    lines = root / COCO / "boxes" / f"{path.stem}.txt"
    rows = np.loadtxt(lines, ndmin=2).reshape(-1, 5) if lines.exists() else np.zeros((0, 5))
    return np.column_stack([rows[:, 0], rows[:, 1:3] - rows[:, 3:] / 2, rows[:, 1:3] + rows[:, 3:] / 2])


def persons_first(root: Path) -> list[Path]:
    """The photographs with the largest persons."""

    def largest(path: Path) -> float:
        rows = true_boxes(root, path)
        sides = rows[rows[:, 0] == 0, 3:] - rows[rows[:, 0] == 0, 1:3]
        return float(np.prod(sides, axis=1).max(initial=0.0))

    return sorted(photographs(root), key=lambda path: (-largest(path), path.name))


def _parts(root: Path) -> list[list[Array]]:
    """Of four photographs, those with the largest persons first, one calibrates, one is for the gate, and two are held
    out, with the portraits."""
    first = persons_first(root)
    held = [root / each for each in PORTRAITS] + first[1::2]
    return [[read(each) for each in part] for part in (first[::4], first[2::4], held)]


def _found(
    name: str, prepare: Callable[[Array], Array], boxes: _Boxes, sure: float
) -> Callable[[Path], Data]:
    """
    Args:
        sure: score from which on a box counts as found.
    """

    def data(root: Path) -> Data:
        parts = _parts(root)
        calibrate, gate, held = ([{name: prepare(picture)} for picture in part] for part in parts)
        ranked = measures.precision(held, lambda outputs: boxes(outputs, LOW), sure)
        same = measures.same_boxes(held, lambda outputs: boxes(outputs, sure)[0])
        return Data((calibrate,), (held,), ranked, lambda path: gate, {f"F1 at a score of {sure}": same})

    return data


_Boxes = Callable[[list[Array], float], tuple[Array, Array]]
"""Outputs and the lowest score -> float[n, 4] and float[n]."""
LOW = 0.05


def _ultraface(outputs: list[Array], low: float) -> tuple[Array, Array]:
    scores, boxes = outputs
    kept = scores[0, :, 1] >= low
    best = hard_nms(boxes[0, kept], scores[0, kept, 1], 0.5)
    return np.asarray(boxes[0, kept][best], np.float64), scores[0, kept, 1][best]


def _anchored(size: int, grids: Sequence[tuple[int, int]]) -> _Boxes:
    centres = anchors(grids, size)

    def boxes(outputs: list[Array], low: float) -> tuple[Array, Array]:
        raw, logits = outputs
        scores = 1 / (1 + np.exp(-logits[0, :, 0].clip(-80, 80)))
        kept = scores >= low
        middle, half = raw[0, kept, :2] + centres[kept], raw[0, kept, 2:4] / 2
        rows, best = weighted_nms(np.concatenate([middle - half, middle + half], axis=1), scores[kept], 0.3)
        return rows.astype(np.float64), best

    return boxes


def _sinet(root: Path) -> Data:
    covered = []
    for path in sorted((root / COCO / "polygons").glob("*.txt")):
        picture = read(root / COCO / "images" / f"{path.stem}.jpg")
        mask = polygons(path, picture.shape[1], picture.shape[0], 1)
        if mask.mean() > 0.15:
            covered.append((path.stem, picture, mask))
    names = {name for name, *_ in covered}
    others = [read(each) for each in persons_first(root) if each.stem not in names][:CALIBRATE]

    def prepared(picture: Array) -> dict[str, Array]:
        bgr = cv2.resize(picture, (SiNet.SIZE, SiNet.SIZE))[:, :, ::-1].astype(np.float32)
        return {"data": np.ascontiguousarray(((bgr - SiNet.MEAN) / SiNet.STD / 255).transpose(2, 0, 1)[None])}

    held = [prepared(picture) for _, picture, _ in covered]

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        shares = []
        for feeds, (_, picture, mask) in zip(held, covered, strict=True):
            scores = runs[0](feeds)[0][0]
            shares.append(
                mask_iou(back((scores[1] > scores[0]).astype(np.uint8), picture).astype(bool), mask)
            )
        return float(np.mean(shares))

    return Data(([prepared(each) for each in others],), (held,), judge)


def _resnet8(root: Path) -> Data:
    known, classes = _cifar(root / CIFAR / "train.zip", 40)
    held, labels = _cifar(root / CIFAR / "test.zip", 50)
    gate = labelled(known[1::2], classes[1::2])
    return Data((known[::2],), (held,), measures.accuracy(held, labels), gate)


def _cifar(path: Path, per_class: int) -> tuple[list[dict[str, Array]], list[int]]:
    samples, labels = [], []
    with zipfile.ZipFile(path) as archive:
        names = sorted(each for each in archive.namelist() if each.endswith(".jpg"))
        kinds = sorted({each.split("/")[-2] for each in names})
        for label, kind in enumerate(kinds):
            for name in [each for each in names if each.split("/")[-2] == kind][:per_class]:
                bgr: Any = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
                samples.append({"input_1": np.ascontiguousarray(bgr[None, :, :, ::-1], np.float32)})
                labels.append(label)
    return samples, labels


def _vww(root: Path) -> Data:
    paths = photographs(root)

    def prepared(path: Path) -> dict[str, Array]:
        small = cv2.resize(read(path), (96, 96), interpolation=cv2.INTER_AREA)
        return {"input_1": small[None].astype(np.float32) / np.float32(255)}

    def person(path: Path) -> int:
        rows = true_boxes(root, path)
        sides = rows[rows[:, 0] == 0, 3:] - rows[rows[:, 0] == 0, 1:3]
        return int((np.prod(sides, axis=1) >= 0.005).any())

    held = [prepared(each) for each in paths[CALIBRATE:]]
    judge = measures.accuracy(held, [person(each) for each in paths[CALIBRATE:]])
    return Data(([prepared(each) for each in paths[:CALIBRATE]],), (held,), judge)


def _face_marks(root: Path) -> Data:
    """Small faces as they are stored, made larger, and three portraits."""
    patches = np.load(root / SHARP / "lfw_subset.npy")[:100]
    faces = [np.repeat((each * 255).astype(np.uint8)[..., None], 3, axis=2) for each in patches]
    portraits = [
        face_crop(read(root / f"{CORAL}/grace_hopper.bmp"), np.array([200, 80, 330, 250]))[0],
        face_crop(read(root / f"{SHARP}/astronaut.png"), np.array([175, 60, 275, 180]))[0],
    ]

    def prepared(picture: Array) -> dict[str, Array]:
        large = cv2.resize(picture, (192, 192), interpolation=cv2.INTER_CUBIC)
        return {"input_1": large[None].astype(np.float32) / np.float32(255)}

    held = [prepared(each) for each in portraits + faces[50:]]
    judge = measures.distance(held, lambda outputs: outputs[0].reshape(468, 3)[:, :2])
    known = [prepared(each) for each in faces[:50]]
    return Data((known[:32],), (held,), judge, lambda path: known[32:])


def _body_marks(root: Path) -> Data:
    """The largest person of each photograph, in a square of 1.25 times its box."""

    def crop(path: Path) -> Array:
        picture = read(path)
        rows = true_boxes(root, path)
        boxes = rows[rows[:, 0] == 0, 1:] * np.tile(picture.shape[1::-1], 2)
        left, top, right, bottom = boxes[np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).argmax()]
        side = 1.25 * max(right - left, bottom - top)
        size = (round(side), round(side))
        found: Any = cv2.getRectSubPix(picture, size, ((left + right) / 2, (top + bottom) / 2))
        return np.asarray(found)

    def prepared(picture: Array) -> dict[str, Array]:
        small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
        return {"input_1": small[None].astype(np.float32) / np.float32(255)}

    paths = persons_first(root)[: CALIBRATE + HELD_OUT]
    calibrate, held = ([prepared(crop(each)) for each in part] for part in (paths[::2], paths[1::2]))
    judge = measures.distance(held, lambda outputs: outputs[0].reshape(39, 5)[:33, :2])
    return Data((calibrate,), (held,), judge)


def _letterboxed(size: int) -> Callable[[Array], Array]:
    return lambda picture: letterbox(picture, "linear", size)[0]


_SEEN = (COCO, *PORTRAITS)
_LIMITED = "In int8 its logits end where the sigmoid shows no difference, so that decibels say little."
PICTURES = (
    Network(
        "ultraface", ("models/detect/ultraface_rfb320.onnx",), _SEEN,
        "mAP50, the source's faces being right, 68 pictures",
        _found("input", lambda picture: (planar(picture, WIDTH, HEIGHT) - 127) / np.float32(128), _ultraface, 0.7),
        against_source=True, card=cards.ULTRAFACE, weighed=True,
    ),
    Network(
        "blazeface", ("models/blazeface_short_range.tflite",), _SEEN,
        "mAP50, the source's faces being right, 68 pictures",
        _found("input", _letterboxed(128), _anchored(128, ((16, 2), (8, 6))), 0.5), against_source=True,
        card=cards.BLAZEFACE, remark=_LIMITED,
    ),
    Network(
        "pose_detection", ("models/pose/pose_detection.tflite",), _SEEN,
        "mAP50, the source's persons being right, 68 pictures",
        _found("input_1", _letterboxed(224), _anchored(224, ((28, 2), (14, 2), (7, 6))), 0.5), against_source=True,
        card=cards.POSE_DETECTOR, remark=_LIMITED,
    ),
    Network(
        "sinet", ("models/segment/sinet_portrait.onnx",), (COCO,), "IoU of persons with their true masks", _sinet,
        card=cards.SINET,
    ),
    Network(
        "resnet8", ("models/mlperf_tiny/resnet8_cifar10_f32.tflite",), (CIFAR,), "CIFAR-10 accuracy, 500 pictures",
        _resnet8, weighed=True,
    ),
    Network(
        "vww", ("models/mlperf_tiny/vww_mobilenetv1_f32.tflite",), (COCO,),
        "accuracy of person or none, 96 pictures", _vww,
    ),
    Network(
        "face_landmark", ("models/face/face_landmark.tflite",), _SEEN, "mean distance of 468 points, 52 faces",
        _face_marks, unit="pixels", against_source=True, side=192.0, card=cards.FACE_MARKS, weighed=True,
    ),
    Network(
        "pose_landmark", ("models/pose/pose_landmark_lite.tflite",), (COCO,), "mean distance of 33 joints, 32 persons",
        _body_marks, unit="pixels", against_source=True, side=256.0, card=cards.BODY_MARKS,
    ),
)  # fmt: skip
