"""Real segmenters on labelled pictures: SINet's persons, deeplab's bird; decoded as by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package
from real_networks import Network, Pictures, find

from edgemm.card import ImageRecipe
from edgemm.tasks.segmentation import SegmentationRecipe, SegmentationTask

cv2 = package("cv2")
pytestmark = pytest.mark.shared
Array = npt.NDArray[Any]

MEAN, STD = (102.890434, 111.25247, 126.91212), (62.93292, 62.82138, 66.355705)
SINET = ImageRecipe(color="bgr", scale=1.0, mean=MEAN, std=tuple(255 * each for each in STD))
PERSON = 1
LEAST_SHARE = 0.15


def iou(one: Array, other: Array) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def persons(folder: Path) -> list[tuple[Array, Array]]:
    """Pictures, RGB, whose polygons of persons cover enough of them, and bool[h, w] of these."""
    found = []
    for path in sorted((folder / "data/coco128_val/polygons").glob("*.txt")):
        (picture,) = (folder / "data/coco128_val/images").glob(f"{path.stem}.*")
        rgb = cv2.imread(str(picture))[:, :, ::-1]
        mask = np.zeros(rgb.shape[:2], np.uint8)
        for line in path.read_text().splitlines():
            kind, *numbers = line.split()
            if int(kind) == PERSON:
                corners = np.array(numbers, float).reshape(-1, 2) * (rgb.shape[1], rgb.shape[0])
                cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
        if mask.mean() > LEAST_SHARE:
            found.append((np.ascontiguousarray(rgb), mask.astype(bool)))
    return found


def sinet(folder: Path, image: ImageRecipe, **fields: Any) -> Pictures:
    network = Network(folder / "models/segment/sinet_portrait.onnx")
    return Pictures(network, image, "NCHW", SegmentationTask(), SegmentationRecipe(**fields))


def test_sinet_finds_the_persons_of_street_scenes() -> None:
    folder = find("models/segment/sinet_portrait.onnx", "data/coco128_val")
    read, scenes = sinet(folder, SINET), persons(folder)
    assert len(scenes) == 25
    found = [iou(read(rgb)[0].classes == 1, mask) for rgb, mask in scenes]
    assert np.mean(found) == pytest.approx(0.46, abs=0.01)


def test_sinet_is_decoded_as_by_hand() -> None:
    """By hand: the higher of two channels, and for each pixel the cell that its centre lies in."""
    folder = find("models/segment/sinet_portrait.onnx", "data/coco128_val")
    read = sinet(folder, SINET)
    for rgb, _ in persons(folder)[:5]:
        result, stored = read(rgb)
        (scores,) = stored.values()
        rows, columns = (((2 * np.arange(size) + 1) * 320) // (2 * size) for size in rgb.shape[:2])
        by_hand = (scores[0, 1] > scores[0, 0])[rows][:, columns]
        assert (result.classes == by_hand).all()


def test_a_letterbox_shows_sinet_persons_as_they_are() -> None:
    """Better than stretched, as the network was trained; its borders lie nowhere in the source."""
    folder = find("models/segment/sinet_portrait.onnx", "data/coco128_val")
    read = sinet(folder, replace(SINET, resize="letterbox"))
    found = [iou(read(rgb)[0].classes == 1, mask) for rgb, mask in persons(folder)]
    assert np.mean(found) > 0.52


def test_deeplab_finds_the_bird() -> None:
    folder = find("models/deeplabv3_mnv2_dm05_pascal_quant.tflite", "data/coral_samples")
    network = Network(folder / "models/deeplabv3_mnv2_dm05_pascal_quant.tflite")
    image = ImageRecipe(scale=1 / 128, mean=(1.0,), std=(1.0,))
    assert network.input.zero_point == 128  # raw pixels
    read = Pictures(network, image, "NHWC", SegmentationTask(), SegmentationRecipe())
    rgb = np.ascontiguousarray(
        cv2.imread(str(folder / "data/coral_samples/bird_segmentation.bmp"))[:, :, ::-1]
    )
    mask = cv2.imread(str(folder / "data/coral_samples/bird_segmentation_mask.bmp"))[:, :, 0]
    result, stored = read(rgb)
    np.testing.assert_array_equal(result.classes, stored["ArgMax"][0])
    assert iou(result.classes == 3, mask > 0) == pytest.approx(0.815, abs=0.005)
