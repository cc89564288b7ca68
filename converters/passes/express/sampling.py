"""Pictures sampled at computed coordinates: GridSample, DeformConv, RoiAlign, and the grid of an affine map.

Each place is split into the elements around it and their weights, along one axis after the other; the
elements are gathered from the flattened picture. https://onnx.ai/onnx/operators/onnx__GridSample.html
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import Array, array_of, shape_of

CUBIC = -0.75
"""a of Keys 1981, as PyTorch and ONNX have it."""
INT = ir.DataType.INT32
Tap = tuple[ir.Value, ir.Value | None]
"""A number along one axis, as float32, inside the picture; its weight, None for 1."""


def expand_grid_sample(node: ir.Node) -> bool:
    """GridSample over two or three dimensions, every mode and padding."""
    draft = Draft(node)
    source, grid = draft.input(), draft.input(1)
    batch, _, *sizes = shape_of(source)
    out = shape_of(grid)[1:-1]
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(draft.text("mode", "linear"), "")
    mode = mode or draft.text("mode", "linear")
    padding, corners = draft.text("padding_mode", "zeros"), draft.integer("align_corners", 0) == 1
    points = draft.reshape(grid, (batch, prod(out), len(sizes)))
    taps = []
    for axis, size in enumerate(sizes):
        column = len(sizes) - 1 - axis  # a grid says x before y
        place = draft.reshape(draft.slice(points, column, column + 1, 2), (batch, prod(out)))
        taps.append(_taps(draft, _pixels(draft, place, size, corners), size, mode, padding, corners))
    found = _weighted(draft, source, taps, None)
    return draft.becomes(draft.reshape(found, (batch, shape_of(source)[1], *out)))


def _pixels(draft: Draft, place: ir.Value, size: int, corners: bool) -> ir.Value:
    """-1..1 to numbers of pixels."""
    raised = draft("Add", place, 1.0)
    if corners:
        return draft("Mul", raised, (size - 1) / 2)
    return draft("Sub", draft("Mul", raised, size / 2), 0.5)


def _taps(draft: Draft, x: ir.Value, size: int, mode: str, padding: str, corners: bool) -> list[Tap]:
    """The elements around a place, and their weights."""
    low, high = (0.0, size - 1.0) if corners else (-0.5, size - 0.5)
    if mode == "nearest":
        x = draft("Round", x)
    if padding == "border" and mode != "cubic":
        x = _clip(draft, x, size)
    elif padding == "reflection":
        x = _reflected(draft, x, low, high)
    if mode == "nearest":
        return [_inside(draft, x, None, size, padding, low, high)]
    first = draft("Floor", x)
    part = draft("Sub", x, first)
    weights = _cubic(draft, part) if mode == "cubic" else [draft("Sub", 1.0, part), part]
    start = -1.0 if mode == "cubic" else 0.0
    numbers = [draft("Add", first, start + step) for step in range(len(weights))]
    return [
        _inside(draft, number, weight, size, padding, low, high)
        for number, weight in zip(numbers, weights, strict=True)
    ]


def _clip(draft: Draft, x: ir.Value, size: int) -> ir.Value:
    return draft("Min", draft("Max", x, 0.0), size - 1.0)


def _reflected(draft: Draft, x: ir.Value, low: float, high: float) -> ir.Value:
    """Mirrored at both ends until it is between them: a triangle wave."""
    span = high - low
    if span <= 0:
        return draft("Mul", x, 0.0)
    away = draft("Abs", draft("Sub", x, low))
    turns = draft("Floor", draft("Div", away, 2 * span))
    rest = draft("Sub", away, draft("Mul", turns, 2 * span))
    return draft("Add", draft("Sub", span, draft("Abs", draft("Sub", rest, span))), low)


def _inside(
    draft: Draft, x: ir.Value, weight: ir.Value | None, size: int, padding: str, low: float, high: float
) -> Tap:
    """A whole number brought inside the picture; outside it counts nothing where zeros are around."""
    if padding == "reflection":
        x = draft("Floor", draft("Add", _reflected(draft, x, low, high), 1e-4))
    clipped = _clip(draft, x, size)
    if padding != "zeros":
        return clipped, weight
    counts = draft.cast(draft("Equal", clipped, x), ir.DataType.FLOAT)
    return clipped, counts if weight is None else draft("Mul", weight, counts)


def _cubic(draft: Draft, part: ir.Value) -> list[ir.Value]:
    """Keys, Cubic convolution interpolation for digital image processing, 1981: of -1, 0, 1 and 2."""
    a = CUBIC

    def near(t: ir.Value) -> ir.Value:
        line = draft("Sub", draft("Mul", t, a + 2), a + 3)
        return draft("Add", draft("Mul", line, draft("Mul", t, t)), 1.0)

    def far(t: ir.Value) -> ir.Value:
        line = draft("Add", draft("Mul", draft("Sub", draft("Mul", t, a), 5 * a), t), 8 * a)
        return draft("Sub", draft("Mul", line, t), 4 * a)

    rest = draft("Sub", 1.0, part)
    return [far(draft("Add", part, 1.0)), near(part), near(rest), far(draft("Add", rest, 1.0))]


def _weighted(
    draft: Draft, source: ir.Value, taps: list[list[Tap]], pictures: ir.Value | None, join: str = "Add"
) -> ir.Value:
    """float32[N, C, P]: the weighted sum over all combinations of taps.

    Args:
        source: [B, C, *sizes].
        taps: per spatial axis, values of [N, P].
        pictures: int32[N, 1], which picture each row reads; None: its own.
        join: "Max": the largest of the weighted elements, not their sum.
    """
    batch, channels, *sizes = shape_of(source)
    rank = len(sizes)
    rows = draft.reshape(
        draft.transpose(source, (0, *range(2, rank + 2), 1)), (batch * prod(sizes), channels)
    )
    base = pictures if pictures is not None else draft.constant(np.arange(batch, dtype=np.int32)[:, None])
    total: ir.Value | None = None
    for combination in product(*taps):
        place, weight = base, None
        for (number, factor), size in zip(combination, sizes, strict=True):
            place = draft("Add", draft("Mul", place, size), draft.cast(number, INT))
            if factor is not None:
                weight = factor if weight is None else draft("Mul", weight, factor)
        found = draft.gather(rows, place)
        if weight is not None:
            found = draft("Mul", found, draft.reshape(weight, (*shape_of(weight), 1)))
        total = found if total is None else draft(join, total, found)
    if total is None:
        draft.refuse("a picture without dimensions", "Export the model again")
    return draft.transpose(total, (0, 2, 1))


def expand_affine_grid(node: ir.Node) -> bool:
    """AffineGrid of a constant size: the product of the map with a constant grid."""
    draft = Draft(node)
    size = draft.known(1)
    if size is None:
        return False
    corners = draft.integer("align_corners", 0) == 1
    batch, _, *sizes = (int(each) for each in size)
    lines = []
    for length in sizes:
        step = 2.0 / (max(length - 1, 1) if corners else length)
        lines.append(-1.0 + np.arange(length) * step + (0.0 if corners else step / 2))
    grids = np.meshgrid(*lines, indexing="ij")[::-1]
    points = np.stack([*grids, np.ones_like(grids[0])]).reshape(len(sizes) + 1, -1).astype(np.float32)
    theta = draft.reshape(draft.input(), (batch * len(sizes), len(sizes) + 1))
    moved = draft.reshape(draft.matmul(theta, points), (batch, len(sizes), prod(sizes)))
    return draft.becomes(draft.reshape(draft.transpose(moved, (0, 2, 1)), (batch, *sizes, len(sizes))))


def expand_deform_conv(node: ir.Node) -> bool:
    """DeformConv over two dimensions: samples at moved places, then a convolution over one element."""
    draft = Draft(node)
    source, weight, offset = draft.input(), draft.input(1), draft.input(2)
    filters = array_of(weight)
    if filters is None or filters.ndim != 4:
        draft.refuse("computed weights, or another rank than 4", "Use constant weights")
    batch, channels, *sizes = shape_of(source)
    kernel, out = filters.shape[2:], shape_of(offset)[2:]
    groups, taps_of = draft.integer("offset_group", 1), prod(kernel)
    moves = draft.reshape(offset, (batch, groups, taps_of, 2, *out))
    share = channels // groups
    parts = []
    for group in range(groups):
        own = draft.slice(moves, group, group + 1, 1)
        taps = []
        for axis in (0, 1):
            still = _still(draft, kernel, out, axis)
            moved = draft.reshape(draft.slice(own, axis, axis + 1, 3), (batch, taps_of * prod(out)))
            place = draft("Add", moved, still)
            taps.append(_taps(draft, place, sizes[axis], "linear", "zeros", corners=True))
        piece = draft.slice(source, group * share, (group + 1) * share, 1)
        found = _weighted(draft, piece, taps, None)
        if draft.has(4):
            masks = draft.reshape(draft.input(4), (batch, groups, taps_of * prod(out)))
            found = draft("Mul", found, draft.slice(masks, group, group + 1, 1))
        parts.append(draft.reshape(found, (batch, share * taps_of, *out)))
    columns = draft.concat(parts, 1)
    flat = draft.constant(filters.reshape(filters.shape[0], -1, 1, 1))
    inputs = [columns, flat, *([draft.input(3)] if draft.has(3) else [])]
    shape = (batch, filters.shape[0], *out)
    made = draft.op("Conv", inputs, shape, group=draft.integer("group", 1), kernel_shape=[1, 1])
    return draft.becomes(made)


def _still(draft: Draft, kernel: tuple[int, ...], out: tuple[int, ...], axis: int) -> Array:
    """float32[1, taps * places]: where the taps are when nothing is moved."""
    stride = draft.integers("strides", (1, 1))[axis]
    dilation, pad = draft.integers("dilations", (1, 1))[axis], draft.integers("pads", (0,) * 4)[axis]
    starts = np.indices(out)[axis].reshape(1, -1) * stride - pad
    steps = np.indices(kernel)[axis].reshape(-1, 1) * dilation
    places: Array = (steps + starts).reshape(1, -1).astype(np.float32)
    return places


def expand_roi_align(node: ir.Node) -> bool:
    """RoiAlign with a sampling ratio that is given. "max" is the largest weighted element of all samples, as ONNX
    has it, not the largest sample."""
    draft = Draft(node)
    ratio = draft.integer("sampling_ratio", 0)
    largest = draft.text("mode", "avg") == "max"
    if ratio < 1:
        draft.refuse("as many samples as a region has pixels, which depends on data", "Give sampling_ratio")
    source, rois, pictures = draft.input(), draft.input(1), draft.input(2)
    _, channels, *sizes = shape_of(source)
    count = shape_of(rois)[0]
    half = draft.text("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    scaled = draft("Mul", rois, draft.number("spatial_scale", 1.0))
    out = draft.integer("output_height", 1), draft.integer("output_width", 1)
    lines = [_line(draft, scaled, 1 - axis, out[axis], ratio, half) for axis in (0, 1)]
    taps = []
    grid = tuple(each * ratio for each in out)
    for axis, size in enumerate(sizes):
        wide = (count, grid[0], 1) if axis == 0 else (count, 1, grid[1])
        line = draft.reshape(lines[axis], wide)
        spread = draft("Add", line, np.zeros((1, *grid), np.float32))
        place = draft.reshape(spread, (count, prod(grid)))
        taps.append(_bounded_taps(draft, place, size))
    which = draft.reshape(draft.cast(pictures, INT), (count, 1))
    join = "Max" if largest else "Add"
    found = draft.reshape(_weighted(draft, source, taps, which, join), (count * channels, *grid))
    cells = draft.reshape(found, (count * channels, out[0], ratio, out[1], ratio))
    if largest:
        mean = draft.op("ReduceMax", [cells], (count * channels, *out), axes=[2, 4], keepdims=0)
    else:
        mean = draft("Mul", draft.sum(cells, (2, 4)), 1.0 / ratio**2)
    return draft.becomes(draft.reshape(mean, (count, channels, *out)))


def _line(draft: Draft, rois: ir.Value, column: int, cells: int, ratio: int, half: bool) -> ir.Value:
    """float32[regions, cells * ratio]: the places of the samples along one axis."""
    shift = 0.5 if half else 0.0
    start = draft("Sub", draft.slice(rois, column, column + 1, 1), shift)
    length = draft("Sub", draft("Sub", draft.slice(rois, column + 2, column + 3, 1), shift), start)
    if not half:
        length = draft("Max", length, 1.0)
    steps = (np.arange(cells * ratio, dtype=np.float32)[None] + 0.5) / (cells * ratio)
    return draft("Add", start, draft("Mul", length, steps))


def _bounded_taps(draft: Draft, x: ir.Value, size: int) -> list[Tap]:
    """As RoiAlign has it: up to one element outside counts as the border, more as nothing."""
    near = draft("And", draft("GreaterOrEqual", x, -1.0), draft("LessOrEqual", x, float(size)))
    counts = draft.cast(near, ir.DataType.FLOAT)
    x = _clip(draft, x, size)
    first = draft("Floor", x)
    part = draft("Sub", x, first)
    return [
        (first, draft("Mul", draft("Sub", 1.0, part), counts)),
        (_clip(draft, draft("Add", first, 1.0), size), draft("Mul", part, counts)),
    ]
