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

from edgemm.converters.passes.rewrite import array_of, constant, graph_of, insert_before, shape_of, take_place
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.reference import Reference

KEPT = (
    "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "mode", "nearest_mode",
)  # fmt: skip
MAX_MATRIX = 1 << 22
"""Elements."""


def expand_resize(node: ir.Node) -> bool:
    """Resize with constant scales or sizes."""
    source = node.inputs[0]
    if source is None:
        return False
    if node.attributes.get_string("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize":
        raise _refused(node, "tf_crop_and_resize", "Crop with a Slice, and resize then")
    before, after = shape_of(source), shape_of(node.outputs[0])
    scales = array_of(node.inputs[2]) if len(node.inputs) > 2 else None
    corners = node.attributes.get_string("coordinate_transformation_mode", "half_pixel") == "align_corners"
    if (
        corners
        and scales is not None
        and any(abs(o * s - n) > 1e-6 for o, s, n in zip(before, scales, after, strict=False))
    ):
        raise _refused(
            node, "align_corners with scales that give no whole size, on which runtimes differ", "Give sizes"
        )
    value, shape = source, list(before)
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        scale = float(scales[axis]) if scales is not None and scales.size else new / old
        if old == new and scale == 1.0:
            continue
        if old * new > MAX_MATRIX:
            raise _refused(node, f"{old} to {new} elements along one axis", "Resize in steps")
        shape[axis] = new
        sized = scales is None or not scales.size
        value = _along(node, value, axis, _matrix(node, old, new, None if sized else scale), tuple(shape))
    if value is source:
        sizes = constant(graph_of(node), f"{node.name}_same", np.array(after, np.int64))
        value = insert_before(node, "Reshape", [source, sizes], suffix="as_it_is", shape=after)
    take_place(node, value)
    return True


def _refused(node: ir.Node, what: str, remedy: str) -> UnsupportedOperator:
    return UnsupportedOperator(f"node {node.name!r} (Resize): {what}. {remedy}")


def _matrix(node: ir.Node, old: int, new: int, scale: float | None) -> npt.NDArray[Any]:
    """float32[old, new]: what Resize makes of the identity along its last axis."""
    attributes = {}
    for name in KEPT:
        attribute = node.attributes.get(name)
        if attribute is not None:
            attributes[name] = attribute.value
    inputs = ["x", "", "scales"] if scale is not None else ["x", "", "", "sizes"]
    resize = helper.make_node("Resize", inputs, ["y"], **attributes)
    constants = [
        helper.make_tensor("scales", onnx.TensorProto.FLOAT, [4], [1.0, 1.0, 1.0, scale])
        if scale is not None
        else helper.make_tensor("sizes", onnx.TensorProto.INT64, [4], [1, 1, old, new])
    ]
    graph = helper.make_graph(
        [resize],
        "resize",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, old, old])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1, old, new])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found = Reference(model.SerializeToString(), optimize=False).run(
        {"x": np.eye(old, dtype=np.float32)[None, None]}
    )
    matrix: npt.NDArray[Any] = found["y"][0, 0]
    return matrix


def _along(
    node: ir.Node, value: ir.Value, axis: int, matrix: npt.NDArray[Any], shape: tuple[int, ...]
) -> ir.Value:
    """The value resized along one axis."""
    graph = graph_of(node)
    if node.attributes.get_string("mode", "nearest") == "nearest":
        picked = constant(graph, f"{node.name}_picked{axis}", matrix.argmax(axis=0).astype(np.int64))
        return insert_before(
            node, "Gather", [value, picked], {"axis": axis}, suffix=f"axis{axis}", shape=shape
        )
    weights = constant(graph, f"{node.name}_weights{axis}", matrix)
    rank = len(shape)
    if axis == rank - 1:
        return insert_before(node, "MatMul", [value, weights], suffix=f"axis{axis}", shape=shape)
    perm = [each for each in range(rank) if each != axis] + [axis]
    back = [perm.index(each) for each in range(rank)]
    moved = [shape_of(value)[each] for each in perm]
    turned = insert_before(node, "Transpose", [value], {"perm": perm}, suffix=f"last{axis}", shape=moved)
    product = insert_before(
        node, "MatMul", [turned, weights], suffix=f"product{axis}", shape=[*moved[:-1], matrix.shape[1]]
    )
    return insert_before(node, "Transpose", [product], {"perm": back}, suffix=f"axis{axis}", shape=shape)
