"""Hardmax before opset 13: over all dimensions from the axis on, as if they were one."""

from __future__ import annotations

from math import prod

import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import nodes_of, shape_of

FIRST_ALONG_AXIS = 13
OLD = "edgemm_old_hardmax"
"""Metadata of a node whose shape is not known yet."""


def mark_old_hardmaxes(model: ir.Model) -> int:
    """Remembers which nodes flatten: onnx's version converter changes their number alone.

    Returns:
        How many were marked; `settle_hardmaxes` rewrites them.
    """
    found = list(nodes_of(model, "Hardmax"))
    for node in found:
        node.metadata_props[OLD] = "1"
    return len(found)


def settle_hardmaxes(model: ir.Model) -> int:
    """A marked node becomes Reshape to two dimensions, Hardmax over the second, Reshape back.

    Precondition: shapes are static.

    Returns:
        How many changed.
    """
    return sum(_flatten(node) for node in nodes_of(model, "Hardmax") if OLD in node.metadata_props)


def _flatten(node: ir.Node) -> bool:
    draft = Draft(node)
    shape = shape_of(draft.input())
    axis = draft.integer("axis", 1) % len(shape)
    flat = (prod(shape[:axis]), prod(shape[axis:]))
    found = draft.op("Hardmax", [draft.reshape(draft.input(), flat)], flat, axis=1)
    return draft.becomes(draft.reshape(found, shape))
