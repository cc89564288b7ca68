"""Depth to space and back, triangles, and types taken from another tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, constant, graph_of, insert_before, shape_of, take_place
from edgemm.errors import UnsupportedOperator


def _rearranged(node: ir.Node, first: Sequence[int], perm: Sequence[int]) -> bool:
    """Reshape, Transpose, Reshape."""
    graph, source = graph_of(node), node.inputs[0]
    sizes = constant(graph, f"{node.name}_parts", np.array(first, np.int64))
    parts = insert_before(node, "Reshape", [source, sizes], suffix="in_parts", shape=first)
    moved = [first[axis] for axis in perm]
    turned = insert_before(node, "Transpose", [parts], {"perm": list(perm)}, suffix="turned", shape=moved)
    out = shape_of(node.outputs[0])
    whole = constant(graph, f"{node.name}_whole", np.array(out, np.int64))
    take_place(node, insert_before(node, "Reshape", [turned, whole], suffix="put_together", shape=out))
    return True


def expand_depth_to_space(node: ir.Node) -> bool:
    """Both modes of DepthToSpace."""
    if node.inputs[0] is None:
        return False
    n, c, h, w = shape_of(node.inputs[0])
    size = node.attributes.get_int("blocksize", 1)
    deep = c // size**2
    if node.attributes.get_string("mode", "DCR") == "DCR":
        return _rearranged(node, (n, size, size, deep, h, w), (0, 3, 4, 1, 5, 2))
    return _rearranged(node, (n, deep, size, size, h, w), (0, 1, 4, 2, 5, 3))


def expand_space_to_depth(node: ir.Node) -> bool:
    """SpaceToDepth."""
    if node.inputs[0] is None:
        return False
    n, c, h, w = shape_of(node.inputs[0])
    size = node.attributes.get_int("blocksize", 1)
    return _rearranged(node, (n, c, h // size, size, w // size, size), (0, 3, 5, 1, 2, 4))


def expand_trilu(node: ir.Node) -> bool:
    """Trilu with a constant diagonal: a choice between the matrix and zero."""
    source = node.inputs[0]
    diagonal = node.inputs[1] if len(node.inputs) > 1 else None
    if source is None or source.dtype is None:
        return False
    if diagonal is not None and diagonal.const_value is None:
        raise UnsupportedOperator(f"node {node.name!r} (Trilu): a computed diagonal. Make it a constant")
    array = array_of(diagonal)
    k = 0 if array is None else int(array.reshape(-1)[0])
    shape = shape_of(source)
    ones = np.ones(shape[-2:], bool)
    mask = np.triu(ones, k) if node.attributes.get_int("upper", 1) else np.tril(ones, k)
    graph = graph_of(node)
    chosen = constant(graph, f"{node.name}_mask", mask)
    zero = constant(graph, f"{node.name}_zero", np.zeros((), source.dtype.numpy()))
    take_place(
        node,
        insert_before(
            node, "Where", [chosen, source, zero], suffix="chosen", shape=shape, dtype=source.dtype
        ),
    )
    return True
