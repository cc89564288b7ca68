"""Chains of pictures: what is found is cut out of the frame itself, and places come back in its pixels."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from disc_chain import AROUND, NEXT, Disc, Load, drawn, frame

import edgemm
from edgemm.errors import InputError
from edgemm.media import Color
from edgemm.preprocess import compile_image
from edgemm.preprocess.view import Region
from edgemm.results import Classification, Landmarks, Scene
from edgemm.session import NO_CLOCK

pytestmark = pytest.mark.device

THREE = (Disc(0, 50, 60, 14), Disc(1, 130.5, 100.25, 10), Disc(2, 210, 50, 18))
FOLLOW, STEADY = edgemm.Track(NEXT), edgemm.Smooth()
FINE = 0.5
"""Pixels of the source: a disc's ends are found in a tensor that has about one pixel for each of the source's."""


def points(disc: Disc) -> np.ndarray:
    ends = [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)]
    return np.array([(disc.x + x * disc.radius, disc.y + y * disc.radius) for x, y in ends])


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_points_of_each_thing_come_back_where_they_are(network: Load, color: Color, resize: str) -> None:
    chain = network("discs").then(AROUND, network("shape", resize=resize))
    scene = chain(frame(THREE, color=color))
    assert (scene.detected, scene.left_out, scene.lost) == (True, 0, ())
    assert sorted(each.label for each in scene.things) == ["blue", "green", "red"]
    for thing in scene.things:
        disc = THREE[("red", "green", "blue").index(thing.label)]
        found = thing["landmarks"]
        assert isinstance(found, Landmarks)
        assert np.abs(found.points_xy - points(disc)).max() < FINE
        assert np.abs(thing.quad_xy.mean(axis=0) - (disc.x, disc.y)).max() < 1.0
        assert thing.box_xyxy == pytest.approx(
            [disc.x - disc.radius, disc.y - disc.radius, disc.x + disc.radius, disc.y + disc.radius], abs=2.5
        )


def test_a_box_that_is_not_square_fills_the_tensor_as_the_card_says(network: Load) -> None:
    """Stretched, a flat region makes a disc tall; letterboxed it stays a disc, and more of the frame is seen."""
    disc = Disc(0, 128, 96, 12)
    flat = Region((128.0, 96.0), (80.0, 40.0))
    for resize, size in (
        ("stretch", (80.0, 40.0)),
        ("letterbox", (80.0, 80.0)),
        ("center-crop", (40.0, 40.0)),
    ):
        model = network("shape", resize=resize)
        tensor = np.empty(model.inputs[0].shape, np.float32)
        prepare = compile_image(model.card.inputs[0], model.inputs[0])
        view = prepare.look(drawn([disc]), "rgb", flat, tensor)
        assert np.linalg.norm(view.to_source[:, :2], axis=0) * 48 == pytest.approx(size)
        with closing(model.session()) as session:
            found = session.look(frame([disc]), flat)
        assert np.abs(found.points_xy - points(disc)).max() < FINE


def test_the_best_things_first_and_no_more_than_wanted(network: Load) -> None:
    faint = (Disc(0, 50, 60, 6), Disc(1, 130, 100, 20), Disc(2, 210, 50, 6.6))
    model, color = network("discs"), network("color")
    every = model.then(AROUND, color)(frame(faint))
    assert [each.label for each in every.things] == ["green", "blue", "red"]
    best = model.then(edgemm.Crop(margin=1.6, at_most=2), color)(frame(faint))
    assert ([each.label for each in best.things], best.left_out) == (["green", "blue"], 1)
    sure = model.then(edgemm.Crop(min_score=0.9), color)(frame(faint))
    assert ([each.label for each in sure.things], sure.left_out) == (["green"], 2)
    red = model.then(edgemm.Crop(classes=("red",)), color)(frame(faint))
    assert ([each.label for each in red.things], red.left_out) == (["red"], 2)


def test_three_models_and_one_of_them_twice(network: Load) -> None:
    """Points, then the three centres seen turned, then again: each time in pixels of the source."""
    discs = (Disc(0, 100, 60, 8), Disc(1, 150, 120, 8), Disc(2, 90, 110, 8))
    model = network("centers", resize="letterbox", pad_value=0)
    turned = edgemm.Crop("points", turn=(0, 1), margin=2.2, square=True)
    chain = model.then(turned, model).then(turned, network("centers"))
    assert chain.stages == ("landmarks", "landmarks-2", "landmarks-3")
    (thing,) = chain(frame(discs)).things
    expected = np.array([(each.x, each.y) for each in discs])
    for stage in ("landmarks-2", "landmarks-3"):
        assert np.abs(thing[stage].points_xy - expected).max() < 0.2
    quad = thing.quad_xy
    along = quad[1] - quad[0]
    assert np.arctan2(along[1], along[0]) == pytest.approx(np.arctan2(60, 50), abs=0.02)


def test_a_detector_behind_a_crop_gives_things_in_things(network: Load) -> None:
    near = (Disc(0, 120, 90, 6), Disc(1, 140, 95, 6))
    detector = network("discs")
    chain = detector.then(edgemm.Crop(margin=8, at_most=1), detector, name="again").then(
        AROUND, network("color")
    )
    (thing,) = chain(frame(near)).things
    assert list(thing.results) == ["again"]
    said = {each.label: each["classification"] for each in thing.things}
    assert {label: each.label for label, each in said.items()} == {"red": "red", "green": "green"}


def test_a_thing_that_the_second_model_does_not_see_has_a_result_without_points(network: Load) -> None:
    chain = (
        network("discs").then(edgemm.Crop(shift=(20.0, 20.0)), network("shape")).then(NEXT, network("color"))
    )
    (thing,) = chain(frame([Disc(0, 128, 96)])).things
    assert list(thing.results) == ["landmarks"]
    assert thing["landmarks"].points_xy.shape == (0, 2)
    with pytest.raises(
        InputError, match="expected a stage that saw this thing \\(landmarks\\), found 'classification'"
    ):
        thing["classification"]


def test_nothing_found_is_an_empty_scene(network: Load) -> None:
    scene = network("discs").then(AROUND, network("color"))(frame([]))
    assert (scene.things, scene.detected, scene.left_out) == ((), True, 0)


def test_parts_beyond_the_picture_show_its_edge_or_the_border(network: Load) -> None:
    """A disc at the corner: with "stretch" the edge goes on, with "letterbox" there is grey, which is light too."""
    corner = frame([Disc(0, 4, 4, 12)])
    seen = {}
    for resize in ("stretch", "letterbox"):
        model = network("centers", resize=resize)
        tensor = np.empty(model.inputs[0].shape, np.float32)
        prepare = compile_image(model.card.inputs[0], model.inputs[0])
        region = Region((0.0, 0.0), (40.0, 40.0))
        prepare.look(corner.pixels, "rgb", region, tensor)
        seen[resize] = tensor[0, :, 0, 0]
    assert seen["stretch"] == pytest.approx([1, 0, 0])
    assert seen["letterbox"] == pytest.approx([114 / 255] * 3)


def test_embeddings_of_things_have_names(network: Load) -> None:
    model = network("embedding")
    enrolled = edgemm.Enrolled(0.9, model.artifact.sha256())
    for color, name in enumerate(("Ruth", "Greta")):
        enrolled.enrol(name, [model(drawn([Disc(color, 20, 20, 30)], (40, 40)))])
    chain = network("discs").then(AROUND, model).then(enrolled)
    found = {each.label: each["embedding"] for each in chain(frame(THREE)).things}
    assert (found["red"].label, found["green"].label, found["red"].detected) == ("Ruth", "Greta", True)


def test_a_scene_is_json(network: Load) -> None:
    scene = network("discs").then(AROUND, network("color"))(frame(THREE[:1]))
    said = json.loads(json.dumps(scene.to_json()))
    assert said["things"][0]["results"]["classification"]["labels"][0] == "red"
    assert (said["detected"], said["things"][0]["track"], said["things"][0]["things"]) == (True, None, [])


def test_the_face_of_a_model(network: Load) -> None:
    first, second = network("discs"), network("color")
    with first.then(AROUND, second) as chain:
        assert (chain.modality, chain.card, chain.stages) == (
            "image",
            first.card,
            ("detection", "classification"),
        )
        assert chain.delegates == first.delegates
        assert isinstance(chain(drawn(THREE)), Scene)
    for model in (chain, first, second):
        with pytest.raises(InputError, match="closed"):
            model(drawn(THREE))
    with pytest.raises(InputError, match="the chain is closed: load its models again"):
        chain.session()


def test_options_are_of_the_first_model(network: Load) -> None:
    chain = network("discs").then(AROUND, network("color"))
    session = chain.session(classes=("blue",))
    (emission,) = session.feed(frame(THREE), NO_CLOCK)
    assert [each.label for each in emission.value.things] == ["blue"]
    session.close()
    with pytest.raises(InputError, match="no_such"):
        chain.session(no_such=1)


def test_what_is_no_frame_is_refused(network: Load) -> None:
    session = network("discs").then(AROUND, network("color")).session()
    with pytest.raises(InputError, match="the chain takes pictures: expected a Frame, found Text"):
        session.feed(edgemm.Text("a", 0, 0), NO_CLOCK)


def test_a_class_is_the_answer_behind_a_crop(network: Load) -> None:
    for thing in network("discs").then(AROUND, network("color"), name="paint")(frame(THREE)).things:
        said = thing.result
        assert isinstance(said, Classification)
        assert said.label == thing.label
        assert list(thing.results) == ["paint"]


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (lambda m: m("color").then(AROUND, m("color")), "that finds things .* found 'classification', whose results"),
        (lambda m: m("discs").then(AROUND), "expected a model behind the Crop, found none"),
        (lambda m: m("discs").then(m("color"), m("color")), "expected a Crop in front of a model"),
        (lambda m: m("discs").then(AROUND, "color.onnx"), "that takes pictures behind a crop, found 'str'"),
        (lambda m: m("discs").then(AROUND, m("color"), name="a.b"), "name: expected a word without a dot"),
        (lambda m: m("discs").then(AROUND, m("color"), name="detection"), "name: 'detection' is the name of another"),
        (lambda m: m("discs").then(AROUND, m("color"), track=True), "track: expected a Track, found bool"),
        (lambda m: m("discs").then(AROUND, m("shape"), track=FOLLOW, smooth=1), "expected a Smooth, found int"),
        (lambda m: m("discs").then(AROUND, m("color"), track=FOLLOW), "expected a model whose results have places"),
        (lambda m: m("discs").then(AROUND, m("discs"), track=FOLLOW, smooth=STEADY), "expected a model that gives"),
        (lambda m: m("discs").then(AROUND, m("color")).then(AROUND, m("color")), "a stage whose results have"),
        (lambda m: m("discs").then(AROUND, m("shape")).then(m("color")), "a model that takes points, found"),
        (lambda m: m("discs").then(AROUND, m("shape")).then(NEXT, m("color"), track=FOLLOW), "expected it beside"),
        (lambda m: m("discs").then(AROUND, m("color")).then(edgemm.Enrolled(0.5)), "a stage of embeddings in front"),
        (lambda m: m("discs").then(AROUND, m("embedding")).then(edgemm.Enrolled(0.5)), "somebody to be enrolled"),
        (lambda m: m("discs").then(AROUND, m("embedding")).then(edgemm.Enrolled(0.5), name="who"), "stands alone"),
        (lambda m: m("discs").then(edgemm.Crop("points"), m("color")), "then: Crop: expected key points, found none"),
        (lambda m: m("discs").then(edgemm.Crop(turn=(0, 1)), m("color")), r"points up to 1 \(from 0\), found 0"),
        (lambda m: m("shape").then(edgemm.Crop("points", of=(0, 99)), m("color")), r"up to 99 \(from 0\), found"),
        (lambda m: m("discs").then(AROUND, m("shape")).then(edgemm.Crop("circle", of=(0, 99)), m("color")), "up to 99"),
        (lambda m: m("discs").then(AROUND, m("shape"), track=edgemm.Track(edgemm.Crop("points", of=(99,)))),
         "track: Crop: expected key points up to 99"),
    ],
)  # fmt: skip
def test_models_that_do_not_fit_are_said_when_they_are_joined(network: Load, then: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        then(network)


def test_labels_are_those_of_all_stages_that_name_things(network: Load) -> None:
    discs, shape = network("discs"), network("shape")
    assert discs.then(AROUND, shape).labels == ("red", "green", "blue")
    assert discs.then(AROUND, network("embedding")).labels == ("red", "green", "blue")


def test_a_model_that_remembers_cannot_stand_behind_a_crop(network: Load) -> None:
    session = network("color").session()
    session._runs.remembers = True  # as of a card with states
    with (
        closing(session),
        pytest.raises(InputError, match="sees each picture by itself behind a crop, found one that"),
    ):
        session.look(frame(THREE), Region((10.0, 10.0), (8.0, 8.0)))
