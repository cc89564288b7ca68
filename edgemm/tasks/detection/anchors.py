"""Anchors as MediaPipe's SsdAnchorsCalculator makes them, and boxes that are offsets to them (SSD, Liu et al. 2016)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgemm.errors import CardError
from edgemm.tasks.detection.head import Floats, Integers, Rows
from edgemm.tasks.detection.places import with_points
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.detection.rows import Parts
from edgemm.tasks.detection.search import ScoreSearch
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

_HALF = np.float32(0.5)


def make(recipe: DetectionRecipe, wh: tuple[int, int]) -> Floats:
    """float32[n, 4]: centre x, centre y, width, height of each anchor, 0..1 of the input.

    Args:
        recipe: strides, and the fields that begin with anchor_.
        wh: the input's size in pixels.
    """
    grids, at = [], 0
    while at < len(recipe.strides):
        end = at + 1
        while end < len(recipe.strides) and recipe.strides[end] == recipe.strides[at]:
            end += 1  # grids of the same stride are one, with the anchors of all in each cell
        shapes = [shape for layer in range(at, end) for shape in _shapes(recipe, layer)]
        grids.append(_grid(recipe, wh, recipe.strides[at], shapes))
        at = end
    return np.asarray(np.concatenate(grids), np.float32)


def _scale(recipe: DetectionRecipe, layer: int) -> float:
    smallest, largest = recipe.anchor_scales
    if len(recipe.strides) == 1:
        return (smallest + largest) / 2
    return smallest + (largest - smallest) * layer / (len(recipe.strides) - 1)


def _shapes(recipe: DetectionRecipe, layer: int) -> list[tuple[float, float]]:
    """Width and height of the anchors that one layer puts into each cell."""
    scale = _scale(recipe, layer)
    if layer == 0 and recipe.anchor_reduce_lowest:
        wanted = [(1.0, 0.1), (2.0, scale), (0.5, scale)]
    else:
        wanted = [(ratio, scale) for ratio in recipe.anchor_ratios]
        if recipe.anchor_interpolated_ratio > 0:
            following = 1.0 if layer == len(recipe.strides) - 1 else _scale(recipe, layer + 1)
            wanted.append((recipe.anchor_interpolated_ratio, math.sqrt(scale * following)))
    return [(size * math.sqrt(ratio), size / math.sqrt(ratio)) for ratio, size in wanted]


def _grid(
    recipe: DetectionRecipe, wh: tuple[int, int], stride: int, shapes: Sequence[tuple[float, float]]
) -> Floats:
    """The anchors of one grid, row by row, cell by cell."""
    across, down = math.ceil(wh[0] / stride), math.ceil(wh[1] / stride)
    made = np.ones((down, across, len(shapes), 4), np.float64)
    made[..., 0] = ((np.arange(across) + recipe.anchor_offset[0]) / across)[None, :, None]
    made[..., 1] = ((np.arange(down) + recipe.anchor_offset[1]) / down)[:, None, None]
    if not recipe.anchor_fixed_size:
        made[..., 2:] = np.array(shapes)
    return np.asarray(made.reshape(-1, 4), np.float32)


def _whole_pixels(scales: Sequence[float]) -> tuple[float, float] | None:
    """The size of input whose pixels the offsets are: dividing by it and multiplying with it changes no bit, so neither
    is done. None where the scales are no powers of two."""
    across, down, *size = scales
    exact = all(math.frexp(scale)[0] == 0.5 and scale >= 1 for scale in (across, down))
    return (across, down) if exact and size == [across, down] else None


class AnchorsHead:
    """Offsets to anchors, in units of `box_scales`; key points likewise.

    Raises:
        CardError: outputs and recipe do not fit.
    """

    suppressed = False

    def __init__(
        self, recipe: DetectionRecipe, specs: Sequence[TensorSpec], classes: int, wh: tuple[int, int]
    ) -> None:
        parts = Parts(recipe, specs, classes)
        self.search = ScoreSearch(parts.scores, None, recipe)
        self._boxes, self._points, self._count = parts.boxes, parts.points, recipe.points
        whole = parts.boxes.followed_by(parts.points) if recipe.point_values == 2 and parts.points else None
        if whole is not None:  # boxes and points side by side are read as one
            self._boxes, self._points = whole, None
        anchors = make(recipe, wh)
        if len(anchors) != parts.boxes.count:
            raise CardError(
                f"strides: expected anchors for {parts.boxes.count} boxes, found {len(anchors)} for strides "
                f"{list(recipe.strides)} of an input of {wh[0]} x {wh[1]}. See strides, anchor_ratios, "
                "anchor_interpolated_ratio and anchor_reduce_lowest"
            )
        self._turned = recipe.box == "cycxhw"
        self._exponential = recipe.box_exponential
        # A row of pairs: centre, size, points. All but the size lie around the anchor's centre.
        pairs = 2 + recipe.points
        scales = np.array(recipe.box_scales, np.float32)
        self._scales = np.concatenate([scales, *[scales[:2]] * recipe.points])
        self._wholes = None if (anchors[:, 2:] == 1).all() else np.tile(anchors[:, 2:], (1, pairs))
        self._centres = np.tile(anchors[:, :2], (1, pairs))
        self._centres[:, 2:4] = 0
        self._unscaled_wh: tuple[float, float] | None = None
        if self._wholes is None and not recipe.box_exponential:
            self._unscaled_wh = _whole_pixels(recipe.box_scales)
        self._centres_in_pixels = self._centres * self._scales
        self._in_pixels: tuple[tuple[float, float], Floats] = ((0.0, 0.0), np.zeros(0, np.float32))

    def places(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Floats:
        """See `Head`."""
        placed = self._centred(outputs, index, wh)
        centre, size = placed[:, :2], placed[:, 2:4]
        half = size * _HALF
        np.add(centre, half, out=size)
        centre -= half
        return placed

    def few(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Rows:
        """What `places` gives, as Python's own numbers: a shorter way for a few candidates."""
        rows: Rows = self._centred(outputs, index, wh).tolist()
        for row in rows:
            x, y, width, height = row[:4]
            width, height = width * 0.5, height * 0.5
            row[:4] = x - width, y - height, x + width, y + height
        return rows

    def _centred(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Floats:
        """float32[n, 4 + 2k], a new array: centre and size of each box, and its key points, in pixels of the tensor."""
        placed = self._boxes.take(outputs, index)
        if self._points is not None:
            placed = with_points(placed, self._points.take(outputs, index), self._count)
        if self._turned:
            pairs = placed.reshape(len(index), 2 + self._count, 2)
            placed = pairs[..., ::-1].reshape(placed.shape)
        if self._unscaled_wh == wh:
            placed += self._centres_in_pixels[index]
        else:
            placed = self._scaled(placed, index, wh)
        return placed

    def _scaled(self, placed: Floats, index: Integers, wh: tuple[float, float]) -> Floats:
        """Offsets -> centres, sizes and points in pixels, in the same array."""
        placed /= self._scales
        if self._exponential:
            with np.errstate(over="ignore"):  # an infinite box is dropped by the caller
                np.exp(placed[:, 2:4], out=placed[:, 2:4])
        if self._wholes is not None:
            placed *= self._wholes[index]
        placed += self._centres[index]
        placed *= self._pixels(wh)
        return placed

    def _pixels(self, wh: tuple[float, float]) -> Floats:
        """float32[4 + 2k]: width and height in turns."""
        known, pixels = self._in_pixels
        if known != wh:
            pixels = np.array(wh * (2 + self._count), np.float32)
            self._in_pixels = wh, pixels  # at once: several threads may decode
        return pixels
