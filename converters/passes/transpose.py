"""Transposes: writes permutations out, merges consecutive ones, removes those that do nothing."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.rewrite import bypass, data_of, nodes_of, set_ints, shape_of


def merge_transposes(model: ir.Model) -> int:
    """Gives every Transpose its `perm`, merges consecutive ones, removes identities.

    Precondition: shapes are static. Nodes are in topological order.

    Returns:
        How many changed or went.
    """
    return sum(_merge(node) for node in nodes_of(model, "Transpose"))


def permutation_of(node: ir.Node) -> tuple[int, ...]:
    """The permutation, reversed dimensions when the node does not say."""
    rank = len(shape_of(data_of(node)))
    return tuple(node.attributes.get_ints("perm") or reversed(range(rank)))


def _merge(node: ir.Node) -> bool:
    perm = permutation_of(node)
    before = data_of(node).producer()
    changed = False
    if before is not None and before.op_type == "Transpose" and before.domain == "":
        first = permutation_of(before)
        perm = tuple(first[axis] for axis in perm)
        node.replace_input_with(0, data_of(before))
        changed = True
    if perm == tuple(range(len(perm))) and bypass(node, data_of(node)):
        return True
    return set_ints(node, perm=perm) or changed
