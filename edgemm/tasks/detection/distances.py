"""Boxes that are distances from a point of a cell to the four sides: YOLOv8 before its decoding, NanoDet, SCRFD.

Distances may be given as a distribution over 0, 1, 2 ... strides (Generalized Focal Loss, Li et al. 2020): the mean
under the softmax of its numbers counts. Key points are offsets from the same point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgemm.errors import CardError
from edgemm.tasks.detection import layout
from edgemm.tasks.detection.activations import softmax
from edgemm.tasks.detection.blocks import Block, Table
from edgemm.tasks.detection.head import Floats, Integers
from edgemm.tasks.detection.places import with_points
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.rows import require_background
from edgemm.tasks.detection.search import ScoreSearch
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

Cells = tuple[int, int]
"""Rows and columns of a grid."""


class DistancesHead:
    """One output for each stride and part, or all candidates in one, in the order of the strides.

    Shapes of an output for one stride: [1, A * V, H, W], [1, H, W, A * V], [N, V], [1, N, V] or [1, V, N], where A is
    `cell_anchors`, and N = H * W * A goes cell by cell.

    Raises:
        CardError: outputs and recipe do not fit.
    """

    suppressed = False

    def __init__(
        self, recipe: DetectionRecipe, specs: Sequence[TensorSpec], classes: int, wh: tuple[int, int]
    ) -> None:
        grids = [(math.ceil(wh[1] / stride), math.ceil(wh[0] / stride)) for stride in recipe.strides]
        self._bins = max(recipe.bins, 1)
        parts = _Parts(recipe, specs, classes, grids)
        require_background(recipe, parts.scores.width)
        self.search = ScoreSearch(parts.scores, None, recipe)
        self._boxes, self._points, self._count = parts.boxes, parts.points, recipe.points
        self._corners, strides = _centres(recipe, grids, parts.boxes)
        self._units = np.ones_like(strides) if recipe.coordinates == "pixels" else strides
        self._steps = np.arange(self._bins, dtype=np.float32)

    def places(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Floats:
        """See `Head`."""
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite box is dropped by the caller
            distances = self._boxes.take(outputs, index)
            if self._bins > 1:
                distances = softmax(distances.reshape(len(index), 4, self._bins)) @ self._steps
            centre, unit = self._corners[index], self._units[index]
            boxes = np.concatenate(
                [centre - distances[:, :2] * unit, centre + distances[:, 2:] * unit], axis=1
            )
            if self._points is None:
                return boxes
            rows = with_points(boxes, self._points.take(outputs, index), self._count)
            points = rows[:, 4:].reshape(len(rows), self._count, 2)  # a view
            points *= unit[:, None]
            points += centre[:, None]
            return rows


def _centres(recipe: DetectionRecipe, grids: Sequence[Cells], boxes: Table) -> tuple[Floats, Floats]:
    """float32[n, 2], pixels of the input: the point of each candidate; and float32[n, 1], its stride."""
    by_anchor = [False] * len(grids) if len(boxes.blocks) == 1 else _by_anchor(recipe, boxes)
    points, strides = [], []
    for (down, across), stride, outer in zip(grids, recipe.strides, by_anchor, strict=True):
        rows, columns = np.divmod(np.arange(down * across), across)
        cell = (np.stack([columns, rows], axis=1) + np.array(recipe.anchor_offset)) * stride
        anchors = recipe.cell_anchors
        points.append(np.tile(cell, (anchors, 1)) if outer else np.repeat(cell, anchors, axis=0))
        strides.append(np.full((len(cell) * anchors, 1), stride, np.float32))
    return np.concatenate(points).astype(np.float32), np.concatenate(strides)


def _by_anchor(recipe: DetectionRecipe, boxes: Table) -> list[bool]:
    """For each grid: the candidates go anchor by anchor, each a block."""
    found, at = [], 0
    while at < len(boxes.blocks):
        outer = recipe.cell_anchors > 1 and boxes.blocks[at].shape[0] == recipe.cell_anchors
        found.append(outer)
        at += recipe.cell_anchors if outer else 1
    return found


class _Parts:
    """Boxes, scores and key points as tables."""

    def __init__(
        self, recipe: DetectionRecipe, specs: Sequence[TensorSpec], classes: int, grids: Sequence[Cells]
    ) -> None:
        self._recipe, self._grids = recipe, grids
        side, values = 4 * max(recipe.bins, 1), recipe.points * recipe.point_values
        self.points: Table | None = None
        if recipe.scores_outputs:
            self.boxes = self._table(specs, recipe.boxes_outputs, side, "boxes_outputs", "numbers of a box")
            self.scores = self._table(specs, recipe.scores_outputs, classes, "scores_outputs", "scores")
            if values:
                self.points = self._table(
                    specs, recipe.points_outputs, values, "points_outputs", "numbers of key points"
                )
        else:
            names = recipe.boxes_outputs or [spec.name for spec in specs]
            wanted = side + classes + values if classes else 0
            whole = self._table(specs, names, wanted, "boxes_outputs", "numbers")
            self._split(whole, side, values)
        self._require_one_order()

    def _split(self, whole: Table, side: int, values: int) -> None:
        count = whole.width - side - values
        if count < 1:
            raise CardError(
                f"bins: expected {side} numbers of a box, {values} of key points and at least one score in each row, "
                f"found rows of {whole.width}"
            )
        first = count if self._recipe.scores_first else 0
        self.boxes = whole.part(first, first + side)
        begin = 0 if self._recipe.scores_first else side
        self.scores = whole.part(begin, begin + count)
        self.points = whole.part(side + count, whole.width) if values else None

    def _table(
        self, specs: Sequence[TensorSpec], names: Sequence[str], width: int, key: str, what: str
    ) -> Table:
        """Args:
        width: numbers of each candidate; 0: as many as there are.
        """
        chosen = [layout.numbers(spec, what) for spec in layout.named(specs, names, key)]
        grids, anchors = self._grids, self._recipe.cell_anchors
        if len(chosen) == 1 and len(grids) != 1:
            count = sum(down * across for down, across in grids) * anchors
            return Table(tuple(self._blocks(chosen[0], width, (1, count // anchors), key, what)))
        if len(chosen) != len(grids):
            raise CardError(
                f"{key}: expected {len(grids)} outputs, one for each of the strides, or one with all candidates, found "
                f"{len(chosen)} among {layout.listed(specs)}"
            )
        found = [
            block
            for spec, cells in zip(chosen, grids, strict=True)
            for block in self._blocks(spec, width, cells, key, what)
        ]
        if len({block.width for block in found}) > 1:
            raise CardError(f"{key}: expected as many {what} in each, found {layout.listed(chosen)}")
        return Table(tuple(found))

    def _blocks(self, spec: TensorSpec, width: int, cells: Cells, key: str, what: str) -> list[Block]:
        anchors, asked = self._recipe.cell_anchors, self._recipe.layout
        count, total = math.prod(cells) * anchors, math.prod(spec.shape)
        width = width or total // max(count, 1)
        shape = tuple(spec.shape)
        if width and total == count * width and min(shape, default=0) > 0:
            planes = shape == (1, anchors * width, *cells) and asked != "rows"
            last = shape == (1, *cells, anchors * width) and asked != "columns"
            if planes and not last:
                of = (anchors, width, math.prod(cells))
                return [Block(spec, of, True, 0, width, at) for at in range(anchors)]
            if last and not planes:
                return [Block(spec, (1, count, width), False, 0, width)]
            block = layout.matrix(spec, width, asked) if len(shape) < 4 else None
            if block is not None and block.count == count:
                return [block]
        raise CardError(
            f"{key}: output {spec.name!r}: expected {width or 'some'} {what} for each of {count} candidates, {anchors} "
            f"in each cell, found {list(spec.shape)}. See strides, cell_anchors, bins, layout"
        )

    def _require_one_order(self) -> None:
        """All parts go through the candidates alike."""
        tables = [self.boxes, self.scores, *([self.points] if self.points else [])]
        if len({tuple(block.count for block in each.blocks) for each in tables}) > 1:
            raise CardError(
                "boxes_outputs: expected boxes, scores and key points in outputs of one form, found "
                + "; ".join(layout.listed([block.spec for block in each.blocks]) for each in tables)
            )
