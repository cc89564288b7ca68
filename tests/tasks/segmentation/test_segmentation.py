"""Segmentation: from outputs to a class for each pixel of the source, against plain loops."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

from edgemm.card import ImageRecipe, ModelCard
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.preprocess.placement import place
from edgemm.preprocess.view import View
from edgemm.results import Segmentation
from edgemm.tasks.context import NOWHERE, Context
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.segmentation import SegmentationRecipe, SegmentationTask
from edgemm.tasks.segmentation.room import Room
from edgemm.tensors import TensorSpec

cv2 = package("cv2")
pytestmark = pytest.mark.device
Array = npt.NDArray[Any]


def read(
    stored: Array,
    recipe: SegmentationRecipe | None = None,
    *,
    context: Context = NOWHERE,
    labels: tuple[str, ...] = (),
    scale: float = 0.0,
    zero_point: int = 0,
    shape: tuple[int, ...] | None = None,
) -> Segmentation:
    """The result of one output called "map"."""
    recipe = recipe or SegmentationRecipe()
    recipe.check()
    spec = TensorSpec("map", shape or stored.shape, str(stored.dtype), scale, zero_point)
    decoder = SegmentationTask().open(ModelCard(labels=labels), recipe, [spec])
    (result,) = decoder.decode(Outputs.of([spec], {"map": stored}), context, decoder.begin())
    assert isinstance(result, Segmentation)
    return result


def seen(
    source_wh: tuple[int, int], tensor_wh: tuple[int, int], resize: str = "stretch", **fields: Any
) -> Context:
    """The context of a picture that was placed in the tensor by a card's recipe."""
    recipe = ImageRecipe(resize=resize, **fields)  # type: ignore[arg-type]
    return Context(place(recipe, source_wh, tensor_wh).to_source, source_wh, tensor_wh)


def nearest_by_loops(grid: Array, context: Context, outside: int) -> Array:
    """Each pixel of the source: its centre, back through the affine, and the cell it lies in."""
    (width, height), (wide, high) = context.source_wh, context.tensor_wh
    rows, columns = grid.shape
    result = np.full((height, width), outside, grid.dtype)
    linear, shift = context.to_source[:, :2], context.to_source[:, 2]
    for y, x in itertools.product(range(height), range(width)):
        in_tensor = np.linalg.solve(linear, np.array([x + 0.5, y + 0.5]) - shift)
        column, row = np.floor(in_tensor * (columns / wide, rows / high) + 1e-6).astype(int)
        if 0 <= column < columns and 0 <= row < rows:
            result[y, x] = grid[row, column]
    return result


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "center-crop"])
@pytest.mark.parametrize("source_wh", [(96, 54), (31, 77), (20, 20), (7, 90)])
@pytest.mark.parametrize("grid_hw", [(24, 32), (12, 16), (7, 5)])
def test_each_pixel_of_the_source_has_the_class_of_its_cell(
    resize: str, source_wh: tuple[int, int], grid_hw: tuple[int, int]
) -> None:
    context = seen(source_wh, (32, 24), resize)
    grid = np.random.default_rng(1).integers(0, 200, (1, *grid_hw), np.uint8)
    found = read(grid, SegmentationRecipe(outside=7), context=context)
    assert found.classes.dtype == np.uint8
    np.testing.assert_array_equal(found.classes, nearest_by_loops(grid[0], context, 7))


def test_a_letterbox_border_is_cut_off() -> None:
    grid = np.zeros((1, 320, 320), np.int64)
    grid[:, 70:250] = 3
    found = read(grid, context=seen((1280, 720), (320, 320), "letterbox"))
    assert found.classes.shape == (720, 1280)
    assert np.unique(found.classes).tolist() == [3]


def test_outside_of_a_center_crop_is_the_class_of_the_recipe() -> None:
    grid = np.full((1, 8, 8), 2, np.uint8)
    found = read(grid, SegmentationRecipe(outside=5), context=seen((32, 16), (8, 8), "center-crop"))
    assert (found.classes[:, :8] == 5).all()
    assert (found.classes[:, 8:24] == 2).all()
    assert (found.classes[:, 24:] == 5).all()


def test_outside_of_a_tall_center_crop_is_background_unless_said_otherwise() -> None:
    found = read(np.full((1, 8, 8), 2, np.uint8), context=seen((16, 32), (8, 8), "center-crop"))
    assert [int(row[0]) for row in found.classes] == [0] * 8 + [2] * 16 + [0] * 8


