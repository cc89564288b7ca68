"""CastLike becomes the Cast that it is, so that what it makes of a constant is a constant."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.rewrite import data_of, insert_before, nodes_of, take_place


def name_types(model: ir.Model) -> int:
    """CastLike -> Cast to the type of its second input.

    Precondition: types are inferred.

    Returns:
        How many nodes changed.
    """
    return sum(_name(node) for node in nodes_of(model, "CastLike"))


def _name(node: ir.Node) -> bool:
    value, kind = data_of(node), data_of(node, 1).dtype
    if kind is None:
        return False
    shape = value.shape.numpy() if value.shape is not None and value.shape.is_static() else None
    take_place(
        node, insert_before(node, "Cast", [value], {"to": int(kind)}, suffix="cast", shape=shape, dtype=kind)
    )
    return True
