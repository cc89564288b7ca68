"""The bundled scene networks find and segment digits that they never saw, as well as their cards say."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs
from scene_measures import confused, decode, mean_iou, mean_precision

from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.card import ModelCard
from edgemm.data.scenes import LABELS, SIZE_WH, Scene, stills
from edgemm.opencv import opencv

needs(opencv)

COUNT = 120
"""Scenes: enough for figures within two points of the card's, which are of 500 other scenes."""


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return list(stills(*data.digits(), 31, COUNT))


def answers(name: str, scenes: list[Scene]) -> list[list[npt.NDArray[Any]]]:
    """The outputs of the float file for each scene, prepared as its card says."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(read_artifact(data.path(f"models/{name}.onnx")).payload)
    feed = session.get_inputs()[0].name
    pictures = (scene.pixels.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1 for scene in scenes)
    return [session.run(None, {feed: picture}) for picture in pictures]


def card(name: str) -> ModelCard:
    found = read_artifact(data.path(f"models/{name}.onnx")).card
    assert found is not None
    return found


def test_the_detector_finds_digits_that_it_never_saw(scenes: list[Scene]) -> None:
    found = [decode(boxes[0], scores[0]) for boxes, scores in answers("scene_detector", scenes)]
    measured = mean_precision(scenes, found)
    assert measured >= 0.95
    assert measured == pytest.approx(card("scene_detector").extra["x-training"]["test_map50"], abs=0.02)


def test_the_segmenter_marks_the_ink_of_each(scenes: list[Scene]) -> None:
    found = answers("scene_segmenter", scenes)
    confusion = sum(confused(scene.mask, mask[0]) for scene, (mask,) in zip(scenes, found, strict=True))
    measured = mean_iou(np.asarray(confusion))
    assert measured == pytest.approx(card("scene_segmenter").extra["x-training"]["test_miou"], abs=0.03)


def test_boxes_and_scores_are_outputs_of_their_own() -> None:
    outputs = card("scene_detector").outputs
    cells = SIZE_WH[0] * SIZE_WH[1] // 64
    assert [(each.name, each.shape) for each in outputs] == [
        ("boxes", (1, cells, 4)),
        ("scores", (1, cells, len(LABELS))),
    ]


@pytest.mark.parametrize("name", ["scene_detector", "scene_segmenter"])
def test_a_network_says_what_it_is_and_what_it_was_trained_on(name: str) -> None:
    found = card(name)
    assert found.task in ("detection", "segmentation")
    assert found.labels[-10:] == LABELS
    assert found.licence == "Apache-2.0"
    assert {"data", "split", "seed", "test_map50", "test_miou"} <= set(found.extra["x-training"])


def test_both_are_small() -> None:
    sizes = [
        data.path(f"models/{name}.onnx").stat().st_size for name in ("scene_detector", "scene_segmenter")
    ]
    assert sum(sizes) < 700_000
