"""Rows that are relative to the cells of grids: YOLOX, YOLOv3, YOLOv5 as the network itself gives them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgemm.errors import CardError
from edgemm.tasks.detection import layout
from edgemm.tasks.detection.activations import sigmoid
from edgemm.tasks.detection.blocks import Block, Table
from edgemm.tasks.detection.head import Floats, Integers
from edgemm.tasks.detection.places import sides
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.rows import Parts
from edgemm.tasks.detection.search import ScoreSearch
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

_sigmoid = sigmoid()


class Cells:
    """The cell and the anchor of each candidate: anchor by anchor, row by row; or cell by cell.

    Fields are float32[n, 2]: `corner` column and row of the cell, `stride` pixels, `anchor` width and height in pixels.
    """

    def __init__(self, recipe: DetectionRecipe, wh: tuple[int, int], *, by_cell: Sequence[bool]) -> None:
        """Args:
        recipe: strides, grid_anchors.
        wh: the input's size in pixels.
        by_cell: for each grid: the anchors of one cell lie side by side.
        """
        pairs = np.array(recipe.grid_anchors, np.float32).reshape(len(recipe.strides), -1, 2)
        if recipe.grid == "yolox":
            pairs = np.ones((len(recipe.strides), 1, 2), np.float32)
        corners, strides, anchors = [], [], []
        for stride, sizes, inner in zip(recipe.strides, pairs, by_cell, strict=True):
            across, down = wh[0] // stride, wh[1] // stride
            rows, columns = np.divmod(np.arange(across * down), max(across, 1))
            cell = np.stack([columns, rows], axis=1).astype(np.float32)
            if inner:
                corners.append(np.repeat(cell, len(sizes), axis=0))
                anchors.append(np.tile(sizes, (len(cell), 1)))
            else:
                corners.append(np.tile(cell, (len(sizes), 1)))
                anchors.append(np.repeat(sizes, len(cell), axis=0))
            strides.append(np.full((len(cell) * len(sizes), 2), stride, np.float32))
        self.corner, self.stride, self.anchor = map(np.concatenate, (corners, strides, anchors))


class GridHead:
    """Boxes decoded from cells and anchors.

    One output for each stride, or one with all candidates in the order of the strides. Outputs with several anchors:
    [1, A, H, W, V], [1, A * V, H, W] or [1, H, W, A * V]; one with all candidates: anchor by anchor within a stride.

    Raises:
        CardError: outputs and recipe do not fit.
    """

    suppressed = False

    def __init__(
        self, recipe: DetectionRecipe, specs: Sequence[TensorSpec], classes: int, wh: tuple[int, int]
    ) -> None:
        grids = _grids(recipe, specs, wh)
        if grids:
            boxes, objectness, scores, by_cell = _cut(recipe, grids, classes, wh)
        else:
            parts = Parts(recipe, specs, classes)
            boxes, objectness, scores = parts.boxes, parts.objectness, parts.scores
            by_cell = [False] * len(recipe.strides)
        self.search = ScoreSearch(scores, objectness, recipe)
        self._boxes, self._grid = boxes, recipe.grid
        self._cells = Cells(recipe, wh, by_cell=by_cell)
        if len(self._cells.corner) != boxes.count:
            raise CardError(
                f"strides: expected cells for {boxes.count} candidates, found {len(self._cells.corner)} for strides "
                f"{list(recipe.strides)} of an input of {wh[0]} x {wh[1]}"
            )

    def places(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Floats:
        """See `Head`."""
        raw, cells = self._boxes.take(outputs, index), self._cells
        corner, stride, anchor = cells.corner[index], cells.stride[index], cells.anchor[index]
        xy, size = raw[:, :2], raw[:, 2:]
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite box is dropped by the caller
            if self._grid == "yolox":
                centre, extent = (xy + corner) * stride, np.exp(size) * stride
            elif self._grid == "yolov3":
                centre, extent = (_sigmoid(xy) + corner) * stride, np.exp(size) * anchor
            else:
                centre = (_sigmoid(xy) * np.float32(2) - np.float32(0.5) + corner) * stride
                extent = (_sigmoid(size) * np.float32(2)) ** 2 * anchor
        return sides(np.concatenate([centre, extent], axis=1), "cxcywh")


def _grids(recipe: DetectionRecipe, specs: Sequence[TensorSpec], wh: tuple[int, int]) -> list[TensorSpec]:
    """The outputs that are one grid each, in the order of the strides; [] where the candidates are in one list."""
    if recipe.boxes_outputs:
        chosen = layout.named(specs, recipe.boxes_outputs, "boxes_outputs")
        return chosen if all(len(spec.shape) >= 4 for spec in chosen) else []
    if not all(len(spec.shape) >= 4 for spec in specs):
        return []
    found = []
    for stride in recipe.strides:
        down, across = wh[1] // stride, wh[0] // stride
        fitting = [spec for spec in specs if _where(spec, down, across) is not None]
        if len(fitting) != 1:
            raise CardError(
                f"boxes_outputs: expected one grid of {down} x {across} for stride {stride} of an input of "
                f"{wh[0]} x {wh[1]}, found {len(fitting)} among {layout.listed(specs)}. Name them in the order of "
                "the strides"
            )
        found += fitting
    return found


def _where(spec: TensorSpec, down: int, across: int) -> str | None:
    """Which axes of an output are the grid."""
    shape = tuple(spec.shape)
    if len(shape) == 5 and shape[0] == 1 and shape[2:4] == (down, across):
        return "anchors first"
    if len(shape) == 4 and shape[0] == 1:
        if shape[1:3] == (down, across):
            return "values last"
        if shape[2:] == (down, across):
            return "values first"
    return None


def _cut(
    recipe: DetectionRecipe, grids: Sequence[TensorSpec], classes: int, wh: tuple[int, int]
) -> tuple[Table, Table | None, Table, list[bool]]:
    """Boxes, objectness, scores of each grid, and whether it goes cell by cell."""
    if len(grids) != len(recipe.strides):
        raise CardError(f"strides: expected one for each of {len(grids)} grids, found {len(recipe.strides)}")
    anchors = len(recipe.grid_anchors) // 2 // len(recipe.strides) or 1
    blocks, by_cell = [], []
    for spec, stride in zip(grids, recipe.strides, strict=True):
        block = _blocks(spec, wh[1] // stride, wh[0] // stride, anchors)
        blocks += block
        by_cell.append(not block[0].columns and len(block) == 1 and len(spec.shape) == 4)
    whole, first = Table(tuple(blocks)), 5 if recipe.objectness else 4
    wanted = first + classes if classes else whole.width
    if any(block.width != wanted for block in blocks) or wanted <= first:
        raise CardError(
            f"boxes_outputs: expected {anchors} anchors of {wanted} numbers (4 of the box"
            f"{', objectness' * recipe.objectness} and one for each class) in each cell, "
            f"found {layout.listed(grids)}. See grid_anchors, objectness, labels"
        )
    return (
        whole.part(0, 4),
        whole.part(4, 5) if recipe.objectness else None,
        whole.part(first, wanted),
        by_cell,
    )


def _blocks(spec: TensorSpec, down: int, across: int, anchors: int) -> list[Block]:
    """The candidates of one grid, the values of each whole."""
    layout.numbers(spec, "boxes and scores")
    where, cells = _where(spec, down, across), down * across
    total = math.prod(spec.shape)
    width = total // (cells * anchors) if cells else 0
    if (
        where is None
        or total != cells * anchors * width
        or (where == "anchors first" and spec.shape[1] != anchors)
    ):
        raise CardError(
            f"output {spec.name!r}: expected a grid of {down} x {across} with {anchors} anchors, [1, A, H, W, V], "
            f"[1, A * V, H, W] or [1, H, W, A * V], found {list(spec.shape)}. See strides and grid_anchors"
        )
    if where == "values first":
        return [Block(spec, (anchors, width, cells), True, 0, width, at) for at in range(anchors)]
    return [Block(spec, (1, cells * anchors, width), False, 0, width)]
