"""The demo's scenes: the film plays as it was drawn, calibration shares no digit with what measures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm.cli.demo import made, scenes
from edgemm.cli.demo.chain_film import Tally, joined, tallied
from edgemm.cli.demo.scene_film import judged
from edgemm.data.scenes import Scene
from edgemm.opencv import opencv
from edgemm.results import Classification, Detections, Segmentation, Thing

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


def things(scene: Scene, read: int = 0, shift: float = 0.0) -> edgemm.Scene:
    """What a chain would say: the detector is right, the classifier reads so many digits too high."""
    quad = np.zeros((4, 2), np.float32)
    return edgemm.Scene(
        tuple(
            Thing(
                quad, box + np.float32(shift), 1.0, str(digit),
                results={"classification": labelled((int(digit) + read) % 10)},
            )
            for box, digit in zip(scene.boxes_xyxy, scene.class_ids, strict=True)
        )
    )  # fmt: skip


def labelled(digit: int) -> Classification:
    return Classification((str(digit),), np.array([1.0], np.float32), np.array([digit]))


def test_a_chain_is_held_to_the_truth(crowd: Scene) -> None:
    count = len(crowd.class_ids)
    assert tallied(things(crowd), crowd) == Tally(count, count, count, count, count)
    assert tallied(things(crowd), crowd).right
    assert tallied(things(crowd, read=1), crowd) == Tally(count, count, count, 0, count)
    assert tallied(things(crowd, shift=400), crowd) == Tally(count, count)
    names = [replace(thing, label="x") for thing in things(crowd).things]  # the detector alone is wrong
    assert tallied(edgemm.Scene(tuple(names)), crowd) == Tally(count, count, count, count, 0)
    assert tallied(edgemm.Scene(), crowd) == Tally(true=count)
    assert not tallied(edgemm.Scene(), crowd).right
    twice = things(crowd)
    more = edgemm.Scene((*twice.things, twice.things[0]))
    assert not tallied(more, crowd).right
    assert Tally(4, 3, 2, 1, 2) + Tally(1, 1, 1, 1, 0) == Tally(5, 4, 3, 2, 2)


def test_stages_of_two_models_are_told_together() -> None:
    assert joined({"wait": 1.0, "first.infer": 2.0, "second.infer": 0.5}) == {"wait": 1.0, "infer": 2.5}


def test_boxes_on_the_board_hold_the_ink() -> None:
    for scene in scenes.board_film(3):
        assert len(scene.class_ids) == 4
        for (left, top, right, bottom), digit in zip(scene.boxes_xyxy, scene.class_ids, strict=True):
            rows, columns = np.nonzero(scene.mask[:, int(left) : int(right)] == digit + 1)
            assert (rows.min(), rows.max() + 1) == (top + 2, bottom - 2)
            assert (columns.min(), columns.max() + 1) == (2, right - left - 2)
            assert scene.pixels[rows[0], int(left) + columns[0]].min() > scene.pixels.mean()


def test_decibels_are_those_of_the_definition() -> None:
    truth = np.full((32, 32, 3), 100, np.uint8)
    off = truth + np.uint8(10)
    off[:4] = 255  # edges are not compared
    assert made.decibels(off, truth) == pytest.approx(
        10 * np.log10(255**2 / 10**2), abs=0.7
    )  # luma: 219 levels
