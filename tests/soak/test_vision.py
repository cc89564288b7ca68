"""Segmentation and landmarks on thousands of seeded outputs: the right answer, or an error; never a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

from edgemm.card import ImageRecipe, ModelCard
from edgemm.errors import ArtifactError, CardError
from edgemm.preprocess.placement import place
from edgemm.preprocess.view import View
from edgemm.tasks.context import Context
from edgemm.tasks.landmarks import LandmarksRecipe, LandmarksTask
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.segmentation import SegmentationRecipe, SegmentationTask
from edgemm.tensors import TensorSpec

package("cv2")
pytestmark = pytest.mark.device
Array = npt.NDArray[Any]
Rounds = Callable[[int, int], int]


def context(rng: np.random.Generator) -> Context:
    """A picture of any size, placed by a card's recipe."""
    source_wh = int(rng.integers(1, 60)), int(rng.integers(1, 60))
    tensor_wh = int(rng.integers(1, 40)), int(rng.integers(1, 40))
    recipe = ImageRecipe(resize=str(rng.choice(["stretch", "letterbox", "center-crop"])))  # type: ignore[arg-type]
    return Context(place(recipe, source_wh, tensor_wh).to_source, source_wh, tensor_wh)


def cells(at: Context, grid_hw: tuple[int, int]) -> tuple[Array, Array, Array]:
    """For each pixel of the source the row and column of its cell, and whether it has one."""
    width, height = at.source_wh
    y, x = np.mgrid[:height, :width] + 0.5
    column = (x - at.to_source[0, 2]) / at.to_source[0, 0] * grid_hw[1] / at.tensor_wh[0]
    row = (y - at.to_source[1, 2]) / at.to_source[1, 1] * grid_hw[0] / at.tensor_wh[1]
    row, column = (np.floor(each + 1e-6).astype(int) for each in (row, column))
    return row, column, (row >= 0) & (row < grid_hw[0]) & (column >= 0) & (column < grid_hw[1])


def test_every_form_of_a_map_at_every_place(rounds: Rounds) -> None:
    for seed in range(rounds(5000, 150)):
        rng = np.random.default_rng(seed)
        at, hw = context(rng), (int(rng.integers(2, 30)), int(rng.integers(2, 30)))
        dtype = str(rng.choice(["int8", "uint8", "float32"]))
        layout: Literal["NHWC", "NCHW"] = "NHWC" if rng.random() < 0.5 else "NCHW"
        channels, grid = int(rng.integers(1, 9)), (0.013, int(rng.integers(-9, 9)))
        scores = rng.integers(0, 100, (*hw, channels)).astype(dtype)
        spec_grid = grid if dtype != "float32" else (0.0, 0)
        stored = scores[None] if layout == "NHWC" else np.ascontiguousarray(scores.transpose(2, 0, 1)[None])
        spec = TensorSpec("map", stored.shape, dtype, *spec_grid)
        recipe = SegmentationRecipe(layout=layout, outside=11, threshold=float(rng.uniform(0, 1)))
        decoder = SegmentationTask().open(ModelCard(), recipe, [spec])
        expected = scores.argmax(axis=-1)
        if channels == 1:
            expected = (spec.dequantize(scores[..., 0]) >= np.float32(recipe.threshold)).astype(int)
        row, column, seen = cells(at, hw)
        wanted = np.where(seen, expected[row.clip(0, hw[0] - 1), column.clip(0, hw[1] - 1)], 11)
        (found,) = decoder.decode(Outputs.of([spec], {"map": stored}), at, decoder.begin())
        np.testing.assert_array_equal(found.classes, wanted, err_msg=f"seed {seed}")


def spoiled(rng: np.random.Generator, array: Array) -> Array:
    """With some numbers that are no answer."""
    bad = rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0], array.shape).astype(np.float32)
    return np.where(rng.random(array.shape) < rng.choice([0.0, 0.01, 0.5]), bad, array).astype(np.float32)


def test_no_damage_becomes_a_point(rounds: Rounds) -> None:
    points = errors = 0
    for seed in range(rounds(20000, 500)):
        rng = np.random.default_rng(seed)
        view = View.around((30.0, 20.0), (25.0, 18.0), (24, 16), angle=float(rng.uniform(-4, 4)))
        at = Context(view.to_source, (64, 48), (24, 16))
        fields: dict[str, Any] = {
            "scores": str(rng.choice(["probabilities", "logits"])),
            "presence": str(rng.choice(["", "flag"])),
            "threshold": float(rng.choice([0.0, 0.5])),
        }
        if rng.random() < 0.5:
            recipe = LandmarksRecipe(values=("x", "y", "z", "score"), **fields)
            array = rng.uniform(0, 30, (1, 20)).astype(np.float32)
        else:
            peak = str(rng.choice(["parabola", "quarter", "centroid", "cell"]))
            recipe = LandmarksRecipe(form="heat-maps", layout="NCHW", peak=peak, **fields)  # type: ignore[arg-type]
            array = rng.uniform(0, 1, (1, 5, 8, 6)).astype(np.float32)
        stored = {"points": spoiled(rng, array), "flag": spoiled(rng, np.full((1, 1), 0.9, np.float32))}
        specs = [TensorSpec(name, each.shape, "float32") for name, each in stored.items()]
        decoder = LandmarksTask().open(ModelCard(), recipe, specs)
        try:
            (found,) = decoder.decode(Outputs.of(specs, stored), at, decoder.begin())
        except ArtifactError:
            errors += 1
            continue
        assert np.isfinite(found.points_xy).all(), seed
        assert ((found.scores >= 0) & (found.scores <= 1)).all(), seed
        assert 0 <= found.score <= 1, seed
        assert len(found.points_xy) == (5 if found.score >= recipe.threshold else 0) or not recipe.presence, (
            seed
        )
        points += len(found.points_xy) > 0
    assert points > 50
    assert errors > 50


def test_any_shape_gives_a_result_of_the_size_of_the_source_or_an_error(rounds: Rounds) -> None:
    opened = 0
    for seed in range(rounds(20000, 500)):
        rng = np.random.default_rng(seed)
        shape = tuple(int(size) for size in rng.choice([0, 1, 1, 2, 3, 5, 8], int(rng.integers(0, 6))))
        dtype = str(
            rng.choice(["bool", "int8", "uint8", "int32", "int64", "uint16", "float16", "float32", "float64"])
        )
        quantized = dtype in ("int8", "uint8") and rng.random() < 0.5
        spec = TensorSpec("map", shape, dtype, 0.1 if quantized else 0.0)
        recipe = SegmentationRecipe(
            kind=str(rng.choice(["auto", "classes", "scores", "binary"])),  # type: ignore[arg-type]
            layout=str(rng.choice(["auto", "NHWC", "NCHW"])),  # type: ignore[arg-type]
            smooth=bool(rng.random() < 0.3),
        )
        at = context(rng)
        try:
            decoder = SegmentationTask().open(ModelCard(), recipe, [spec])
        except CardError:
            continue
        opened += 1
        stored = rng.integers(0, 2, shape).astype(dtype)
        (found,) = decoder.decode(Outputs.of([spec], {"map": stored}), at, decoder.begin())
        assert found.classes.dtype == np.uint8, seed
        assert found.classes.shape == at.source_wh[::-1], seed
    assert opened > 50
