"""Parts of pictures in the tensor: sampled from the picture itself, as a reference written out in NumPy."""

from __future__ import annotations

import tracemalloc
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

from edgemm.affine import transform
from edgemm.card import ImageRecipe, InputCard
from edgemm.errors import InputError
from edgemm.media import Color
from edgemm.opencv import opencv
from edgemm.preprocess import compile_image
from edgemm.preprocess.image import ImagePreprocessor
from edgemm.preprocess.view import Region, View
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device
needs(opencv)

HEIGHT, WIDTH = 70, 90
REGIONS = (
    Region((45.0, 35.0), (40.0, 30.0)),
    Region((40.2, 31.7), (37.0, 21.0), 0.7),
    Region((5.0, 66.0), (60.0, 60.0), -2.5),
    Region((45.0, 35.0), (12.0, 8.0), 3.0),
)
LEVELS = 3.0
"""Of 255: OpenCV samples at places in 1/32 of a pixel, the reference exactly; the picture's slopes are 40 a pixel."""


def picture(channels: int = 3) -> npt.NDArray[np.uint8]:
    """Smooth, so that places matter by their slopes, and each channel of its own."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [127 + 60 * np.sin(x / (4 + c) + c) + 60 * np.cos(y / (5 + c) - c) for c in range(channels)]
    return np.round(np.stack(waves, axis=2)).astype(np.uint8)[:, :, slice(None) if channels > 1 else 0]


def bilinear(
    pixels: npt.NDArray[Any], places: npt.NDArray[np.float64], border: float | None
) -> npt.NDArray[Any]:
    """float64[n, c] at places (x, y) counted from the centre of the first pixel; None: the edge goes on."""
    source = pixels.reshape(HEIGHT, WIDTH, -1).astype(np.float64)
    low = np.floor(places).astype(int)
    part = places - low
    total = np.zeros((len(places), source.shape[2]))
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = low[:, 0] + dx, low[:, 1] + dy
            values = source[np.clip(y, 0, HEIGHT - 1), np.clip(x, 0, WIDTH - 1)]
            if border is not None:
                outside = (x < 0) | (y < 0) | (x >= WIDTH) | (y >= HEIGHT)
                values = np.where(outside[:, None], border, values)
            weight = (part[:, 0] if dx else 1 - part[:, 0]) * (part[:, 1] if dy else 1 - part[:, 1])
            total += weight[:, None] * values
    return total


def reference(
    pixels: npt.NDArray[Any], view: View, border: float | None, *, from_corner: bool = False, finer: int = 1
) -> npt.NDArray[Any]:
    """float64[rows, columns, c] as the tensor shows it, 0..255; with `finer`, means of so many samples in a row."""
    columns, rows = view.tensor_wh
    offset = 0.0 if from_corner else 0.5 / finer
    y, x = np.mgrid[: rows * finer, : columns * finer] / finer + offset
    places = transform(view.to_source, np.stack([x.ravel(), y.ravel()], axis=1)) - (
        0.0 if from_corner else 0.5
    )
    found = bilinear(pixels, places, border).reshape(rows, finer, columns, finer, -1)
    return np.asarray(found.mean(axis=(1, 3)))


def prepared(shape: tuple[int, ...], layout: str, dtype: str = "float32", **recipe: Any) -> ImagePreprocessor:
    recipe = {"scale": 1.0, **recipe}
    card = InputCard("x", "image", shape, layout, image=ImageRecipe(**recipe))
    return compile_image(card, TensorSpec("x", shape, dtype))


def looked(prepare: ImagePreprocessor, pixels: Any, color: Color, region: Region, out: Any) -> View:
    out[...] = 77
    return prepare.look(pixels, color, region, out)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center-crop"])
def test_a_region_is_sampled_where_it_lies(region: Region, resize: str) -> None:
    out = np.empty((1, 20, 24, 3), np.float32)
    view = looked(prepared(out.shape, "NHWC", resize=resize, pad_value=90), picture(), "rgb", region, out)
    expected = reference(picture(), view, 90.0 if resize == "letterbox" else None)
    assert np.abs(out[0] - expected).max() < LEVELS
    cos_sin = np.array([np.cos(region.angle), np.sin(region.angle)])
    assert view.to_source[:, 0] / np.linalg.norm(view.to_source[:, 0]) == pytest.approx(cos_sin)
    assert transform(view.to_source, np.array([12.0, 10.0])) == pytest.approx(region.center_xy)
    step_x, step_y = np.linalg.norm(view.to_source[:, :2], axis=0)
    (width, height) = region.size_wh
    across, down = width / 24, height / 20
    expected_steps = {
        "stretch": (across, down), "letterbox": (max(across, down),) * 2, "center-crop": (min(across, down),) * 2,
    }  # fmt: skip
    assert (step_x, step_y) == pytest.approx(expected_steps[resize])


def test_the_middle_of_a_region_is_as_large_a_part_as_of_a_whole_picture() -> None:
    out = np.empty((1, 20, 24, 3), np.float32)
    prepare = prepared(out.shape, "NHWC", resize="center-crop", resize_short=40)
    whole = Region((45.0, 35.0), (90.0, 70.0))
    view = looked(prepare, picture(), "rgb", whole, out)
    prepare(picture(), "rgb", out)
    assert view.to_source == pytest.approx(prepare.to_source, abs=0.8)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_from_the_corner_as_mediapipe_does(region: Region, resize: str) -> None:
    out = np.empty((1, 20, 24, 3), np.float32)
    prepare = prepared(out.shape, "NHWC", resize=resize, interpolation="mediapipe", pad_value=0)
    view = looked(prepare, picture(), "rgb", region, out)
    expected = reference(picture(), view, 0.0 if resize == "letterbox" else None, from_corner=True)
    assert np.abs(out[0] - expected).max() < LEVELS


@pytest.mark.parametrize("interpolation", ["nearest", "cubic"])
def test_other_interpolations_are_no_further_than_a_pixel(interpolation: str) -> None:
    out = np.empty((1, 20, 24, 3), np.float32)
    view = looked(prepared(out.shape, "NHWC", interpolation=interpolation), picture(), "rgb", REGIONS[1], out)
    difference = np.abs(out[0] - reference(picture(), view, None))
    assert difference.max() < {"nearest": 20.0, "cubic": 6.0}[interpolation]
    assert difference.max() > 0.5, "it is another one"


def test_area_averages_what_lies_in_a_pixel() -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    region = Region((45.0, 35.0), (80.0, 64.0), 0.4)
    out = np.empty((1, 8, 10, 3), np.float32)
    view = looked(prepared(out.shape, "NHWC", interpolation="area"), noise, "rgb", region, out)
    expected = reference(noise, view, None, finer=32)
    skipping = np.empty_like(out)
    looked(prepared(out.shape, "NHWC"), noise, "rgb", region, skipping)
    assert np.abs(out[0] - expected).mean() < 4.0
    assert np.abs(skipping[0] - expected).mean() > 30.0
    larger = Region((45.0, 35.0), (5.0, 4.0))
    same = np.empty_like(out)
    looked(prepared(out.shape, "NHWC", interpolation="area"), noise, "rgb", larger, out)
    looked(prepared(out.shape, "NHWC"), noise, "rgb", larger, same)
    assert (out == same).all(), "nothing is averaged where a pixel is enlarged"


@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("wanted", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("std", [(1.0,), (2.0, 4.0, 5.0)])
def test_colours_come_in_the_order_that_the_card_asks_for(
    color: Color, wanted: Color, layout: Literal["NHWC", "NCHW"], std: tuple[float, ...]
) -> None:
    std = std if wanted != "gray" else std[:1]
    channels = 1 if wanted == "gray" else 3
    shape = (1, 20, 24, channels) if layout == "NHWC" else (1, channels, 20, 24)
    out = np.empty(shape, np.float32)
    given = picture(1 if color == "gray" else 3)
    prepare = prepared(shape, layout, color=wanted, std=std, mean=(3.0,))
    view = looked(prepare, given, color, REGIONS[1], out)
    rgb = (
        np.repeat(given[..., None], 3, axis=2)
        if color == "gray"
        else given[..., :: -1 if color == "bgr" else 1]
    )
    seen = reference(rgb, view, None)
    if wanted == "gray":
        seen = (seen @ (0.299, 0.587, 0.114))[..., None]
    expected = ((seen[..., ::-1] if wanted == "bgr" else seen) - 3.0) / std
    found = out[0] if layout == "NHWC" else out[0].transpose(1, 2, 0)
    assert np.abs(found - expected).max() < LEVELS / min(std)


def test_int8_is_written_as_stored() -> None:
    out = np.empty((1, 20, 24, 3), np.int8)
    spec = TensorSpec("x", out.shape, "int8", 1 / 255, -128)
    card = InputCard("x", "image", out.shape, "NHWC", image=ImageRecipe())
    view = compile_image(card, spec).look(picture(), "rgb", REGIONS[0], out)
    assert np.abs(out[0] + 128.0 - reference(picture(), view, None)).max() < LEVELS


def test_a_small_tensor_costs_no_memory_once_it_runs() -> None:
    large = np.zeros((720, 1280, 3), np.uint8)
    for interpolation in ("linear", "area", "mediapipe"):
        for color in ("rgb", "gray"):
            out = np.empty((1, 192, 192, 1 if color == "gray" else 3), np.float32)
            prepare = prepared(out.shape, "NHWC", interpolation=interpolation, color=color)
            regions = [Region((x, 300.0), (300.0, 310.0), x / 100) for x in (400.0, 500.0, 610.0)]
            for region in regions:
                prepare.look(large, "bgr", region, out)
            tracemalloc.start()
            try:
                for region in regions:
                    prepare.look(large, "bgr", region, out)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert peak < 16_000, f"{interpolation} {color}: a picture of 192x192 has 36864 bytes"


@pytest.mark.parametrize(
    "region",
    [
        Region((float("nan"), 1.0), (2.0, 2.0)), Region((1.0, 1.0), (0.0, 2.0)), Region((1.0, 1.0), (2.0, -1.0)),
        Region((1.0, 1.0), (2.0, 2.0), float("inf")),
    ],
)  # fmt: skip
def test_a_region_that_is_nowhere_is_refused(region: Region) -> None:
    out = np.empty((1, 4, 4, 3), np.float32)
    with pytest.raises(InputError, match="a view needs a finite centre and angle, and sizes above 0"):
        prepared(out.shape, "NHWC").look(picture(), "rgb", region, out)


def test_pictures_that_do_not_fit_are_refused() -> None:
    out = np.empty((1, 4, 4, 3), np.float32)
    prepare, region = prepared(out.shape, "NHWC"), Region((2.0, 2.0), (4.0, 4.0))
    with pytest.raises(InputError, match="expected uint8"):
        prepare.look(picture().astype(np.float32), "rgb", region, out)
    with pytest.raises(InputError, match="a gray picture"):
        prepare.look(picture(), "gray", region, out)
    with pytest.raises(InputError, match="out: expected"):
        prepare.look(picture(), "rgb", region, out[0])
    long = np.zeros((2, 32767, 3), np.uint8)
    with pytest.raises(InputError, match="at most 32766 pixels a side, found 32767x2"):
        prepare.look(long, "rgb", region, out)
    prepare.look(long[:, 1:], "rgb", Region((32764.0, 1.0), (4.0, 2.0)), out)


def test_a_region_knows_its_corners() -> None:
    region = Region((10.0, 20.0), (4.0, 2.0), np.pi / 2)
    assert region.corners_xy == pytest.approx(np.array([(11, 18), (11, 22), (9, 22), (9, 18)]))
    assert region.upright_xyxy == pytest.approx((9, 18, 11, 22))
    view = region.view((8, 8))
    corners = transform(view.to_source, np.array([(0, 0), (8, 0), (8, 8), (0, 8)]))
    assert region.corners_xy == pytest.approx(corners, abs=1e-5)
