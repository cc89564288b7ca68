"""A model behind points: called, fed one item after the other, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tiny_models import ASSETS, QUADRANTS, Make

import edgemm
from edgemm.artifact import read_artifact
from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard, PointsRecipe
from edgemm.errors import CardError, InputError
from edgemm.model.card_check import check_against
from edgemm.model.points_session import PointsSession
from edgemm.session import NO_CLOCK

pytestmark = pytest.mark.device


def card(**recipe: Any) -> ModelCard:
    """The four numbers of two points, or of one in two items: which is the largest."""
    return ModelCard(
        task="classification",
        inputs=(InputCard("pixels", "points", (1, 2, 2, 1), points=PointsRecipe(**recipe)),),
        outputs=(OutputCard("scores", (1, 4), "probabilities"),),
        labels=QUADRANTS,
    )


def points(*xy: float) -> npt.NDArray[np.float32]:
    return np.array(xy, np.float32).reshape(-1, 2)


def label(result: object) -> str:
    assert isinstance(result, edgemm.Classification)
    found: str = result.label
    return found


@pytest.fixture
def pair(make: Make) -> edgemm.Model:
    return make("quadrant.tflite", card())


@pytest.fixture
def trail(make: Make) -> edgemm.Model:
    return make("quadrant.tflite", card(points=(1,), history=2, origin="first", divide_by="picture"))


@pytest.mark.parametrize("kind", ["array", "landmarks", "set"])
def test_points_are_classified(pair: edgemm.Model, kind: str) -> None:
    assert pair.modality == "points"
    for xy, expected in (((5, 5, 9, 6), "bottom left"), ((5, 5, 6, 9), "bottom right")):
        given: Any = points(*xy)
        if kind == "landmarks":
            given = edgemm.Landmarks(given, np.ones(2, np.float32))
        elif kind == "set":
            given = edgemm.PointSet(given, 0, 0)
        assert label(pair(given)) == expected


def test_a_trail_is_called_with_all_its_items(trail: edgemm.Model) -> None:
    right, down = points(0, 0, 50, 50, 0, 0, 90, 50), points(0, 0, 50, 50, 0, 0, 50, 90)
    assert label(trail(right.reshape(2, 2, 2), source_wh=(100, 100))) == "bottom left"
    assert label(trail(list(down.reshape(2, 2, 2)), source_wh=(100, 100))) == "bottom right"


def test_a_session_answers_when_it_has_seen_enough(trail: edgemm.Model) -> None:
    session = trail.session()
    assert isinstance(session, PointsSession)
    found = []
    for at, xy in enumerate([(1, 1), (9, 1), (9, 9), None, (1, 1), (1, 9)]):
        given = points() if xy is None else points(0, 0, *xy)
        item = edgemm.PointSet(given, 100 + at, at, (10, 10))
        found.append([(label(each.value), each.newest_ns) for each in session.feed(item, NO_CLOCK)])
    assert found == [[], [("bottom left", 101)], [("bottom right", 102)], [], [], [("bottom right", 105)]]
    session.close()


def test_a_session_behind_landmarks_answers_none_until_it_has_seen_enough(trail: edgemm.Model) -> None:
    session = trail.session()
    assert isinstance(session, PointsSession)
    found = []
    for xy in ((1, 1), (1, 9), (9, 9)):
        marks = edgemm.Landmarks(points(0, 0, *xy), np.ones(2, np.float32))
        found.append(session.look_at(marks, (10, 10), NO_CLOCK))
    assert found[0] is None
    assert [label(each) for each in found[1:]] == ["bottom right", "bottom left"]
    nothing = edgemm.Landmarks(points(), np.ones(0, np.float32), 0.1)
    assert session.look_at(nothing, (10, 10), NO_CLOCK) is None
    session.close()


def test_what_is_cancelled_gives_nothing(pair: edgemm.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    session = pair.session()
    assert isinstance(session, PointsSession)
    item = edgemm.PointSet(points(1, 2, 3, 4), 0, 0)
    decode = session._decoder.decode

    def cancelled(*given: Any) -> Any:
        session.cancel()
        return decode(*given)

    monkeypatch.setattr(session._decoder, "decode", cancelled)
    assert list(session.feed(item, NO_CLOCK)) == []
    monkeypatch.undo()
    assert len(list(session.feed(item, NO_CLOCK))) == 1
    session.close()


def test_two_sessions_have_trails_of_their_own(trail: edgemm.Model) -> None:
    one, two = trail.session(), trail.session()
    item = edgemm.PointSet(points(0, 0, 1, 1), 0, 0, (10, 10))
    assert [len(list(each.feed(item, NO_CLOCK))) for each in (one, two, one, two)] == [0, 0, 1, 1]
    one.reset()
    assert [len(list(each.feed(item, NO_CLOCK))) for each in (one, two)] == [0, 1]
    for each in (one, two):
        each.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (points(1, 2, 3, 4, 5, 6), "expected 2 points, found 3"),
        (points(), "or some of them without points"),
        (np.zeros((2, 2, 2), np.uint8).astype(np.float32)[:, :1], "expected 2 points, found 1"),
        ("open hand", "the model takes points"),
        (np.zeros((2, 2), complex), "the model takes points"),
        ([None], "found NoneType"),
        (np.zeros(4, np.float32), "the model takes points"),
    ],
)
def test_what_is_no_points_is_refused(pair: edgemm.Model, given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        pair(given)


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_items_is_no_trail(trail: edgemm.Model, count: int) -> None:
    with pytest.raises(InputError, match=f"2 items that follow each other: .* found {count}"):
        trail(np.ones((count, 2, 2), np.float32), source_wh=(9, 9))


@pytest.mark.parametrize("size", [(0, 10), (10,), "10x10", (10.5, 3)])
def test_a_wrong_size_is_refused(trail: edgemm.Model, size: Any) -> None:
    with pytest.raises(InputError, match="source_wh: expected width and height"):
        trail(np.zeros((2, 2, 2), np.float32), source_wh=size)


def test_a_frame_is_refused(pair: edgemm.Model) -> None:
    session = pair.session()
    with pytest.raises(InputError, match="expected a PointSet, found Frame"):
        list(session.feed(edgemm.Frame(np.zeros((2, 2), np.uint8), 0, 0, "gray"), NO_CLOCK))
    session.close()


def test_a_camera_is_refused(pair: edgemm.Model, tmp_path: Any) -> None:
    (tmp_path / "lines.txt").write_text("a\n")
    said = pytest.raises(InputError, match="takes points of another model")
    with edgemm.open_source(f"text:{tmp_path / 'lines.txt'}") as source, said:
        pair.stream(source)


@pytest.mark.parametrize("modality", ["points", "image"])
def test_a_recipe_stands_where_points_are(modality: Any) -> None:
    recipe = None if modality == "points" else PointsRecipe()
    with pytest.raises(CardError, match=r"inputs\[0\].points"):
        ModelCard(inputs=(InputCard("x", modality, points=recipe),)).check()


def test_a_card_keeps_its_recipe_in_full() -> None:
    content = card(history=2, points=(8,)).to_dict()["inputs"][0]["points"]
    assert content == {
        "points": [8], "history": 2, "origin": "point", "origin_point": 0, "divide_by": "largest"
    }  # fmt: skip
    assert ModelCard.from_json(card(history=2, points=(8,)).to_json()) == card(history=2, points=(8,))


def test_a_card_that_does_not_fit_is_refused_where_it_is_written() -> None:
    artifact = read_artifact(ASSETS / "quadrant.tflite")
    with pytest.raises(CardError, match="a multiple of 6 numbers"):
        check_against(artifact, card(history=3))
    checked = check_against(artifact, card())
    assert "behind one that finds points" in checked.unchecked


def test_another_recipe_beside_points_is_refused() -> None:
    wrong = InputCard("pixels", "points", (1, 2, 2, 1), image=ImageRecipe(), points=PointsRecipe())
    with pytest.raises(CardError, match="has 'image' and the modality"):
        check_against(read_artifact(ASSETS / "quadrant.tflite"), card().with_(inputs=(wrong,)))
