"""The demo's scenes: the film plays as it was drawn, calibration shares no digit with what measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm.cli.demo import scenes
from edgemm.cli.demo.scene_film import judged
from edgemm.data.scenes import Scene
from edgemm.opencv import opencv
from edgemm.results import Detections, Segmentation

needs(opencv)


def test_the_film_plays_as_it_was_drawn(tmp_path: Path) -> None:
    drawn = scenes.held_out_film(45)
    path = tmp_path / "film.avi"
    scenes.write_film(path, drawn)
    played = []
    with edgemm.open_source(str(path)) as source:
        while isinstance(frame := source.read(), edgemm.Frame):
            assert frame.color == "bgr"
            played.append(frame.pixels[:, :, ::-1].copy())
    assert len(played) == 45
    off = [
        np.abs(_lightness(shown) - _lightness(scene.pixels)).mean()
        for shown, scene in zip(played, drawn, strict=True)
    ]
    assert max(off) < 5  # Motion JPEG: a few grey levels, at noise and edges


def _lightness(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return np.asarray(pixels @ np.array([0.299, 0.587, 0.114]))


def test_a_film_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(edgemm.InputError, match=r"none/film\.avi: OpenCV cannot write"):
        scenes.write_film(tmp_path / "none" / "film.avi", scenes.held_out_film(1))


def test_the_three_sets_are_different() -> None:
    sets = (scenes.calibration_scenes(3), scenes.held_out_scenes(3), scenes.held_out_film(3))
    assert len({scene.pixels.tobytes() for each in sets for scene in each}) == 9


def answer(scene: Scene, keep: slice = slice(None), shift: float = 0.0) -> Detections:
    boxes, classes = scene.boxes_xyxy[keep] + np.float32(shift), scene.class_ids[keep]
    return Detections(boxes, np.ones(len(classes), np.float32), classes)


@pytest.fixture
def crowd() -> Scene:
    return next(scene for scene in scenes.held_out_scenes(40) if len(scene.class_ids) >= 4)


def test_all_digits_found_is_right(crowd: Scene) -> None:
    count = len(crowd.class_ids)
    assert judged(answer(crowd), crowd) == (f"{count} of {count} digits", True)


def test_one_missing_or_one_too_many_is_not(crowd: Scene) -> None:
    count = len(crowd.class_ids)
    assert judged(answer(crowd, slice(1, None)), crowd) == (f"{count - 1} of {count} digits", False)
    twice = answer(crowd, slice(0, None))
    extra = Detections(
        np.vstack([twice.boxes_xyxy, twice.boxes_xyxy[:1]]),
        np.append(twice.scores, np.float32(1)),
        np.append(twice.class_ids, twice.class_ids[0]),
    )
    assert judged(extra, crowd) == (f"{count} of {count} digits", False)


def test_boxes_elsewhere_and_other_digits_find_nothing(crowd: Scene) -> None:
    count = len(crowd.class_ids)
    assert judged(answer(crowd, shift=400), crowd) == (f"0 of {count} digits", False)
    wrong = Detections(crowd.boxes_xyxy, np.ones(count, np.float32), crowd.class_ids + 10)
    assert judged(wrong, crowd) == (f"0 of {count} digits", False)


def test_half_of_the_ink_is_not_right(crowd: Scene) -> None:
    assert judged(Segmentation(crowd.mask), crowd) == ("100% of the ink", True)
    nothing = Segmentation(np.zeros_like(crowd.mask))
    assert judged(nothing, crowd) == ("0% of the ink", False)
