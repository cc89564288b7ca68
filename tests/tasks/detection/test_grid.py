"""Raw grids of YOLOX, YOLOv3 and YOLOv5 in every layout, against the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.tasks.detection.recipe import DetectionRecipe
from tests.tasks.detection.reference import Thing, around, best_class, kept_of, sigmoid
from tests.tasks.detection.rig import WH, assert_same, cut, decoded, inside, stored

pytestmark = pytest.mark.device

STRIDES = (16, 32)
CLASSES = 3
ANCHORS = {
    "yolox": (),
    "yolov3": (30, 20, 60, 45, 100, 70, 140, 180),
    "yolov5": (30, 20, 60, 45, 100, 70, 140, 180),
}


def raw(seed: int, anchors: int) -> list[npt.NDArray[Any]]:
    """float64[A, H, W, 5 + CLASSES] for each stride."""
    rng = np.random.default_rng(seed)
    made = []
    for stride in STRIDES:
        array = rng.normal(0, 1, (anchors, WH[1] // stride, WH[0] // stride, 5 + CLASSES))
        array[..., 4:] -= 1
        made.append(array)
    return made


def meant(grids: list[npt.NDArray[Any]], grid: str) -> list[list[Thing]]:
    """For each stride the candidates, anchor by anchor, row by row."""
    things: list[list[Thing]] = []
    for scale, (array, stride) in enumerate(zip(grids, STRIDES, strict=True)):
        things.append([])
        for anchor in range(array.shape[0]):
            for row in range(array.shape[1]):
                for column in range(array.shape[2]):
                    x, y, w, h, there, *scores = (float(value) for value in array[anchor, row, column])
                    if grid == "yolox":
                        cx, cy = (x + column) * stride, (y + row) * stride
                        wide, high = math.exp(w) * stride, math.exp(h) * stride
                    else:
                        pair = (scale * array.shape[0] + anchor) * 2
                        aw, ah = ANCHORS[grid][pair : pair + 2]
                        if grid == "yolov3":
                            cx, cy = (sigmoid(x) + column) * stride, (sigmoid(y) + row) * stride
                            wide, high = math.exp(w) * aw, math.exp(h) * ah
                        else:
                            cx = (sigmoid(x) * 2 - 0.5 + column) * stride
                            cy = (sigmoid(y) * 2 - 0.5 + row) * stride
                            wide, high = (sigmoid(w) * 2) ** 2 * aw, (sigmoid(h) * 2) ** 2 * ah
                    number, score = best_class([sigmoid(value) for value in scores])
                    things[-1].append(Thing(around(cx, cy, wide, high), score * sigmoid(there), number))
    return things


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("grid", ["yolox", "yolov3", "yolov5"])
@pytest.mark.parametrize("layout", ["list", "columns", "anchors first", "values first", "values last"])
@pytest.mark.parametrize("turned", [False, True])
def test_grids(dtype: str, grid: Any, layout: str, turned: bool) -> None:
    count = len(ANCHORS[grid]) // 4 or 1
    grids = raw(11, count)
    width = 5 + CLASSES
    if layout in ("list", "columns"):
        flat = np.concatenate([array.reshape(-1, width) for array in grids])
        real = {"all": np.ascontiguousarray(flat.T if layout == "columns" else flat)[None]}
    elif layout == "anchors first":
        real = {f"at{at}": array[None] for at, array in enumerate(grids)}
    elif layout == "values first":  # [1, A * V, H, W]
        real = {
            f"at{at}": np.ascontiguousarray(array.transpose(0, 3, 1, 2)).reshape(
                1, count * width, *array.shape[1:3]
            )
            for at, array in enumerate(grids)
        }
    else:  # [1, H, W, A * V]
        real = {
            f"at{at}": np.ascontiguousarray(array.transpose(1, 2, 0, 3)).reshape(
                1, *array.shape[1:3], count * width
            )
            for at, array in enumerate(grids)
        }
    if turned:  # the grids are told apart by their size, whatever their order in the file
        real = dict(reversed(real.items()))
    specs, arrays, means = stored(real, dtype)
    recipe = DetectionRecipe(
        head="grid",
        grid=grid,
        strides=STRIDES,
        grid_anchors=tuple(map(float, ANCHORS[grid])),
        objectness=True,
        activation="sigmoid",
        threshold=0.3,
    )
    things = meant(_read(means, layout, count), grid)
    if layout == "values last" and count > 1:  # cell by cell
        things = [
            [
                each[anchor * (len(each) // count) + cell]
                for cell in range(len(each) // count)
                for anchor in range(count)
            ]
            for each in things
        ]
    expected = kept_of(inside([thing for each in things for thing in each]), threshold=0.3)
    assert len(expected) > 10
    assert_same(decoded(recipe, specs, arrays), cut(expected), atol=5e-3)


def _read(means: dict[str, npt.NDArray[Any]], layout: str, count: int) -> list[npt.NDArray[Any]]:
    """Back to float64[A, H, W, V] for each stride, from what the file stands for."""
    width, out, begin = 5 + CLASSES, [], 0
    for at, stride in enumerate(STRIDES):
        down, across = WH[1] // stride, WH[0] // stride
        if layout in ("list", "columns"):
            flat = means["all"][0].T if layout == "columns" else means["all"][0]
            cells = count * down * across
            out.append(flat[begin : begin + cells].reshape(count, down, across, width))
            begin += cells
        elif layout == "anchors first":
            out.append(means[f"at{at}"][0])
        elif layout == "values first":
            out.append(means[f"at{at}"][0].reshape(count, width, down, across).transpose(0, 2, 3, 1))
        else:
            out.append(means[f"at{at}"][0].reshape(down, across, count, width).transpose(2, 0, 1, 3))
    return out


def test_a_grid_whose_parts_are_outputs_of_their_own() -> None:
    flat = np.concatenate([array.reshape(-1, 5 + CLASSES) for array in raw(12, 1)])
    real = {"b": flat[None, :, :4], "o": flat[None, :, 4:5], "c": flat[None, :, 5:]}
    specs, arrays, means = stored(real, "int8")
    recipe = DetectionRecipe(
        head="grid",
        strides=STRIDES,
        objectness=True,
        activation="sigmoid",
        boxes_outputs=("b",),
        scores_outputs=("c",),
        objectness_outputs=("o",),
    )
    joined = np.concatenate([means["b"][0], means["o"][0], means["c"][0]], axis=1)
    grids = _read({"all": joined[None]}, "list", 1)
    things = [thing for each in meant(grids, "yolox") for thing in each]
    assert_same(decoded(recipe, specs, arrays), cut(kept_of(inside(things), threshold=0.25)), atol=5e-3)