def test_classes_never_blend() -> None:
    grid = np.array([[[0, 20]]], np.uint8)
    found = read(grid, context=seen((50, 30), (2, 1)))
    assert np.unique(found.classes).tolist() == [0, 20]
    assert (found.classes == 20).sum() == 25 * 30


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint32", "int64", "float32", "float64", "float16"]
)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_the_highest_score_wins_and_of_equal_ones_the_lower_class(dtype: str, layout: str) -> None:
    scores = np.random.default_rng(2).integers(0, 8, (1, 9, 11, 5)).astype(dtype)
    expected = scores[0].argmax(axis=-1)
    stored = scores if layout == "NHWC" else np.ascontiguousarray(scores.transpose(0, 3, 1, 2))
    found = read(stored, SegmentationRecipe(layout=layout))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.classes, expected)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_scores_without_a_batch_axis_are_read_too(layout: str) -> None:
    scores = np.random.default_rng(3).standard_normal((9, 11, 5)).astype(np.float32)
    stored = scores if layout == "NHWC" else np.ascontiguousarray(scores.transpose(2, 0, 1))
    np.testing.assert_array_equal(read(stored).classes, scores.argmax(axis=-1))


def test_labels_tell_the_layout() -> None:
    scores = np.random.default_rng(4).standard_normal((1, 6, 20, 3)).astype(np.float32)
    labels = tuple("abcdef")
    np.testing.assert_array_equal(read(scores, labels=labels).classes, scores[0].argmax(axis=0))
    np.testing.assert_array_equal(read(scores, labels=tuple("abc")).classes, scores[0].argmax(axis=-1))


def test_one_channel_is_known_whatever_the_number_of_labels() -> None:
    scores = np.zeros((1, 3, 4, 1), np.float32)
    scores[0, 2, 1] = 1
    labels = ("a", "b", "c")
    found = read(scores[..., 0], SegmentationRecipe(kind="binary"))
    assert found.classes.tolist() == [[0] * 4, [0] * 4, [0, 1, 0, 0]]
    numbers = read(scores.astype(np.int64), labels=labels)
    assert numbers.classes.tolist() == found.classes.tolist()
    assert (
        read(scores.astype(np.int64).reshape(1, 1, 3, 4), labels=labels).classes.tolist()
        == found.classes.tolist()
    )


def test_an_outside_beyond_255_makes_uint16() -> None:
    grid = np.full((1, 8, 8), 2, np.uint8)
    found = read(grid, SegmentationRecipe(outside=256), context=seen((32, 16), (8, 8), "center-crop"))
    assert np.unique(found.classes).tolist() == [2, 256]


def test_more_than_256_classes_are_uint16() -> None:
    scores = np.zeros((1, 300, 4, 4), np.uint8)
    scores[0, 299, 1, 2] = 9
    found = read(scores, SegmentationRecipe(layout="NCHW"), context=seen((8, 8), (4, 4)))
    assert found.classes.dtype == np.uint16
    assert found.classes[2:4, 4:6].tolist() == [[299, 299], [299, 299]]
    assert (found.classes == 299).sum() == 4


def test_256_classes_are_uint8() -> None:
    scores = np.zeros((1, 256, 3, 3), np.uint8)
    scores[0, 255] = 1
    found = read(scores, SegmentationRecipe(layout="NCHW"))
    assert found.classes.dtype == np.uint8
    assert (found.classes == 255).all()


def test_labels_beyond_256_make_class_numbers_uint16() -> None:
    grid = np.full((1, 2, 2), 256, np.int32)
    assert read(grid, labels=tuple(map(str, range(257)))).classes.tolist() == [[256, 256], [256, 256]]


@pytest.mark.parametrize("shape", [(1, 4, 5), (4, 5), (1, 4, 5, 1), (1, 1, 4, 5)])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "bool"])
def test_class_numbers_are_taken_as_they_are(shape: tuple[int, ...], dtype: str) -> None:
    grid = np.random.default_rng(5).integers(0, 2, (4, 5)).astype(dtype)
    found = read(grid.reshape(shape))
    np.testing.assert_array_equal(found.classes, grid)
    assert found.classes.dtype == np.uint8


