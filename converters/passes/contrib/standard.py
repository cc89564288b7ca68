"""Operators that standard ones are the twins of: Pad, ExpandDims, GridSample, CDist."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import shape_of

MODES_RENAMED = 20
"""The opset since which GridSample calls its modes linear and cubic."""


def expand_pad(draft: FusedNode) -> None:
    """Pad: the standard one, whose numbers of elements may also stand in one row here."""
    pads = draft.known(1)
    if pads is None:
        draft.refuse("input 1 is missing", "Export the model again")
    value = draft.input()
    counts = pads.reshape(-1).astype(np.int64)
    shape = [
        size + int(each) for size, each in zip(shape_of(value), counts.reshape(2, -1).sum(0), strict=True)
    ]
    fill = [draft.reshape(draft.input(2), ())] if draft.has(2) else []
    mode = draft.text("mode", "constant")
    draft.becomes(draft.op("Pad", [value, draft.constant(counts), *fill], shape, value.dtype, mode=mode))


def expand_dims(draft: FusedNode) -> None:
    """ExpandDims: one more axis of one element."""
    axis = draft.known(1)
    if axis is None:
        draft.refuse("input 1 is missing", "Export the model again")
    shape = list(draft.shape())
    place = int(axis.reshape(-1)[0])
    shape.insert(place if place >= 0 else len(shape) + 1 + place, 1)
    draft.becomes(draft.reshape(draft.input(), shape))


def expand_grid_sample(draft: FusedNode) -> None:
    """GridSample: the standard one of opset 16."""
    source, grid = draft.input(), draft.input(1)
    mode = draft.text("mode", "bilinear")
    if draft.opset >= MODES_RENAMED:
        mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    attributes = {
        "mode": mode,
        "padding_mode": draft.text("padding_mode", "zeros"),
        "align_corners": draft.integer("align_corners", 0),
    }
    shape = (*shape_of(source)[:2], *shape_of(grid)[1:-1])
    draft.becomes(draft.op("GridSample", [source, grid], shape, source.dtype, **attributes))


def expand_distances(draft: FusedNode) -> None:
    """CDist: |a - b| or its square, of every row a with every row b, as a^2 + b^2 - 2 a b."""
    rows, columns = draft.input(), draft.input(1)
    squares = draft("Add", _squares(draft, rows), draft.transpose(_squares(draft, columns), (1, 0)))
    sizes = (shape_of(rows)[0], shape_of(columns)[0])
    products = draft.op("MatMul", [rows, draft.transpose(columns, (1, 0))], sizes, rows.dtype)
    apart = draft("Max", draft("Sub", squares, draft("Mul", products, 2.0)), 0.0)
    metric = draft.text("metric", "sqeuclidean")
    if metric not in ("euclidean", "sqeuclidean"):
        draft.refuse(f"the metric {metric!r}", "Use euclidean or sqeuclidean")
    draft.becomes(draft.unary("Sqrt", apart) if metric == "euclidean" else apart)


def _squares(draft: FusedNode, value: ir.Value) -> ir.Value:
    """The sum of squares of each row, as a column."""
    return draft.sum(draft("Mul", value, value), [1], keep=True)
