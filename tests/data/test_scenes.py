"""Scenes and the truth about them: the same seed gives the same, boxes hold the ink, digits keep apart."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from needs import needs

from edgemm import data
from edgemm.data.scenes import HEIGHTS, LABELS, MARGIN, SHOT, SIZE_WH, Scene, film, stills
from edgemm.opencv import opencv

needs(opencv)


def many(count: int = 60, seed: int = 4) -> list[Scene]:
    return list(stills(*data.digits(), seed, count))


def parts_of_ink(scene: Scene, digit: int, box: npt.NDArray[np.float32]) -> tuple[int, int]:
    """Pixels of the digit's ink inside the box, and in the whole scene."""
    left, top, right, bottom = (round(float(edge)) for edge in box)
    ink = scene.mask == digit + 1
    return int(ink[top:bottom, left:right].sum()), int(ink.sum())


def test_the_same_seed_gives_the_same_scenes() -> None:
    once, again, other = (many(5, seed) for seed in (1, 1, 2))
    assert [_digest(scene) for scene in once] == [_digest(scene) for scene in again]
    assert _digest(once[0]) != _digest(other[0])


def _digest(scene: Scene) -> str:
    parts = (scene.pixels, scene.boxes_xyxy, scene.class_ids, scene.mask)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def test_shapes_and_types() -> None:
    width, height = SIZE_WH
    for scene in many(20):
        count = len(scene.class_ids)
        assert scene.pixels.shape == (height, width, 3)
        assert scene.pixels.dtype == np.uint8
        assert scene.mask.shape == (height, width)
        assert scene.boxes_xyxy.shape == (count, 4)
        assert 1 <= count <= 6


def test_boxes_lie_in_the_frame() -> None:
    limit = [*SIZE_WH, *SIZE_WH]
    for scene in many():
        assert (scene.boxes_xyxy >= 0).all()
        assert (scene.boxes_xyxy <= limit).all()
        assert (scene.boxes_xyxy[:, 2:] > scene.boxes_xyxy[:, :2]).all()


def test_a_digit_that_is_there_once_has_all_its_ink_in_its_box_and_reaches_its_edges() -> None:
    checked = 0
    for scene in many():
        for box, digit in zip(scene.boxes_xyxy, scene.class_ids, strict=True):
            if (scene.class_ids == digit).sum() > 1 or _touches(scene, box):
                continue
            inside, everywhere = parts_of_ink(scene, int(digit), box)
            assert inside == everywhere > 0
            rows, columns = np.nonzero(scene.mask == digit + 1)
            ink = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            margin = (ink - box) * [1, 1, -1, -1]
            # the ink's edge is where its opacity falls below a limit: it moves by a pixel when a digit is resampled
            assert (margin >= MARGIN - 1.6).all()
            assert (margin <= MARGIN + 1.6).all()
            checked += 1
    assert checked > 50


def _touches(scene: Scene, box: npt.NDArray[np.float32]) -> bool:
    """Another box reaches into this one, or the frame cuts it: ink may be covered."""
    low, high = np.maximum(box[:2], scene.boxes_xyxy[:, :2]), np.minimum(box[2:], scene.boxes_xyxy[:, 2:])
    return bool((low < high).all(axis=1).sum() > 1) or bool(
        (box[:2] <= 0).any() or (box[2:] >= SIZE_WH).any()
    )


def test_no_digit_covers_much_of_another() -> None:
    for scene in film(*data.digits(), seed=3, frames=3 * SHOT):
        boxes = scene.boxes_xyxy + np.array([MARGIN, MARGIN, -MARGIN, -MARGIN])
        for one in range(len(boxes)):
            for other in range(one):
                wide, tall = (
                    np.minimum(boxes[one], boxes[other])[2:] - np.maximum(boxes[one], boxes[other])[:2]
                )
                areas = [np.prod(boxes[at, 2:] - boxes[at, :2]) for at in (one, other)]
                # a box at the frame's edge has its margin cut away, so its ink seems smaller here than it is
                assert max(wide, 0) * max(tall, 0) <= 0.2 * min(areas) + 4


def test_all_digits_and_sizes_occur() -> None:
    scenes = many(200)
    classes = np.concatenate([scene.class_ids for scene in scenes])
    assert set(classes.tolist()) == set(range(len(LABELS)))
    tall = np.concatenate([scene.boxes_xyxy[:, 3] - scene.boxes_xyxy[:, 1] for scene in scenes]) - 2 * MARGIN
    assert np.quantile(tall, 0.02) < HEIGHTS[0] * 1.2
    assert np.quantile(tall, 0.98) > HEIGHTS[1] * 0.8


def test_digits_stand_out_from_what_is_behind_them() -> None:
    contrasts = []
    for scene in many(60):
        light = scene.pixels @ np.array([0.299, 0.587, 0.114])
        for left, top, right, bottom in scene.boxes_xyxy.astype(int):
            ink = scene.mask[top:bottom, left:right] > 0
            part = light[top:bottom, left:right]
            contrasts.append(abs(part[ink].mean() - part[~ink].mean()))
    assert np.median(contrasts) > 50
    assert np.mean(np.array(contrasts) < 15) < 0.05  # where something large lies behind a digit


def test_a_film_moves_smoothly_within_a_shot_and_changes_between_shots() -> None:
    scenes = list(film(*data.digits(), seed=5, frames=2 * SHOT))
    assert len(scenes) == 2 * SHOT
    for at, (before, after) in enumerate(pairwise(scenes), 1):
        if at % SHOT:
            assert before.class_ids.tolist() == after.class_ids.tolist()
            moved = np.abs(before.boxes_xyxy - after.boxes_xyxy)
            assert moved.max() <= 2.5 + 1e-3
    ground = np.abs(scenes[SHOT - 1].pixels.astype(int) - scenes[SHOT].pixels).mean()
    assert ground > 10


def test_digits_really_move() -> None:
    scenes = list(film(*data.digits(), seed=5, frames=SHOT))
    assert np.abs(scenes[0].boxes_xyxy - scenes[-1].boxes_xyxy).max() > 10


def test_a_short_film_is_cut_short() -> None:
    assert len(list(film(*data.digits(), seed=5, frames=SHOT + 3))) == SHOT + 3
    assert list(film(*data.digits(), seed=5, frames=0)) == []


def test_other_sizes() -> None:
    (scene,) = stills(*data.digits(), 1, 1, size_wh=(320, 240))
    assert scene.pixels.shape == (240, 320, 3)


def test_ink_moves_with_its_box_by_fractions_of_a_pixel() -> None:
    checked = 0
    for seed in range(6):
        offsets: dict[int, list[npt.NDArray[np.float64]]] = {}
        for scene in film(*data.digits(), seed, SHOT):
            for box, digit in zip(scene.boxes_xyxy, scene.class_ids.tolist(), strict=True):
                if (scene.class_ids == digit).sum() == 1 and not _touches(scene, box):
                    rows, columns = np.nonzero(scene.mask == digit + 1)
                    middle = np.array([columns.mean(), rows.mean()]) + 0.5
                    offsets.setdefault(digit, []).append(middle - (box[:2] + box[2:]) / 2)
        for places in offsets.values():
            if len(places) >= 20:
                assert np.std(places, axis=0).max() < 0.25  # whole pixels give 0.28 to 0.30
                checked += 1
    assert checked >= 4