@pytest.mark.parametrize("number", [-1, 256, 1 << 40])
def test_a_class_number_that_does_not_fit_is_an_error(number: int) -> None:
    with pytest.raises(ArtifactError, match=f"from 0 to 255.*{number}"):
        read(np.array([[[0, number]]], np.int64))


def test_a_stored_threshold_is_that_of_the_dequantized_numbers() -> None:
    stored = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16, 1)
    spec = TensorSpec("map", stored.shape, "int8", 0.0371, -9)
    for threshold in (0.0, 0.07, 0.25, 0.5, 0.73, 0.999, 1.0):
        real = spec.dequantize(stored)[0, :, :, 0]
        recipe = SegmentationRecipe(threshold=threshold)
        found = read(stored, recipe, scale=0.0371, zero_point=-9)
        np.testing.assert_array_equal(found.classes, real >= np.float32(threshold))
        logits = read(
            stored, SegmentationRecipe(threshold=threshold, decode="logits"), scale=0.0371, zero_point=-9
        )
        probability = 1 / (1 + np.exp(-real.astype(np.float64)))
        np.testing.assert_array_equal(logits.classes, probability >= threshold)


def test_a_threshold_of_floats_is_reached_when_equal() -> None:
    scores = np.array([[[[0.49], [0.5], [0.51]]]], np.float32)
    assert read(scores, SegmentationRecipe(kind="binary")).classes.tolist() == [[0, 1, 1]]


def test_a_threshold_that_no_stored_number_reaches_gives_nothing() -> None:
    found = read(np.full((1, 3, 3, 1), 255, np.uint8), SegmentationRecipe(threshold=0.9), scale=1 / 512)
    assert not found.classes.any()


def test_labels_of_binary_scores_may_leave_out_the_background() -> None:
    assert read(np.zeros((1, 2, 2, 1), np.float32), labels=("person",)).labels == ("background", "person")


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_nan_is_an_error_and_never_a_class(layout: str) -> None:
    scores = np.zeros((1, 4, 4, 4), np.float32)
    for at in range(4):
        spoiled = scores.copy()
        spoiled[(0, 1, 2, at) if layout == "NHWC" else (0, at, 1, 2)] = np.nan
        with pytest.raises(ArtifactError, match=r"'map'.*NaN"):
            read(spoiled, SegmentationRecipe(layout=layout))  # type: ignore[arg-type]
        recipe = SegmentationRecipe(layout=layout, smooth=True)  # type: ignore[arg-type]
        with pytest.raises(ArtifactError, match="NaN"):
            read(spoiled, recipe, context=seen((8, 8), (4, 4)))


@pytest.mark.parametrize("smooth", [False, True])
def test_nan_among_binary_scores_is_an_error(smooth: bool) -> None:
    scores = np.array([[[[np.nan], [1.0]]]], np.float32)
    with pytest.raises(ArtifactError, match="NaN"):
        read(scores, SegmentationRecipe(smooth=smooth), context=seen((4, 4), (2, 1)))


def test_infinite_scores_are_ranked() -> None:
    scores = np.array([[[[-np.inf, 0.0, np.inf], [-np.inf, -np.inf, -1e30]]]], np.float32)
    assert read(scores, SegmentationRecipe(layout="NHWC")).classes.tolist() == [[2, 2]]


def test_chosen_classes_are_kept_and_the_rest_is_background() -> None:
    grid = np.array([[[0, 1, 2, 3]]], np.uint8)
    labels = ("background", "cat", "dog", "owl")
    recipe = SegmentationRecipe(classes=("dog", "owl"))
    assert read(grid, recipe, labels=labels).classes.tolist() == [[0, 0, 2, 3]]
    assert read(grid, recipe, labels=labels).labels == labels


def test_chosen_classes_hold_for_smooth_maps_too() -> None:
    scores = np.eye(3, dtype=np.float32)[None, None]
    recipe = SegmentationRecipe(classes=("c",), smooth=True, layout="NHWC")
    found = read(scores, recipe, labels=("a", "b", "c"), context=seen((6, 2), (3, 1)))
    assert found.classes.tolist() == [[0, 0, 0, 0, 2, 2]] * 2


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(CardError, match=r"bird is no label.*cat, dog"):
        read(np.zeros((1, 2, 2), np.uint8), SegmentationRecipe(classes=("bird",)), labels=("cat", "dog"))
    with pytest.raises(CardError, match="the card has no labels"):
        read(np.zeros((1, 2, 2), np.uint8), SegmentationRecipe(classes=("bird",)))


