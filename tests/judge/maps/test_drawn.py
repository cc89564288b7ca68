"""How maps look: over a picture, over a spectrogram, and as SVG."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from needs import needs

from edgemm.drawing import Canvas
from edgemm.drawing.heat import OPACITY, paint_heat, relative
from edgemm.errors import InputError
from edgemm.judge.maps import Map, draw, png, svg
from edgemm.judge.maps.open_parts import parts_of
from edgemm.media import AudioBlock, Frame, Text
from edgemm.opencv import opencv

needs(opencv)
ABOUT: dict[str, Any] = {"target": "a <label>", "score": 0.5, "method": "masks", "runs": 9}
RATE = 8000


def over(values: Any, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Map:
    return parts_of(Frame(pixels, 0, 0, "gray")).drawn(np.asarray(values, np.float32), ABOUT)


def test_what_does_most_is_red_and_what_speaks_against_it_blue() -> None:
    pixels = np.full((300, 300), 100, np.uint8)
    values = np.zeros((300, 300))
    values[:100], values[200:] = 2.0, -1.0
    drawn = draw(over(values, pixels), pixels)
    assert drawn.shape == (300, 300, 3)
    assert drawn[50, 50].tolist() == [round(100 * (1 - OPACITY) + OPACITY * each) for each in (230, 30, 20)]
    assert drawn[150, 50].tolist() == [100, 100, 100]
    half = OPACITY / 2
    assert drawn[250, 50] == pytest.approx(
        [100 * (1 - half) + half * each for each in (30, 90, 240)], abs=0.6
    )


def test_a_small_picture_is_drawn_larger() -> None:
    pixels = np.zeros((28, 28), np.uint8)
    assert draw(over(np.zeros((28, 28)), pixels), pixels).shape == (224, 224, 3)


def test_a_canvas_of_the_other_order_has_the_same_colours() -> None:
    frame = Frame(np.full((8, 8), 50, np.uint8), 0, 0, "gray")
    found = []
    for order in ("rgb", "bgr"):
        canvas = Canvas(order)
        canvas.load(frame)
        paint_heat(canvas, np.ones((2, 2)))
        found.append(canvas.pixels)
    assert np.array_equal(found[0], found[1][:, :, ::-1])


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 2)), np.full((2, 2), np.nan)])
def test_heat_of_no_numbers_is_refused(values: np.ndarray[Any, Any]) -> None:
    canvas = Canvas("rgb")
    canvas.load(Frame(np.zeros((8, 8), np.uint8), 0, 0, "gray"))
    with pytest.raises(InputError, match="heat: expected finite numbers"):
        paint_heat(canvas, values)


def test_numbers_are_relative_to_the_largest_in_either_direction() -> None:
    assert relative(np.array([1.0, -4.0])).tolist() == [0.25, -1.0]
    assert relative(np.zeros(2)).tolist() == [0.0, 0.0]


def test_a_map_of_sound_stands_over_its_spectrogram_low_frequencies_below() -> None:
    tone = np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE)).astype(np.float32)
    tone[: RATE // 2] = 0
    block = AudioBlock(tone, RATE, 0, 0)
    parts = parts_of(block)
    drawn = draw(parts.drawn(np.zeros(parts.shape, np.float32), ABOUT), block)
    times, (frames, bins) = drawn.shape[0] // parts.shape[1], parts.shape
    assert drawn.shape == (bins * times, frames * times, 3)
    loudest = np.unravel_index(int(drawn[:, frames * times * 3 // 4, 0].argmax()), (bins, times))[0]
    assert bins - 1 - loudest == round(1000 / (RATE / 2) * (bins - 1))
    assert drawn[:, : frames * times // 3].max() == 0


def test_the_map_of_a_sound_lies_where_its_frequency_does() -> None:
    block = AudioBlock(np.full(RATE, 0.001, np.float32), RATE, 0, 0)
    parts = parts_of(block)
    values = np.zeros(parts.shape, np.float32)
    values[:, :10] = 1.0  # low frequencies
    drawn = draw(parts.drawn(values, ABOUT), block).astype(int)
    reddish = (drawn[:, :, 0] - drawn[:, :, 2]).mean(axis=1)
    assert reddish[-20] > 100 > 1 > abs(reddish[20])


def test_axes_begin_below() -> None:
    block = AudioBlock(np.ones(RATE, np.float32), RATE, 0, 0)
    parts = parts_of(block)
    document = ElementTree.fromstring(svg(parts.drawn(np.zeros(parts.shape, np.float32), ABOUT), block))
    at = {each.text: float(each.get("y", 0)) for each in document.iter("{http://www.w3.org/2000/svg}text")}
    assert at["0.0k"] > at["2.0k"] > at["4.0k"]


def test_nothing_of_a_blurred_picture_can_be_read() -> None:
    pixels = np.zeros((64, 64), np.uint8)
    pixels[np.arange(64) // 4 % 2 == 1] = 200  # stripes of four pixels
    hidden: Any = parts_of(Frame(pixels, 0, 0, "gray"), "blur").shown(np.zeros((64, 64)))
    assert hidden.pixels[24:40].astype(float) == pytest.approx(100.0, abs=8)


def test_a_png_has_the_colours_of_its_picture() -> None:
    pixels = np.zeros((3, 4, 3), np.uint8)
    pixels[..., 0], pixels[0, 0] = 200, (1, 2, 3)
    read = opencv().imdecode(np.frombuffer(png(pixels), np.uint8), 1)
    assert np.array_equal(read[:, :, ::-1], pixels)


def test_the_svg_of_a_text_colours_its_words() -> None:
    text = Text("<b>no & yes</b>" + " long" * 40, 0, 0)
    parts = parts_of(text)
    values = np.zeros(parts.shape, np.float32)
    values[1], values[3] = 1.0, -0.5
    document = ElementTree.fromstring(svg(parts.drawn(values, ABOUT)))
    texts = [each.text for each in document.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:5] == ["<", "b", ">", "no", "&"]
    shades = [
        float(each.get("fill-opacity", "")) for each in document.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert shades[:5] == [0.0, OPACITY, 0.0, OPACITY / 2, 0.0]
    assert document.findtext("{http://www.w3.org/2000/svg}title") == "a <label> (0.50), masks"
    right = [
        float(each.get("x", 0)) + float(each.get("width", 0)) for each in document.iter() if each.get("rx")
    ]
    assert max(right) <= float(document.get("width", 0))


def test_the_svg_of_a_picture_and_a_sound_holds_its_drawing() -> None:
    pixels = np.zeros((28, 28), np.uint8)
    assert "data:image/png;base64," in svg(over(np.ones((28, 28)), pixels), pixels)
    block = AudioBlock(np.ones(RATE, np.float32), RATE, 0, 0)
    parts = parts_of(block)
    document = svg(parts.drawn(np.zeros(parts.shape, np.float32), ABOUT), block)
    assert ElementTree.fromstring(document).tag.endswith("svg")
    assert ">1.00 s<" in document
    assert ">4.0k<" in document


def test_what_does_not_belong_together_is_refused() -> None:
    pixels = np.zeros((28, 28), np.uint8)
    with pytest.raises(InputError, match=r"expected one of this input, \[9, 9\]"):
        draw(over(np.ones((28, 28)), pixels), np.zeros((9, 9), np.uint8))
    parts = parts_of(Text("two words", 0, 0))
    with pytest.raises(InputError, match="Use `svg`"):
        draw(parts.drawn(np.zeros(2, np.float32), ABOUT), "two words")


def test_all_shown_is_the_input_and_nothing_shown_is_the_baseline() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3)).astype(np.uint8)
    parts = parts_of(Frame(pixels, 0, 0))
    shown: Any = parts.shown(np.ones(parts.shape))
    hidden: Any = parts.shown(np.zeros(parts.shape))
    assert np.array_equal(shown.pixels, pixels)
    assert np.array_equal(hidden.pixels[4, 4], np.rint(pixels.mean(axis=(0, 1))))
    for count in (1, 100, 5000):
        samples = np.random.default_rng(1).normal(size=count).astype(np.float32)
        for baseline in ("mean", "silence"):
            heard = parts_of(AudioBlock(samples, RATE, 0, 0), baseline)
            whole: Any = heard.shown(np.ones(heard.shape))
            none: Any = heard.shown(np.zeros(heard.shape))
            assert whole.samples == pytest.approx(samples, abs=1e-5)
            assert (np.abs(none.samples).max() < 1e-6) == (baseline == "silence")
    text = parts_of(Text("Two  words, again", 0, 0))
    all_shown: Any = text.shown(np.ones(4))
    some: Any = text.shown(np.array([0.0, 1.0, 0.4, 0.6]))
    least: Any = text.shown(np.array([0.0, 0.2, 0.3, 0.1]))
    assert (all_shown.text, some.text, least.text) == ("Two  words, again", "words again", ",")


def test_a_photograph_is_no_larger_than_a_page_shows_it() -> None:
    wide = np.zeros((300, 1200), np.uint8)
    assert 'width="480" height="120"' in svg(over(np.ones((300, 1200)), wide), wide)
