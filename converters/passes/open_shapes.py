"""Refuses, by name, nodes whose result has a shape that depends on the data."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, input_of
from edgemm.errors import UnsupportedOperator

FINDS = {
    "Compress": "Multiply by the mask, or choose with torch.where, which keep the shape",
    "NonMaxSuppression": "Export the detector without it: edgemm suppresses boxes on the device (a card with "
    'task "detection")',
    "NonZero": "Multiply by the mask, or choose with torch.where, which keep the shape, or use torch.topk",
    "StringSplit": "Split text before it is given to the model",
    "Unique": "Take it out of the model, and call numpy.unique on its output",
}
"""Operators that find as much as there is -> what to export instead."""
ASKS: dict[str, tuple[int, ...]] = {
    "BlackmanWindow": (0,),
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "OneHot": (1,),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
"""Operators -> which inputs say how large their result is."""
FIXED = "Export the model with a constant there, or fix the input that it comes from with --set NAME=VALUE"


def refuse_open_shapes(model: ir.Model) -> int:
    """Refuses the first node whose result has no fixed shape though all that it reads has.

    Precondition: shapes are inferred and settled.

    Returns:
        0: nothing is changed.

    Raises:
        UnsupportedOperator: there is such a node.
    """
    for node in model.graph:
        if node.domain != "" or all(map(_is_fixed, node.outputs)):
            continue
        if node.op_type in FINDS:
            _refuse(
                node, "how much it finds depends on the data, and files for devices have fixed shapes", FINDS
            )
        for index in ASKS.get(node.op_type, ()):
            value = input_of(node, index)
            if value is not None and array_of(value) is None:
                reason = (
                    f"the shape of its result depends on the data: input {index} ({value.name!r}) is computed"
                )
                _refuse(node, reason, {})
    return 0


def _is_fixed(value: ir.Value) -> bool:
    return not isinstance(value.type, ir.TensorType) or (value.shape is not None and value.shape.is_static())


def _refuse(node: ir.Node, reason: str, remedies: dict[str, str]) -> None:
    remedy = remedies.get(node.op_type, FIXED)
    raise UnsupportedOperator(f"node {node.name!r} ({node.op_type}): {reason}. {remedy}")
