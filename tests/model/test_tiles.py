"""Pictures made in tiles: as if the whole had been computed at once."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs
from picture_networks import picture_card, scene, sharpened, write_network

import edgemm
from edgemm.errors import CardError, InputError
from edgemm.media import Frame
from edgemm.model.quilt import Quilt
from edgemm.opencv import opencv
from edgemm.preprocess.tiles import Span
from edgemm.preprocess.view import Region
from edgemm.session import NO_CLOCK

cv2: Any = needs(opencv)
SIZES = [(1, 1), (1, 40), (40, 1), (2, 3), (11, 12), (12, 12), (13, 12), (16, 16), (17, 33), (37, 61)]
"""Rows and columns: one pixel, lines, smaller than what a tile keeps, as much, one more, the tile itself, several."""
Pixels = npt.NDArray[np.uint8]


def made(path: Path, card: Any, picture: Pixels | Frame, **options: Any) -> Pixels:
    with edgemm.load(path, card=card, **options) as model:
        result = model(picture)
    assert isinstance(result, edgemm.Picture)
    pixels: Pixels = result.pixels
    return pixels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("blend", [0, 3])
def test_tiles_are_the_whole_picture(tmp_path: Path, size: tuple[int, int], blend: int) -> None:
    """Of a network that looks one pixel far: the margin is more than enough."""
    path, picture = write_network(tmp_path / "sharper.onnx", "sharper"), scene(*size)
    found = made(path, picture_card(tiles=True, margin=2, blend=blend), picture)
    np.testing.assert_array_equal(found, sharpened(picture))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_twice_as_large_in_both_layouts(tmp_path: Path, size: tuple[int, int], layout: str) -> None:
    path = write_network(tmp_path / "twice.onnx", "twice", (16, 20), layout=layout)
    picture = scene(*size)
    found = made(path, picture_card(input_layout=layout, tiles=True, margin=1, blend=2), picture)
    np.testing.assert_array_equal(found, picture.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize(("margin", "same"), [(0, False), (1, True)])
def test_a_margin_smaller_than_the_reach_is_seen(tmp_path: Path, margin: int, same: bool) -> None:
    path, picture = write_network(tmp_path / "sharper.onnx", "sharper"), scene(40, 40)
    found = made(path, picture_card(tiles=True, margin=margin), picture)
    assert bool((found == sharpened(picture)).all()) is same


def test_margin_and_blend_are_options(tmp_path: Path) -> None:
    path, picture = write_network(tmp_path / "sharper.onnx", "sharper"), scene(40, 40)
    found = made(path, picture_card(tiles=True, margin=0), picture, margin=1, blend=1)
    np.testing.assert_array_equal(found, sharpened(picture))


def test_blended_tiles_go_over_into_each_other(tmp_path: Path) -> None:
    """Each tile is its own mean: between two plateaus no step is larger than their distance over the blend's pixels."""
    path = write_network(tmp_path / "mean.onnx", "mean", channels=1)
    picture = np.repeat(np.arange(60, dtype=np.uint8)[None] * 4, 30, axis=0)
    hard = made(path, picture_card("gray", tiles=True, margin=2), picture)
    soft = made(path, picture_card("gray", tiles=True, margin=2, blend=5), picture)
    steps = [np.abs(np.diff(each.astype(int), axis=1)).max() for each in (hard, soft)]
    assert steps[0] >= 40
    assert steps[1] <= 7 * 4 / 5 + 1 + 4  # a step of 7 columns of 4 levels, over 5 columns, rounded
    assert np.abs(np.diff(soft.astype(int), axis=0)).max() == 0


