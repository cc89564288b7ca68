"""The task "picture": from the numbers of an output to pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_networks import picture_card, scene, write_network

import edgemm
from edgemm.card import ModelCard
from edgemm.errors import ArtifactError, CardError
from edgemm.tasks import open_decoder
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.picture.recipe import PictureRecipe
from edgemm.tensors import TensorSpec


def decoded(numbers: Any, spec: TensorSpec | None = None, **recipe: Any) -> Any:
    spec = spec or TensorSpec("made", numbers.shape, numbers.dtype.name)
    decoder = open_decoder(ModelCard(task="picture", recipe=PictureRecipe(**recipe)), (spec,))
    return decoder.whole([Outputs.of([spec], {"made": numbers})], Context(), 0.0).pixels  # type: ignore[attr-defined]


def test_numbers_are_scaled_rounded_and_cut() -> None:
    numbers = np.array([[-1.0, -0.5, 0.0, 0.003, 1.0, 1.5]], np.float32)[None, None]
    found = decoded(numbers, color="gray", scale=(127.5,), offset=(127.5,))
    assert found.tolist() == [[0, 64, 128, 128, 255, 255]]


def test_each_channel_has_its_own_offset_in_the_order_of_the_output() -> None:
    numbers = np.zeros((1, 3, 1, 2), np.float32)
    assert decoded(numbers, offset=(1.0, 2.0, 3.0))[0, 0].tolist() == [1, 2, 3]
    assert decoded(numbers, color="bgr", offset=(1.0, 2.0, 3.0))[0, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_bytes_are_what_their_numbers_are(dtype: str, layout: str) -> None:
    shape = (1, 3, 16, 16) if layout == "NCHW" else (1, 16, 16, 3)
    spec = TensorSpec("made", shape, dtype, 0.01, -3 if dtype == "int8" else 100)
    stored = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8).view(dtype)
    real = spec.dequantize(stored)
    found = decoded(stored, spec, offset=(7.0, 0.0, -9.0), scale=(200.0,))
    np.testing.assert_array_equal(found, decoded(real, offset=(7.0, 0.0, -9.0), scale=(200.0,)))


def test_wider_integers_are_dequantized() -> None:
    spec = TensorSpec("made", (1, 1, 1, 3), "int16", 1 / 1000, 0)
    assert decoded(np.array([[[[-5, 500, 1000]]]], np.int16), spec, color="gray").tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5), (1, 1, 4, 5), (1, 4, 5, 1), (4, 5, 1)])
def test_a_grey_picture_may_have_no_axis_of_channels(shape: tuple[int, ...]) -> None:
    numbers = np.arange(20, dtype=np.float32).reshape(shape)
    assert decoded(numbers, color="gray", scale=(1.0,)).tolist() == np.arange(20).reshape(4, 5).tolist()


def test_where_both_axes_could_be_channels_the_first_is_unless_the_card_says_it() -> None:
    numbers = np.arange(27, dtype=np.float32).reshape(1, 3, 3, 3)
    assert decoded(numbers, scale=(1.0,))[0, 0].tolist() == [0, 9, 18]
    assert decoded(numbers, scale=(1.0,), layout="NHWC")[0, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_an_error(bad: float) -> None:
    numbers = np.zeros((1, 3, 4, 4), np.float32)
    numbers[0, 2, 3, 3] = bad
    with pytest.raises(ArtifactError, match="expected finite numbers for a picture"):
        decoded(numbers)


def test_another_shape_than_the_files_is_an_error() -> None:
    spec = TensorSpec("made", (1, 3, 4, 4), "float32")
    with pytest.raises(ArtifactError, match=r"expected a picture \[1, 3, 4, 4\], found \[1, 3, 4, 5\]"):
        decoded(np.zeros((1, 3, 4, 5), np.float32), spec)


def test_an_output_of_another_form_is_refused() -> None:
    with pytest.raises(CardError, match=r"expected an output \[1, 3, H, W\] or \[1, H, W, 3\] for color rgb"):
        decoded(np.zeros((1, 10), np.float32))


@pytest.mark.parametrize("name", ["scale", "offset"])
def test_scale_and_offset_are_finite(name: str) -> None:
    with pytest.raises(CardError, match=f"{name}: expected finite numbers"):
        PictureRecipe(**{name: (float("inf"),)}).check()  # type: ignore[arg-type]


def test_tiles_need_a_picture_to_cut() -> None:
    with pytest.raises(CardError, match="expected an input that is a picture"):
        decoded(np.zeros((1, 3, 4, 4), np.float32), tiles=True)


@pytest.mark.parametrize(
    ("resize", "size", "expected"),
    [
        ("stretch", "output", (16, 16)),
        ("stretch", "source", (40, 80)),
        ("letterbox", "output", (8, 16)),
        ("letterbox", "source", (40, 80)),
        ("center-crop", "output", (16, 16)),
        ("center-crop", "source", (40, 40)),
    ],
)
def test_the_part_that_shows_the_source(
    tmp_path: Path, resize: str, size: str, expected: tuple[int, int]
) -> None:
    """The left half dark and the right half bright: where they meet tells the place."""
    path = write_network(tmp_path / "same.onnx", "same")
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:] = (200, 100, 50)
    with edgemm.load(path, card=picture_card(resize=resize, size=size)) as model:
        found: Any = model(picture)
    pixels = found.pixels
    assert pixels.shape == (*expected, 3)
    half = expected[1] // 2
    assert np.abs(pixels[:, : half - 4].astype(int)).max(initial=0) <= 12
    assert np.abs(pixels[:, half + 4 :].astype(int) - (200, 100, 50)).max(initial=0) <= 30


def test_colours_are_put_to_brightness_that_was_resized(tmp_path: Path) -> None:
    path = write_network(tmp_path / "same.onnx", "same", channels=1)
    picture = np.full((40, 80, 3), (200, 100, 50), np.uint8)
    for size, shape in (("output", (16, 16, 3)), ("source", (40, 80, 3))):
        with edgemm.load(path, card=picture_card("luma", resize="stretch", size=size)) as model:
            found: Any = model(picture)
        assert found.pixels.shape == shape
        assert np.abs(found.pixels.astype(int) - (200, 100, 50)).max() <= 2


def test_the_json_of_a_picture_says_its_size(tmp_path: Path) -> None:
    assert edgemm.Picture(scene(5, 7)).to_json() == {"width": 7, "height": 5, "channels": 3}
    assert edgemm.Picture(scene(5, 7, channels=1)).to_json() == {"width": 7, "height": 5, "channels": 1}


def test_what_is_made_smaller_again_is_averaged() -> None:
    """Of four columns one is white: a quarter of white, wherever it lies."""
    numbers = np.zeros((1, 1, 16, 16), np.float32)
    numbers[..., ::4] = 1
    spec = TensorSpec("made", numbers.shape, "float32")
    recipe = PictureRecipe(color="gray", size="source")
    decoder = open_decoder(ModelCard(task="picture", recipe=recipe), (spec,))
    context = Context(np.array([[0.25, 0, 0], [0, 0.25, 0]]), (4, 4), (16, 16))
    found: Any = decoder.whole([Outputs.of([spec], {"made": numbers})], context, 0.0)
    assert found.pixels.tolist() == [[64] * 4] * 4


@pytest.mark.parametrize("made", [(24, 24), (32, 24), (8, 8), (14, 14)])
def test_tiles_need_whole_factors(made: tuple[int, int]) -> None:
    card = picture_card(tiles=True, margin=1)
    card = card.with_(inputs=(replace(card.inputs[0], shape=(1, 3, 16, 16)),))
    with pytest.raises(
        CardError, match=rf"as large as the input of 16x16 pixels, .*found {made[0]}x{made[1]}"
    ):
        open_decoder(card, (TensorSpec("made", (1, 3, made[1], made[0]), "float32"),))


def test_factors_may_differ_across_and_down() -> None:
    card = picture_card(tiles=True, margin=1)
    decoder: Any = open_decoder(card, (TensorSpec("made", (1, 3, 16, 48), "float32"),))
    assert decoder.factor_xy((16, 16)) == (3, 1)
