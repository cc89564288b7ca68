"""Resize, axis by axis: each is a product with a constant matrix, or a choice of slices.

ONNX Runtime itself tells the matrix: it resizes the identity. So every coordinate mode, every kind of
interpolation and antialiasing are exactly what they are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx import helper

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import shape_of
from edgemm.quantize.reference import Reference

KEPT = (
    "antialias", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value", "mode",
    "nearest_mode",
)  # fmt: skip
MAX_MATRIX = 1 << 22
"""Elements."""
SCALE_ONLY = ("half_pixel", "asymmetric")
"""Modes in which a coordinate depends on the scale and on no size."""
OPSET = 18
"""Of the question to ONNX Runtime: antialiasing came with it."""

Matrix = npt.NDArray[Any]


def expand_resize(node: ir.Node) -> bool:
    """Resize with constant scales or sizes, in any form up to opset 19's."""
    draft = Draft(node)
    value = draft.input()
    for axis, (matrix, beyond) in resized_axes(draft).items():
        value = _along(draft, value, axis, matrix, beyond)
    return draft.becomes(value)


def resized_axes(draft: Draft) -> dict[int, tuple[Matrix, Matrix]]:
    """Axis -> (float32[old, new], float32[new]): what a Resize with constant scales or sizes multiplies it with, and
    what it adds; axes that it leaves as they are have none."""
    node = draft.node
    before, after = shape_of(draft.input()), shape_of(node.outputs[0])
    found = {}
    scales = _by_axis(draft, 2, len(before), 1.0)
    policy = draft.text("keep_aspect_ratio_policy", "stretch")
    crops = draft.text("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    if crops and not draft.has(1):
        draft.refuse("no region to crop", "Give roi")
    _require_whole_sizes(draft, before, after, scales)
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        scale = None if scales is None else float(scales[axis])
        region = _region(draft, axis, len(before)) if crops else None
        if old == new and scale in (None, 1.0) and region in (None, (0.0, 1.0)):
            continue
        if old * new > MAX_MATRIX:
            draft.refuse(f"{old} to {new} elements along one axis", "Resize in steps")
        if policy != "stretch" and scales is None:
            scale = _common_scale(draft, before, policy)
        found[axis] = _matrix(draft, old, new, scale, region)
    return found


def _by_axis(draft: Draft, index: int, rank: int, default: float) -> Matrix | None:
    """Scales or sizes of all axes; None when they are not given."""
    given = draft.known(index)
    if given is None or not given.size:
        return None
    full = np.full(rank, default, given.dtype)
    full[list(draft.integers("axes", range(rank)))] = given
    return full


def _require_whole_sizes(
    draft: Draft, before: tuple[int, ...], after: tuple[int, ...], scales: Matrix | None
) -> None:
    if scales is None or draft.text("coordinate_transformation_mode", "half_pixel") != "align_corners":
        return
    if any(abs(o * s - n) > 1e-6 for o, s, n in zip(before, scales, after, strict=True)):
        draft.refuse(
            "align_corners with scales that give no whole size, on which runtimes differ", "Give sizes"
        )


def _region(draft: Draft, axis: int, rank: int) -> tuple[float, float]:
    """Where the crop starts and ends along an axis, as shares of it."""
    roi = draft.known(1)
    axes = [each % rank for each in draft.integers("axes", range(rank))]
    if roi is None or axis not in axes:
        return 0.0, 1.0
    place = axes.index(axis)
    return float(roi[place]), float(roi[place + len(axes)])


def _common_scale(draft: Draft, before: tuple[int, ...], policy: str) -> float:
    """The one scale of an aspect that is kept."""
    sizes = _by_axis(draft, 3, len(before), 0)
    if sizes is None:
        return 1.0
    found = [float(sizes[axis]) / before[axis] for axis in range(len(before)) if sizes[axis]]
    return min(found) if policy == "not_larger" else max(found)


def _matrix(
    draft: Draft, old: int, new: int, scale: float | None, region: tuple[float, float] | None
) -> tuple[Matrix, Matrix]:
    """float32[old, new] and float32[new]: what Resize makes of the identity, and of zeros."""
    attributes = {name: draft.node.attributes[name].value for name in KEPT if name in draft.node.attributes}
    grown = old
    while scale is not None and int(np.float32(scale) * np.float32(grown)) < new:
        grown += 1
    if grown > old and attributes.get("coordinate_transformation_mode", "half_pixel") not in SCALE_ONLY:
        draft.refuse("a kept aspect in this coordinate mode", "Give the sizes that it leads to")
    sized = scale is None
    inputs = ["x", "roi" if region else "", "" if sized else "scales", "sizes" if sized else ""]
    constants = [
        helper.make_tensor("sizes", onnx.TensorProto.INT64, [4], [1, 1, old, new])
        if scale is None
        else helper.make_tensor("scales", onnx.TensorProto.FLOAT, [4], [1.0, 1.0, 1.0, scale])
    ]
    if region:
        roi = [0.0, 0.0, 0.0, region[0], 1.0, 1.0, 1.0, region[1]]
        constants.append(helper.make_tensor("roi", onnx.TensorProto.FLOAT, [8], roi))
    graph = helper.make_graph(
        [helper.make_node("Resize", inputs, ["y"], **attributes)],
        "resize",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, old, None])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1, old, None])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    reference = Reference(model.SerializeToString(), optimize=False)

    def resized(rows: Matrix) -> Matrix:
        found: Matrix = reference.run({"x": rows[None, None]})["y"][0, 0]
        return found

    # A kept aspect rounds its sizes up where a scale rounds down: a longer row, its end repeated, tells the rest.
    rows = np.concatenate([np.eye(old), np.repeat(np.eye(old)[:, -1:], grown - old, 1)], 1)
    beyond = resized(np.zeros_like(rows, np.float32))[0, :new]
    return resized(rows.astype(np.float32))[:, :new] - beyond, beyond


def _along(draft: Draft, value: ir.Value, axis: int, matrix: Matrix, beyond: Matrix) -> ir.Value:
    """The value resized along one axis."""
    if draft.text("mode", "nearest") == "nearest" and not beyond.any() and (matrix.sum(axis=0) == 1).all():
        return draft.gather(value, matrix.argmax(axis=0).astype(np.int64), axis)
    rank = len(shape_of(value))
    perm = [each for each in range(rank) if each != axis] + [axis]
    product = draft.matmul(draft.transpose(value, perm), matrix)
    if beyond.any():
        product = draft("Add", product, beyond)
    return draft.transpose(product, [perm.index(each) for each in range(rank)])