def test_blending_does_not_depend_on_the_order(tmp_path: Path) -> None:
    """Where four tiles meet, a picture turned by 90 degrees gives the turned result, to rounding."""
    path = write_network(tmp_path / "mean.onnx", "mean", channels=1)
    card = picture_card("gray", tiles=True, margin=2, blend=5)
    picture = scene(40, 40, channels=1)
    one, other = made(path, card, picture), made(path, card, np.ascontiguousarray(picture.T))
    assert np.abs(one.astype(int) - other.T).max() <= 1


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_a_frame_of_any_order_gives_rgb(tmp_path: Path, color: Any) -> None:
    path, picture = write_network(tmp_path / "same.onnx", "same"), scene(20, 30)
    given = Frame(picture if color == "rgb" else picture[:, :, ::-1].copy(), 0, 0, color)
    for card in (picture_card("rgb", tiles=True, margin=1), picture_card("bgr", tiles=True, margin=1)):
        np.testing.assert_array_equal(made(path, card, given), picture)


def test_a_grey_frame_for_a_model_of_colours(tmp_path: Path) -> None:
    path, picture = write_network(tmp_path / "same.onnx", "same"), scene(20, 30, channels=1)
    found = made(path, picture_card(tiles=True, margin=1), picture)
    np.testing.assert_array_equal(found, picture[:, :, None].repeat(3, axis=2))


def test_brightness_alone(tmp_path: Path) -> None:
    """Y is what the network makes of it; Cb and Cr are resized bicubically."""
    path, picture = write_network(tmp_path / "twice.onnx", "twice", channels=1), scene(21, 35)
    found = made(path, picture_card("luma", tiles=True, margin=1), picture)
    y, cr, cb = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    colors = [cv2.resize(each, (70, 42), interpolation=cv2.INTER_CUBIC) for each in (cr, cb)]
    expected = cv2.cvtColor(cv2.merge([y.repeat(2, 0).repeat(2, 1), *colors]), cv2.COLOR_YCrCb2RGB)
    np.testing.assert_array_equal(found, expected)


def test_brightness_of_a_bgr_and_of_a_grey_frame(tmp_path: Path) -> None:
    path, card = (
        write_network(tmp_path / "twice.onnx", "twice", channels=1),
        picture_card("luma", tiles=True, margin=1),
    )
    picture = scene(9, 8)
    bgr = Frame(picture[:, :, ::-1].copy(), 0, 0, "bgr")
    np.testing.assert_array_equal(made(path, card, bgr), made(path, card, picture))
    grey = scene(9, 8, channels=1)
    np.testing.assert_array_equal(made(path, card, grey), grey.repeat(2, 0).repeat(2, 1))


