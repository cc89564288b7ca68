"""Resize: what opsets 9 and 10 meant, and optional inputs that hold nothing."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import Array, array_of, input_of, nodes_of, shape_of

FIRST_WITH_MODES = 11
"""Before this opset a Resize had no coordinate mode: it was asymmetric."""
OLD = "edgemm_old_resize"
"""Metadata of a node whose scales are not known yet, and with them which neighbour is the nearest."""


def mark_old_resizes(model: ir.Model) -> int:
    """Writes out the coordinate mode that Upsample, and Resize before opset 11, had without naming it.

    Precondition: the graph came from such an opset, its nodes are named Resize by now.

    Returns:
        How many nodes were marked; `settle_resizes` completes them.
    """
    found = list(nodes_of(model, "Resize"))
    for node in found:
        node.attributes.add(ir.AttrString("coordinate_transformation_mode", "asymmetric"))
        node.metadata_props[OLD] = "1"
    return len(found)


def settle_resizes(model: ir.Model) -> int:
    """Empty optional inputs are dropped: exporters write tensors without elements, and names that are empty.

    Only a crop reads a region. Of an old Resize, the neighbour is written out that onnxruntime takes as the nearest:
    the one before where it enlarges, the one behind where it shrinks.

    Precondition: constants are folded.

    Returns:
        How many nodes changed.
    """
    changed = sum(_drop_empty(node) for node in nodes_of(model, "Resize"))
    changed += sum(_drop_trailing(node) for node in model.graph)
    return changed + sum(_settle_old(node) for node in nodes_of(model, "Resize"))


def settle_sizes(model: ir.Model) -> int:
    """Gives sizes to a Resize whose scales lead to other sizes in ONNX Runtime, which multiplies in float32 and is what
    the source runs in, than in onnx, which does not: 30 times 0.7 are 21, and 20.

    Precondition: shapes are inferred.

    Returns:
        How many were given; what is inferred behind them is wrong.
    """
    return sum(_settle_sizes(node) for node in nodes_of(model, "Resize"))


def _settle_sizes(node: ir.Node) -> bool:
    scales, source = array_of(input_of(node, 2)), node.inputs[0]
    crops = node.attributes.get_string("coordinate_transformation_mode", "") == "tf_crop_and_resize"
    if scales is None or not scales.size or crops or source is None or source.shape is None:
        return False
    axes = node.attributes.get_ints("axes", tuple(range(len(source.shape))))
    if not source.shape.is_static() or len(axes) != scales.size:
        return False
    before = np.array(shape_of(source))[list(axes)]
    sizes = (scales.astype(np.float32) * before.astype(np.float32)).astype(np.int64)
    if np.array_equal(sizes, np.floor(scales.astype(np.float64) * before)):
        return False
    if OLD in node.metadata_props:
        if (scales < 1).any() and (scales > 1).any():
            return False
        _settle_old(node)
    given = Draft(node).constant(sizes)
    node.replace_input_with(2, None)
    node.resize_inputs(4)
    node.replace_input_with(3, given)
    return True


def _drop_empty(node: ir.Node) -> bool:
    crops = node.attributes.get_string("coordinate_transformation_mode", "") == "tf_crop_and_resize"
    changed = False
    for index in range(1, len(node.inputs)):
        array = array_of(node.inputs[index])
        unread = index == 1 and not crops
        if node.inputs[index] is not None and (unread or (array is not None and not array.size)):
            node.replace_input_with(index, None)
            changed = True
    return changed


def _drop_trailing(node: ir.Node) -> bool:
    given = len(node.inputs)
    while given and node.inputs[given - 1] is None:
        given -= 1
    changed = given < len(node.inputs)
    if changed:
        node.resize_inputs(given)
    return changed


def _settle_old(node: ir.Node) -> bool:
    scales = array_of(input_of(node, 2))
    if OLD not in node.metadata_props or scales is None:
        return False
    del node.metadata_props[OLD]
    if node.attributes.get_string("mode", "nearest") != "nearest":
        return True
    if not ((scales < 1).any() and (scales > 1).any()):
        _set_nearest(node, scales)
        return True
    _in_two(node, scales)
    return True


def _set_nearest(node: ir.Node, scales: Array) -> None:
    node.attributes.add(ir.AttrString("nearest_mode", "ceil" if (scales < 1).any() else "floor"))


def _in_two(node: ir.Node, scales: Array) -> None:
    """One Resize for the axes that shrink, one for those that grow: each axis is resized by itself."""
    draft = Draft(node)
    before, after = shape_of(draft.input()), shape_of(node.outputs[0])
    shrinks = scales < 1
    attributes = {name: each.value for name, each in node.attributes.items()}
    smaller = np.where(shrinks, scales, 1).astype(np.float32)
    shape = [new if less else old for old, new, less in zip(before, after, shrinks, strict=True)]
    first = draft.op("Resize", [draft.input(), None, draft.constant(smaller)], shape, **attributes)
    larger = np.where(shrinks, 1, scales).astype(np.float32)
    second = draft.op("Resize", [first, None, draft.constant(larger)], after, **attributes)
    for made, part in ((first, smaller), (second, larger)):
        producer = made.producer()
        if producer is not None:
            _set_nearest(producer, part)
    draft.becomes(second)
