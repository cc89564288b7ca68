"""`edgemm.draw`: what goes in, what comes out, and results that leave the picture as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm import results
from edgemm.drawing import PAINTERS, Canvas, paint
from edgemm.errors import InputError
from edgemm.media import AudioBlock, Color, Frame
from edgemm.opencv import opencv
from edgemm.results import (
    Classification,
    Detections,
    Embedding,
    Keyword,
    Landmarks,
    Picture,
    Result,
    Segmentation,
    Tensors,
    Transcript,
)

pytestmark = pytest.mark.device
needs(opencv)

FLOATS, IDS = np.zeros(0, np.float32), np.zeros(0, np.int64)
NOTHING_FOUND: list[Result] = [
    Classification((), FLOATS, IDS),
    Keyword("yes", 0.4, 0, 1, detected=False),
    Detections(np.zeros((0, 4), np.float32), FLOATS, IDS),
    Segmentation(np.zeros((48, 64), np.uint8), ("background", "cat")),
    Segmentation(np.zeros((0, 0), np.uint8)),
    Landmarks(np.zeros((0, 2), np.float32), FLOATS, skeleton=((0, 1),)),
    Transcript(" \n"),
    Embedding(np.ones(4, np.float32)),
    Tensors({"a": np.ones(3)}),
]


def noise(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, shape, np.uint8)


def found(height: int, width: int) -> list[Result]:
    """One of each type, with places inside and outside."""
    scores, ids = np.array([0.9, 0.2], np.float32), np.array([3, 700])
    boxes = np.array([[0, 0, width / 2, height / 2], [-9, 3, 1e9, height]], np.float32)
    points = np.array([[1, 1], [width, height / 2], [-1e30, 3]], np.float32)
    classes = noise(height, width) % 5
    return [
        Classification(("a dog", "ein Bär"), scores, ids),
        Keyword("yes", 0.9, 0, 1),
        Detections(boxes, scores, ids, ("person", "a very long label indeed"), points[None]),
        Segmentation(classes, ("background", "cat", "dog", "cow", "")),
        Segmentation(classes.astype(np.uint16) * 300),
        Landmarks(points, np.ones(3, np.float32), skeleton=((0, 1), (1, 2))),
        Transcript("the quick brown fox jumps over the lazy dog"),
    ]


@pytest.mark.parametrize("result", NOTHING_FOUND, ids=lambda result: type(result).__name__)
def test_what_found_nothing_leaves_the_picture_as_it_is(result: Result) -> None:
    picture = noise(48, 64, 3)
    drawn = edgemm.draw(picture, result)
    assert np.array_equal(drawn, picture)
    assert not np.shares_memory(drawn, picture)


def test_the_given_picture_is_not_drawn_on() -> None:
    picture = noise(240, 320, 3)
    before = picture.copy()
    picture.setflags(write=False)
    for result in found(240, 320):
        assert not np.array_equal(edgemm.draw(picture, result), before)
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_the_answer_is_rgb_whatever_the_order_of_the_frame(color: Color) -> None:
    rgb = noise(240, 320, 3)
    frame = Frame(rgb if color == "rgb" else rgb[:, :, ::-1].copy(), 0, 0, color)
    for result in [*found(240, 320), *NOTHING_FOUND]:
        assert np.array_equal(edgemm.draw(frame, result), edgemm.draw(rgb, result))


def test_a_canvas_in_bgr_has_the_same_picture() -> None:
    rgb = noise(240, 320, 3)
    canvas = Canvas("bgr")
    for result in found(240, 320):
        canvas.load(Frame(rgb, 0, 0, "rgb"))
        paint(canvas, result)
        assert np.array_equal(canvas.pixels[:, :, ::-1], edgemm.draw(rgb, result))


@pytest.mark.parametrize("bare", [True, False])
def test_grey_becomes_rgb(bare: bool) -> None:
    picture = noise(48, 64)
    drawn = edgemm.draw(picture if bare else Frame(picture, 0, 0, "gray"), NOTHING_FOUND[0])
    assert np.array_equal(drawn, np.repeat(picture[:, :, None], 3, axis=2))


@pytest.mark.parametrize("turned", [np.s_[::-1], np.s_[:, ::-1], np.s_[::2, ::3], np.s_[:, :, ::-1]])
def test_a_view_is_drawn_as_its_copy_is(turned: Any) -> None:
    view = noise(96, 128, 3)[turned]
    for color in ("rgb", "bgr"):
        frames = Frame(view, 0, 0, color), Frame(view.copy(), 0, 0, color)
        first, second = (edgemm.draw(frame, NOTHING_FOUND[0]) for frame in frames)
        assert np.array_equal(first, second)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (16, 16), (17, 33), (2160, 3840)])
def test_every_size_is_drawn_on(size: tuple[int, int]) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    for result in found(*size):
        drawn = edgemm.draw(picture, result)
        assert drawn.shape == picture.shape
        assert drawn.dtype == np.uint8


def test_a_picture_made_by_a_model_is_shown_itself() -> None:
    made = noise(30, 40, 3)
    assert np.array_equal(edgemm.draw(noise(10, 20, 3), Picture(made)), made)
    grey = edgemm.draw(Frame(noise(10, 20, 3), 0, 0, "bgr"), Picture(made[:, :, 0]))
    assert np.array_equal(grey, np.repeat(made[:, :, :1], 3, axis=2))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((4, 4, 4), np.uint8), r"found uint8\[4, 4, 4\]"),
        (np.zeros((4, 4, 3), np.float32), r"found float32\[4, 4, 3\]"),
        (np.zeros((0, 4, 3), np.uint8), r"found uint8\[0, 4, 3\]"),
        (np.zeros(4, np.uint8), r"found uint8\[4\]"),
        (AudioBlock(np.zeros(4, np.float32), 16000, 0, 0), "found AudioBlock"),
        ([[1]], "found list"),
    ],
)
def test_what_is_no_picture_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        edgemm.draw(wrong, NOTHING_FOUND[0])


def test_the_table_names_types_of_results_and_modules_that_paint() -> None:
    from importlib import import_module

    for kind, module in PAINTERS.items():
        assert issubclass(kind, results.Result)
        assert callable(import_module(module).paint)


def test_a_type_of_its_own_is_drawn_as_the_one_that_it_extends() -> None:
    class Mine(Keyword):
        __slots__ = ()

    picture = noise(240, 320, 3)
    mine, theirs = (kind("yes", 0.9, 0, 1) for kind in (Mine, Keyword))
    assert np.array_equal(edgemm.draw(picture, mine), edgemm.draw(picture, theirs))


@pytest.mark.parametrize("wrong", ["text", None, 3])
def test_what_is_no_result_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"such as item\.value, found"):
        edgemm.draw(np.zeros((8, 8, 3), np.uint8), wrong)
