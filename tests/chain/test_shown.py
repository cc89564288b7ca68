"""Scenes as people see them: drawn, as words, and what is recorded of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from needs import needs

import edgemm
from edgemm.cli.answer import answer, detected
from edgemm.drawing.palette import color_of
from edgemm.drawing.scene import every, words
from edgemm.opencv import opencv
from edgemm.results import Classification, Embedding, Identity, Landmarks, Scene, Thing
from edgemm.sinks.when import Filter, When

needs(opencv)
pytestmark = pytest.mark.device

QUAD = np.array([(40, 20), (100, 40), (80, 100), (20, 80)], np.float32)
BOX = np.array([30, 30, 90, 90], np.float32)


def said(label: str, score: float = 0.8) -> Classification:
    return Classification((label,), np.array([score], np.float32), np.zeros(1, np.int64))


def scene_of(*things: Thing, **more: Any) -> Scene:
    return Scene(tuple(things), **more)


def thing(label: str = "face", score: float = 0.91, **more: Any) -> Thing:
    return Thing(more.pop("quad", QUAD), BOX, score, label, **more)


POINTS = Landmarks(
    np.array([(60, 60), (70, 50)], np.float32), np.ones(2, np.float32), 0.9, skeleton=((0, 1),)
)


def changed(scene: Scene) -> np.ndarray:
    """bool[h, w]: where the picture is drawn on."""
    return np.asarray((edgemm.draw(np.zeros((120, 160, 3), np.uint8), scene) > 0).any(axis=2))


def test_the_part_that_was_seen_is_outlined_as_it_lies() -> None:
    drawn = edgemm.draw(np.zeros((120, 160, 3), np.uint8), scene_of(thing("", track=3)))
    for begin, end in zip(QUAD, np.roll(QUAD, -1, axis=0), strict=True):
        x, y = ((begin + end) / 2).astype(int)
        assert (drawn[y - 1 : y + 2, x - 1 : x + 2] == color_of(3)).all(axis=2).any()
    assert not drawn[60, 60].any()


def test_points_are_drawn_and_things_in_things_too() -> None:
    alone = changed(scene_of(thing()))
    assert not alone[60, 60]
    assert changed(scene_of(thing(results={"landmarks": POINTS})))[60, 60]
    inner = thing("eye", quad=QUAD / 2 + (90, 60))
    x, y = ((inner.quad_xy[0] + inner.quad_xy[1]) / 2).astype(int)
    assert changed(scene_of(thing(things=(inner,))))[y, x]
    assert not alone[y, x]


def test_nothing_found_leaves_the_picture_as_it_is() -> None:
    assert not changed(scene_of()).any()
    nowhere = np.full((4, 2), np.nan, np.float32)
    changed(scene_of(thing(quad=nowhere)))


def test_words_of_a_thing() -> None:
    smiling = {"mood": said("smiling"), "landmarks": POINTS, "who": Identity("Ruth", 0.7)}
    assert words(thing(track=3, results=smiling)) == "3 face 0.91 smiling 0.80 Ruth 0.70"
    nobody = {"who": Identity("Ruth", 0.2, detected=False), "vector": Embedding(np.ones(2, np.float32))}
    assert words(thing("", 0.5, results=nobody)) == "0.50"


def test_all_things_each_before_those_in_it() -> None:
    tree = scene_of(thing("a", things=(thing("b", things=(thing("c"),)), thing("d"))), thing("e"))
    assert [each.label for each in every(tree)] == ["a", "b", "c", "d", "e"]


def test_an_answer_in_a_line() -> None:
    scene = scene_of(thing(results={"mood": said("smiling")}), thing("", 0.5), detected=False)
    assert answer(scene) == "2 tracked: face 0.91 (smiling 0.80), 0.50"
    assert detected(scene)
    assert answer(scene_of(*[thing()] * 4)) == "4 found: face 0.91, face 0.91, face 0.91, ..."
    assert answer(scene_of()) == "nothing found"


@pytest.mark.parametrize(
    ("when", "passes"),
    [
        (When(), True),
        (When("face"), True),
        (When("smiling"), True),
        (When("eye"), True),
        (When("dog"), False),
        (When("face", 0.95), False),
        (When("smiling", 0.8), True),
        (When("smiling", 0.81), False),
        (When("Ruth"), False),
    ],
)
def test_a_record_looks_at_all_labels(when: When, passes: bool) -> None:
    known = {"mood": said("smiling", 0.8), "who": Identity("Ruth", 0.2, detected=False), "landmarks": POINTS}
    scene = scene_of(thing(results=known, things=(thing("eye"),)), detected=False)
    assert Filter(when).passes(scene.to_json()) is passes


def test_a_record_of_what_changes() -> None:
    chosen = Filter(When(changed=True))
    scenes = [
        scene_of(thing()),
        scene_of(thing(score=0.8)),
        scene_of(),
        scene_of(),
        scene_of(thing(), thing("dog")),
    ]
    assert [chosen.passes(each.to_json()) for each in scenes] == [True, False, True, False, True]