@pytest.mark.parametrize(
    ("dtype", "shape", "recipe", "message"),
    [
        ("float32", (1, 10), SegmentationRecipe(), r"found 'map' float32\[1, 10\]"),
        ("float32", (2, 4, 4, 3), SegmentationRecipe(), "for one picture"),
        ("float32", (1, 4, 4, 1), SegmentationRecipe(kind="classes"), 'of kind "classes"'),
        ("uint8", (1, 4, 4), SegmentationRecipe(kind="binary"), 'of kind "binary"'),
        ("float32", (1, 4, 4, 1), SegmentationRecipe(kind="scores"), 'of kind "scores"'),
        ("float32", (1, 0, 4, 3), SegmentationRecipe(), "expected an output"),
        ("uint8", (1, 4, 4), SegmentationRecipe(output="other"), "'other' is not in the file, which has map"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(
    dtype: str, shape: tuple[int, ...], recipe: SegmentationRecipe, message: str
) -> None:
    with pytest.raises(CardError, match=message):
        SegmentationTask().open(ModelCard(), recipe, [TensorSpec("map", shape, dtype)])


def test_another_number_of_labels_than_classes_is_refused() -> None:
    with pytest.raises(CardError, match="each of its 3 classes, found 2"):
        read(np.zeros((1, 4, 4, 3), np.float32), SegmentationRecipe(layout="NHWC"), labels=("a", "b"))


def test_the_first_output_that_fits_is_taken() -> None:
    specs = [TensorSpec("vector", (1, 7), "float32"), TensorSpec("map", (1, 2, 2), "int64")]
    decoder = SegmentationTask().open(ModelCard(), SegmentationRecipe(), specs)
    stored = {"vector": np.zeros((1, 7), np.float32), "map": np.full((1, 2, 2), 4)}
    assert decoder.whole([Outputs.of(specs, stored)], NOWHERE, 0.0).classes.tolist() == [[4, 4], [4, 4]]


def test_quantized_class_numbers_need_the_kind() -> None:
    grid = np.array([[[0, 3]]], np.uint8)
    found = read(grid, SegmentationRecipe(kind="classes"), scale=1.0)
    assert found.classes.tolist() == [[0, 3]]
    assert read(grid, scale=1.0).classes.tolist() == [[0, 1]]  # scores with a threshold of 0.5


@pytest.mark.parametrize(("scale", "zero_point"), [(0.5, 0), (1.0, 3)])
def test_integers_that_stand_for_other_numbers_are_no_class_numbers(scale: float, zero_point: int) -> None:
    with pytest.raises(CardError, match='of kind "classes"'):
        read(
            np.zeros((1, 4, 4), np.uint8),
            SegmentationRecipe(kind="classes"),
            scale=scale,
            zero_point=zero_point,
        )


def test_a_source_of_another_size_has_a_result_of_another_size() -> None:
    """In the same place of the tensor, as crops at one corner are."""
    spec = TensorSpec("map", (1, 4, 4), "uint8")
    decoder = SegmentationTask().open(ModelCard(), SegmentationRecipe(), [spec])
    outputs, state = Outputs.of([spec], {"map": np.ones((1, 4, 4), np.uint8)}), decoder.begin()
    for source_wh in ((4, 4), (6, 4), (4, 5)):
        (result,) = decoder.decode(outputs, Context(source_wh=source_wh, tensor_wh=(4, 4)), state)
        assert result.classes.shape[::-1] == source_wh


def test_memory_is_used_again_for_the_same_name_shape_and_type_only() -> None:
    room = Room()
    first = room.array("best", (2, 3), np.uint8)
    assert room.array("best", (2, 3), np.uint8) is first
    assert room.array("best", (3, 2), np.uint8).shape == (3, 2)
    assert room.array("best", (3, 2), np.float32).dtype == np.float32
    assert room.array("other", (3, 2), np.float32) is not room.array("best", (3, 2), np.float32)


@pytest.mark.parametrize("found", [(1, 5, 4, 3), (1, 4, 4, 4), (4, 4, 3), (1, 0, 4, 3)])
def test_another_shape_than_the_file_says_is_an_error(found: tuple[int, ...]) -> None:
    with pytest.raises(ArtifactError, match=r"expected the shape \[1, 4, 4, 3\]"):
        read(np.zeros(found, np.float32), SegmentationRecipe(layout="NHWC"), shape=(1, 4, 4, 3))


def test_a_size_that_is_found_out_while_running_is_read() -> None:
    scores = np.random.default_rng(6).standard_normal((1, 3, 6, 8)).astype(np.float32)
    found = read(scores, shape=(1, 3, -1, -1))
    np.testing.assert_array_equal(found.classes, scores[0].argmax(axis=0))


def test_smooth_needs_scores() -> None:
    with pytest.raises(CardError, match="class numbers"):
        read(np.zeros((1, 4, 4), np.uint8), SegmentationRecipe(smooth=True))
    with pytest.raises(CardError, match=r"^smooth: "):
        SegmentationRecipe(kind="classes", smooth=True).check()


def smooth_by_hand(scores: Array, width: int, height: int) -> Array:
    """float64 bilinear interpolation at the centres of pixels, clamped at the edges; [h, w, c]"""
    for axis, size in ((0, height), (1, width)):
        cells = scores.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
        low = np.minimum(at.astype(int), cells - 2)
        weight = (at - low).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        scores = np.take(scores, low, axis) * (1 - weight) + np.take(scores, low + 1, axis) * weight
    return scores


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_smooth_interpolates_the_scores_within_the_picture(resize: str) -> None:
    """Pixels whose two best scores are nearly equal may fall to either: OpenCV counts in 1/32 of a cell."""
    rng = np.random.default_rng(7)
    scores = rng.standard_normal((1, 8, 8, 4)).astype(np.float32)
    context = seen((64, 32), (8, 8), resize)
    inside = scores[0, 2:6] if resize == "letterbox" else scores[0]
    if resize == "letterbox":
        scores[0, :2], scores[0, 6:] = 100 * np.eye(4)[3], 100 * np.eye(4)[3]
    expected = smooth_by_hand(inside.astype(np.float64), 64, 32)
    found = read(scores, SegmentationRecipe(smooth=True, layout="NHWC"), context=context).classes
    ranked = np.sort(expected, axis=-1)
    clear = ranked[..., -1] - ranked[..., -2] > 0.1
    assert clear.mean() > 0.7
    np.testing.assert_array_equal(found[clear], expected.argmax(axis=-1)[clear])


def test_smooth_edges_follow_the_threshold_between_stored_numbers() -> None:
    """The logit rises from -16 to 16 by 1 for each pixel; the sigmoid reaches 0.5 at 0, and 0.9 at 2.2. To one pixel:
    OpenCV before 5.0 rounds to 1/32 of a cell."""
    stored = np.array([[[[0], [2]]]], np.uint8)
    for threshold, ones in ((0.5, 32), (0.9, 30)):
        recipe = SegmentationRecipe(smooth=True, threshold=threshold, decode="logits")
        found = read(stored, recipe, scale=16.0, zero_point=1, context=seen((64, 1), (2, 1)))
        count = int(found.classes.sum())
        assert abs(count - ones) <= 1
        assert found.classes[0].tolist() == [0] * (64 - count) + [1] * count


def test_smooth_keeps_the_class_outside() -> None:
    scores = np.zeros((1, 8, 8, 2), np.float32)
    scores[..., 1] = 1
    recipe = SegmentationRecipe(smooth=True, outside=9)
    found = read(scores, recipe, context=seen((32, 16), (8, 8), "center-crop"))
    assert found.classes[0].tolist() == [9] * 8 + [1] * 16 + [9] * 8


@pytest.mark.parametrize("smooth", [False, True])
def test_a_rotated_view_is_turned_back(smooth: bool) -> None:
    """A view turned by 30 degrees, whose left half is class 1: pixels clearly inside it, and clearly outside."""
    view = View.around((40.0, 30.0), (36.0, 36.0), (18, 18), angle=np.pi / 6)
    context = Context(view.to_source, (80, 60), (18, 18))
    scores = np.zeros((1, 18, 18, 3), np.float32)
    scores[:, :, :9, 1] = scores[:, :, 9:, 2] = 1
    found = read(scores, SegmentationRecipe(smooth=smooth, outside=4), context=context).classes
    y, x = np.mgrid[:60, :80] + 0.5
    dx, dy = x - 40, y - 30
    along = dx * np.cos(np.pi / 6) + dy * np.sin(np.pi / 6)
    across = -dx * np.sin(np.pi / 6) + dy * np.cos(np.pi / 6)
    reach = np.maximum(abs(along), abs(across))
    assert (found[(reach < 17) & (along < -2)] == 1).all()
    assert (found[(reach < 17) & (along > 2)] == 2).all()
    assert (found[reach > 20] == 4).all()


def test_a_quarter_turn_is_exact() -> None:
    grid = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    to_source = np.array(
        [[0.0, -1.0, 3.0], [1.0, 0.0, 0.0]]
    )  # clockwise: the tensor's x runs down in the source
    found = read(grid, context=Context(to_source, (3, 4), (4, 3)))
    np.testing.assert_array_equal(found.classes, np.rot90(grid[0], -1))


@pytest.mark.parametrize(("across", "down"), [(0.5, 0.0), (0.0, 0.5)])
def test_a_sheared_view_is_sheared_back(across: float, down: float) -> None:
    context = Context(np.array([[1.0, across, 0], [down, 1.0, 0]]), (14, 14), (8, 8))
    grid = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    found = read(grid, SegmentationRecipe(outside=99), context=context).classes
    np.testing.assert_array_equal(found, nearest_by_loops(grid[0], context, 99))


def test_a_mirrored_view_is_mirrored_back() -> None:
    grid = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    found = read(grid, context=Context(np.array([[-1.0, 0, 4], [0, 1, 0]]), (4, 3), (4, 3)))
    np.testing.assert_array_equal(found.classes, grid[0, :, ::-1])


def test_a_view_beside_the_picture_shows_only_the_outside() -> None:
    grid = np.ones((1, 4, 4), np.uint8)
    found = read(
        grid,
        SegmentationRecipe(outside=3),
        context=Context(np.array([[1.0, 0, 99], [0, 1, 0]]), (8, 6), (4, 4)),
    )
    assert (found.classes == 3).all()


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_view_without_an_area_is_refused(value: float) -> None:
    context = Context(np.array([[value, 0, 0], [0, 1.0, 0]]), (8, 6), (4, 4))
    with pytest.raises(InputError, match="more than 0 pixels"):
        read(np.ones((1, 4, 4), np.uint8), context=context)


def test_results_keep_their_pixels_when_the_next_picture_comes() -> None:
    spec = TensorSpec("map", (1, 2, 2, 3), "float32")
    decoder = SegmentationTask().open(ModelCard(), SegmentationRecipe(layout="NHWC"), [spec])
    state, stored = decoder.begin(), np.zeros(spec.shape, np.float32)
    outputs = Outputs([spec], [stored].__getitem__)
    kept = []
    for context in (NOWHERE, seen((4, 4), (2, 2)), seen((6, 4), (2, 2)), seen((4, 4), (2, 2))):
        for best in (1, 2):
            stored[...] = np.eye(3)[best]
            (result,) = decoder.decode(outputs, context, state)
            kept.append((best, context.source_wh, result.classes))
    for best, source_wh, classes in kept:
        assert (classes == best).all()
        assert classes.shape[::-1] == (source_wh if any(source_wh) else (2, 2))


def test_nothing_is_left_to_say_at_the_end() -> None:
    decoder = SegmentationTask().open(
        ModelCard(), SegmentationRecipe(), [TensorSpec("map", (1, 2, 2), "uint8")]
    )
    assert not list(decoder.end(NOWHERE, decoder.begin()))


@pytest.mark.parametrize(("numbers", "told"), [([0, 9], True), ([0, 255], False), ([0, 2], False)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_classes_beyond_the_labels_are_told(
    numbers: list[int], told: bool, dtype: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "edgemm"):
        read(np.array([[numbers]], dtype), labels=("a", "b", "c"))
    assert [
        "the model gave class 9, and the card has 3 labels" in each.getMessage() for each in caplog.records
    ] == ([True] if told else [])


@pytest.mark.parametrize(("value", "told"), [(5.0, True), (-1.0, True), (1.01, False), (0.3, False)])
def test_a_mask_of_logits_that_is_read_as_probabilities_is_told(
    value: float, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "edgemm"):
        read(np.array([[[[0.3, value]]]], np.float32), SegmentationRecipe(kind="binary"))
    assert len(caplog.records) == told