def test_frames_of_changing_sizes_and_colours(tmp_path: Path) -> None:
    path = write_network(tmp_path / "twice.onnx", "twice", channels=1)
    with edgemm.load(path, card=picture_card("luma", tiles=True, margin=1)) as model:
        for size in ((9, 8), (30, 50), (9, 8)):
            for picture in (scene(*size), scene(*size, channels=1)):
                found: Any = model(picture)
                assert found.pixels.shape == (2 * size[0], 2 * size[1], *picture.shape[2:])
                grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
                again = cv2.cvtColor(found.pixels, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else found.pixels
                assert np.abs(again.astype(int) - grey.repeat(2, 0).repeat(2, 1)).max() <= 40


def test_no_memory_but_the_pictures_is_made_for_each_frame(tmp_path: Path) -> None:
    path = write_network(tmp_path / "twice.onnx", "twice", 64, channels=1)
    frame = Frame(scene(200, 300), 0, 0)
    with edgemm.load(path, card=picture_card("luma", tiles=True, margin=4, blend=4)) as model:
        session = model.session()
        for _ in range(2):
            tuple(session.feed(frame, NO_CLOCK))
        tracemalloc.start()
        (emission,) = session.feed(frame, NO_CLOCK)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        session.close()
    pixels = emission.value.pixels.nbytes  # type: ignore[attr-defined]
    assert peak <= pixels + pixels // 3 + 20_000  # the brightness of the result, and the result in colours


def test_a_picture_that_is_given_up_half_way_gives_nothing(tmp_path: Path) -> None:
    path = write_network(tmp_path / "same.onnx", "same")

    class Clock:
        """Cancels when the second tile is prepared."""

        begun = 0

        def start(self, stage: str) -> None:
            self.begun += stage == "preprocess"
            if self.begun == 3:
                session.cancel()

        def stop(self) -> None:
            """Nothing."""

    with edgemm.load(path, card=picture_card(tiles=True, margin=1)) as model:
        session = model.session()
        clock = Clock()
        assert tuple(session.feed(Frame(scene(60, 60), 0, 0), clock)) == ()
        assert clock.begun == 3
        assert len(tuple(session.feed(Frame(scene(60, 60), 0, 0), NO_CLOCK))) == 1
        session.close()


def test_the_result_is_the_callers(tmp_path: Path) -> None:
    path = write_network(tmp_path / "same.onnx", "same")
    with edgemm.load(path, card=picture_card(tiles=True, margin=1)) as model:
        first: Any = model(scene(20, 20))
        kept = first.pixels.copy()
        model(255 - scene(20, 20))
    np.testing.assert_array_equal(first.pixels, kept)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (
            {"tiles": True, "margin": 8},
            r"tiles of 16x16 pixels are too small for a margin of 8 and blend 0: .*17",
        ),
        ({"tiles": True, "margin": 2, "blend": 6}, "expected sides of 17 or more"),
        ({"tiles": True, "resize": "stretch"}, '"resize": "none"'),
        ({"tiles": True, "size": "source"}, "nothing is resized that could be undone"),
        ({"color": "luma"}, r"expected an output \[1, 1, H, W\]"),
        ({"output": "other"}, "'other' is not in the file, which has made"),
        ({"scale": (1.0, 2.0)}, "1 number or 3, one for each channel, found 2"),
        ({"scale": (0.0,)}, "not 0"),
        ({"layout": "NHWC"}, r"found 'made' float32\[1, 3, 16, 16\]"),
    ],
)
def test_a_card_that_does_not_fit_is_told_when_it_is_loaded(
    tmp_path: Path, card: dict[str, Any], message: str
) -> None:
    path = write_network(tmp_path / "same.onnx", "same")
    with pytest.raises(CardError, match=message):
        edgemm.load(path, card=picture_card(**card).to_dict()).close()


def test_luma_needs_a_grey_input_and_the_whole_picture(tmp_path: Path) -> None:
    path = write_network(tmp_path / "same.onnx", "same", channels=1)
    card = picture_card("luma").to_dict()
    card["inputs"][0]["image"]["resize"] = "center-crop"
    with pytest.raises(CardError, match='"luma" needs the whole picture'):
        edgemm.load(path, card=card)
    card["inputs"][0]["image"]["color"] = "rgb"
    with pytest.raises(CardError, match='"luma" goes with an input of color "gray"'):
        edgemm.load(path, card=card)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros(4),
    ],
)
@pytest.mark.parametrize("color", ["rgb", "luma"])
def test_what_is_no_picture_is_refused(tmp_path: Path, picture: Any, color: str) -> None:
    channels = 3 if color == "rgb" else 1
    path = write_network(tmp_path / "same.onnx", "same", channels=channels)
    with pytest.raises(InputError, match="picture"):
        made(path, picture_card(color, tiles=True, margin=1), picture)


def test_a_picture_that_would_be_too_large_is_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "twice.onnx", "twice", channels=1)
    with pytest.raises(InputError, match="would become one of 20000x20000: expected at most 67108864 pixels"):
        made(path, picture_card("gray", tiles=True, margin=1), np.zeros((10000, 10000), np.uint8))


