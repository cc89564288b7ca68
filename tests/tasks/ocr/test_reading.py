"""Stripes that say a known text at a known place, read by two networks that are exact by construction."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs
from tiny_reader import CELL, HEIGHT, blank_page, loaded, put, stripe, write_folder

import edgemm
from edgemm import data
from edgemm.errors import InputError
from edgemm.media import Frame
from edgemm.opencv import opencv
from edgemm.results import TextLines
from edgemm.session import NO_CLOCK
from edgemm.tasks.ocr.widths import LineReader

needs(opencv)

PLACE_PX = 2.0
"""A corner of a box in a map that is quantized to whole pixels."""


def corners(text: str, center_xy: tuple[float, float], degrees: float, height: int = HEIGHT) -> Any:
    """Of a stripe, as it is read."""
    width = CELL * height * (2 * len(text) + 1)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cos, -sin], [sin, cos]])
    box = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    return box @ turn.T + center_xy


@pytest.mark.parametrize("degrees", [0, 7, 30, 44, 60, 90, 135, 180, 200, 270, 315, 350])
def test_a_line_in_any_rotation_is_read_where_it_stands(reader: Any, degrees: float) -> None:
    page = blank_page(416, 416)
    put(page, "fab", (205, 210), degrees)
    found = reader(page)
    assert found.lines == ("fab",)
    assert float(found.scores[0]) > 0.99
    assert np.abs(found.quads_xy[0] - corners("fab", (205, 210), degrees)).max() < PLACE_PX


def test_equal_characters_with_a_gap_between_them_stay_two(reader: Any) -> None:
    page = blank_page(640, 64)
    put(page, "ddeee", (320, 32))
    assert reader(page).text == "ddeee"


def test_lines_are_in_the_order_of_reading(reader: Any) -> None:
    page = blank_page(640, 320)
    for text, place in (("fe", (480, 104)), ("cd", (160, 100)), ("ab", (300, 30)), ("a", (200, 250))):
        put(page, text, place)
    found = reader(page)
    assert found.text == "ab\ncd fe\na"
    assert found.rows == (1, 2, 1)


def test_a_page_that_lies_upside_down_is_read_from_its_own_top(reader: Any) -> None:
    page = blank_page(640, 320)
    for text, place in (("fe", (480, 104)), ("cd", (160, 100)), ("ab", (300, 30))):
        put(page, text, place)
    for turn, shown in enumerate(
        (
            page,
            opencv().rotate(page, opencv().ROTATE_90_CLOCKWISE),
            opencv().rotate(page, opencv().ROTATE_180),
        )
    ):
        assert reader(shown).text == "ab\ncd fe", turn


def test_nothing_is_read_upside_down_where_that_is_not_asked_for(reader_folder: Path) -> None:
    page = blank_page(416, 96)
    put(page, "fab", (208, 48), 180)
    with loaded(reader_folder, turn_below=0.0, least_score=0.0) as never:
        found = never(page)
    assert found.lines != ("fab",)
    assert float(found.scores[0]) == pytest.approx(0.5, abs=0.1)


def test_a_line_with_a_low_score_is_left_out(reader_folder: Path) -> None:
    page = blank_page(416, 96)
    put(page, "fab", (208, 48), 180)
    with loaded(reader_folder, turn_below=0.0, least_score=0.6) as strict:
        assert strict(page).lines == ()


@pytest.mark.parametrize("center", [(144.0, 8.0), (144.0, 311.0), (168.0, 160.0), (472.0, 160.0)])
def test_lines_at_the_edges(reader: Any, center: tuple[float, float]) -> None:
    page = blank_page(640, 320)
    put(page, "ace", center)
    assert reader(page).lines == ("ace",)


def test_a_page_without_text(reader: Any) -> None:
    found = reader(blank_page())
    assert (found.text, found.lines, found.quads_xy.shape, found.scores.shape) == ("", (), (0, 4, 2), (0,))
    assert found.to_json() == {"text": "", "lines": [], "scores": [], "quads_xy": [], "rows": []}


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (1, 4000, 3), (4000, 1, 3), (5, 7)])
@pytest.mark.parametrize("level", [0, 255])
def test_tiny_and_thin_pictures(reader: Any, shape: tuple[int, ...], level: int) -> None:
    assert isinstance(reader(np.full(shape, level, np.uint8)), TextLines)


def test_colours_of_a_frame_are_kept_apart(reader: Any) -> None:
    page = blank_page(416, 96)
    put(page, "fab", (208, 48))
    swapped = np.ascontiguousarray(page[..., ::-1])
    assert reader(Frame(swapped, 0, 0, "bgr")).lines == ("fab",)
    assert reader(swapped).lines != ("fab",)


def test_a_grey_picture_is_one_of_three_equal_channels(reader: Any) -> None:
    grey = np.full((96, 416), 255, np.uint8)
    grey[40:56, 40:300] = 0  # a bar without gaps: one character
    assert reader(grey).lines == reader(np.repeat(grey[..., None], 3, axis=2)).lines == ("a",)


def test_a_large_page_is_searched_smaller_and_read_in_its_own_pixels(reader: Any) -> None:
    page = blank_page(6000, 4000)
    put(page, "face", (3000, 1000), 3, height=60)
    found = reader(page)
    assert found.lines == ("face",)
    assert np.abs(found.quads_xy[0] - corners("face", (3000, 1000), 3, 60)).max() < 2 * 6000 / 640


def test_a_page_wider_than_opencv_warps(reader: Any) -> None:
    page = blank_page(40_000, 700)
    put(page, "fade", (20_000, 300), height=600)
    found = reader(page)
    assert found.lines == ("fade",)


def test_letters_smaller_than_a_pixel_of_the_map_are_found_with_a_longer_side(reader_folder: Path) -> None:
    page = blank_page(4000, 800)
    put(page, "bead", (2000, 400), height=8)
    with (
        loaded(reader_folder, most_side=4000) as fine,
        loaded(reader_folder) as coarse,
    ):
        assert (fine(page).lines, coarse(page).lines) == (("bead",), ())


def test_files_of_fixed_size(tmp_path: Path, reader: Any) -> None:
    """The page as a letterbox; a line that is longer than the input in pieces."""
    folder = write_folder(tmp_path / "fixed", page=(320, 320), width=320)
    text = "abcdef" * 2
    page = blank_page(1600, 700)
    put(page, text, (800, 300), height=20)
    put(page, "e", (300, 60), height=20)
    with loaded(folder) as fixed:
        found = fixed(page)
    assert found.lines == ("e", text)
    assert np.abs(found.quads_xy[1] - corners(text, (800, 300), 0, 20)).max() < 2 * 1600 / 320


@pytest.mark.parametrize("length", range(1, 14))
def test_a_long_line_is_read_in_pieces_of_any_number(tmp_path: Path, length: int) -> None:
    folder = write_folder(tmp_path / "narrow", width=160, overlap=64, page=(64, 1600))
    text = ("abcdef" * 3)[:length]
    page = blank_page(1600, 64)
    put(page, text, (800, 30))
    with loaded(folder) as narrow:
        assert narrow(page).lines == (text,)


@pytest.mark.parametrize(("overlap", "pieces"), [(64, 4), (0, 3)])
def test_pieces_overlap_as_the_recipe_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlap: int, pieces: int
) -> None:
    """A line of 432 pixels through 160: four times with 64 in common, three times with none."""
    looked: list[int] = []
    read = LineReader._read

    def counted(self: LineReader, *given: Any) -> Any:
        looked.append(1)
        return read(self, *given)

    monkeypatch.setattr(LineReader, "_read", counted)
    folder = write_folder(tmp_path / "narrow", width=160, overlap=overlap, page=(64, 640), turn_below=0.0)
    page = blank_page(640, 64)
    put(page, "abcd", (320, 30))
    with loaded(folder) as narrow:
        assert narrow(page).lines == ("abcd",)
    assert len(looked) == pieces


def test_an_open_file_reads_a_very_long_line_in_pieces(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "long", most_width=320, most_side=1920)
    text = "fedcba" * 2 + "a"
    page = blank_page(1920, 64)
    put(page, text, (960, 30))
    with loaded(folder) as opened:
        assert opened(page).lines == (text,)


def test_tall_stripes_run_downward(reader: Any) -> None:
    page = blank_page(96, 416)
    page[40:376, 40:56] = opencv().rotate(stripe("fab"), opencv().ROTATE_90_CLOCKWISE)
    assert reader(page).lines == ("fab",)


def test_no_more_lines_than_asked_for_the_largest_ones(reader_folder: Path) -> None:
    page = blank_page(640, 200)
    for text, y in (("ab", 30), ("abcde", 90), ("abcd", 150)):
        put(page, text, (320, y))
    with loaded(reader_folder, most_lines=2) as few:
        assert few(page).lines == ("abcde", "abcd")


def test_a_stream_gives_one_result_for_each_picture(reader: Any) -> None:
    page = blank_page(416, 96)
    put(page, "fab", (208, 48))
    session = reader.session()
    found = list(session.feed(Frame(page, 17, 0), NO_CLOCK))
    assert [(each.value.text, each.begin_ns, each.newest_ns) for each in found] == [("fab", 17, 17)]
    assert list(session.finish(NO_CLOCK)) == []
    session.close()


def test_a_cancelled_picture_gives_nothing(reader: Any) -> None:
    session = reader.session()
    page = blank_page(416, 96)
    put(page, "fab", (208, 48))

    class Cancels:
        def start(self, stage: str) -> None:
            if stage == "infer":
                session.cancel()

        def stop(self) -> None:
            pass

    assert list(session.feed(Frame(page, 0, 0), Cancels())) == []
    assert len(list(session.feed(Frame(page, 0, 0), NO_CLOCK))) == 1
    session.close()


@pytest.mark.parametrize("given", ["text", 5, np.zeros((4, 4, 4, 3), np.uint8), np.zeros((8, 8, 3))])
def test_what_is_no_picture_is_refused(reader: Any, given: Any) -> None:
    with pytest.raises(InputError):
        reader(given)


def test_an_empty_picture_is_refused(reader: Any) -> None:
    with pytest.raises(InputError):
        reader(np.zeros((0, 5, 3), np.uint8))


def test_the_corners_of_a_line_are_its_key_points(reader: Any) -> None:
    page = blank_page()
    put(page, "cab", (160, 120))
    assert reader(page).quads_xy.shape == (1, reader.key_points, 2)
    with (
        edgemm.load(data.path("models/digits.onnx")) as behind,
        pytest.raises(InputError, match=r"key points up to 4 \(from 0\), found 4"),
    ):
        reader.then(edgemm.Crop("points", of=(0, 4)), behind)