@pytest.mark.parametrize("length", range(1, 40))
@pytest.mark.parametrize(("margin", "blend"), [(0, 0), (2, 0), (2, 3), (0, 4)])
def test_tiles_cover_a_line_and_none_is_for_nothing(length: int, margin: int, blend: int) -> None:
    span = Span(length, 12, margin, blend)
    covered = np.zeros(length + 20, int)
    for start in span.starts:
        covered[start : start + span.kept] += 1
    assert covered[:length].min() >= 1
    assert len(span.starts) == span.count
    if span.count > 1:
        assert (span.count - 1) * span.step + blend < length
    assert margin + length + max(0, span.behind) >= span.starts[-1] + span.size


@pytest.mark.parametrize("across", [True, False])
def test_shared_pixels_go_over_in_equal_steps(across: bool) -> None:
    """One tile is 0, the next 100; they share four pixels: 12.5, 37.5, 62.5 and 87.5, rounded."""
    shape, size_wh = ((8, 12), (8, 8)) if across else ((12, 8), (8, 8))
    quilt, result = Quilt(shape, size_wh, (1, 1), 0, 4, 1), np.empty(shape, np.uint8)
    for at, _ in enumerate(quilt.sew(np.zeros(shape, np.uint8), result)):
        quilt.made[...] = 100 * at
    line = result[0] if across else result[:, 0]
    assert line.tolist() == [0, 0, 0, 0, 12, 38, 62, 88, 100, 100, 100, 100]


def test_what_was_cancelled_before_is_forgotten(tmp_path: Path) -> None:
    path = write_network(tmp_path / "same.onnx", "same")
    with edgemm.load(path, card=picture_card(tiles=True, margin=1)) as model:
        session: Any = model.session()
        session.cancel()
        assert session.whole(Frame(scene(20, 20), 0, 0)).pixels.shape == (20, 20, 3)
        session.close()


@pytest.mark.parametrize("color", ["rgb", "luma"])
def test_a_part_of_a_frame_is_made_in_its_own_size(tmp_path: Path, color: str) -> None:
    """As if it had been cut out before."""
    path = write_network(tmp_path / "twice.onnx", "twice", channels=3 if color == "rgb" else 1)
    frame = Frame(scene(60, 80), 0, 0)
    with edgemm.load(path, card=picture_card(color, tiles=True, margin=1)) as model:
        session: Any = model.session()
        found = session.look(frame, Region((35.0, 30.0), (50.0, 22.0)))
        whole: Any = model(np.ascontiguousarray(frame.pixels[19:41, 10:60]))
        session.close()
    np.testing.assert_array_equal(found.pixels, whole.pixels)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (Region((np.nan, 0.0), (5.0, 5.0)), "finite centre"),
        (Region((0.0, 0.0), (0.0, 5.0)), "sizes above 0"),
        (Region((0.0, 0.0), (1e5, 1e5)), "region of at most 67108864 pixels, found 100000x100000"),
    ],
)
def test_a_part_that_is_nowhere(tmp_path: Path, region: Region, message: str) -> None:
    path = write_network(tmp_path / "same.onnx", "same")
    with edgemm.load(path, card=picture_card(tiles=True, margin=1)) as model:
        session: Any = model.session()
        with pytest.raises(InputError, match=message):
            session.look(Frame(scene(20, 20), 0, 0), region)
        session.close()


def test_a_tiny_part_is_a_pixel_and_what_lies_beyond_is_black(tmp_path: Path) -> None:
    path = write_network(tmp_path / "same.onnx", "same")
    with edgemm.load(path, card=picture_card(tiles=True, margin=1)) as model:
        session: Any = model.session()
        white = Frame(np.full((20, 20, 3), 255, np.uint8), 0, 0)
        assert session.look(white, Region((5.0, 5.0), (0.1, 0.1))).pixels.tolist() == [[[255] * 3]]
        beyond = session.look(white, Region((0.0, 10.0), (10.0, 4.0))).pixels
        session.close()
    assert beyond[:, :5].max() == 0
    assert beyond[:, 5:].min() == 255
