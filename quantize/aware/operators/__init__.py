"""ONNX operators in torch, for one sample or, under `torch.vmap`, for many.

call.py        a node with its operands
arithmetic.py  element by element
layers.py      weights, norms, softmaxes
pooling.py     pools and reductions
shape.py       what moves numbers
resize.py, recurrent.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from edgemm.quantize.aware.operators.arithmetic import ARITHMETIC
from edgemm.quantize.aware.operators.call import Call
from edgemm.quantize.aware.operators.layers import LAYERS
from edgemm.quantize.aware.operators.pooling import POOLING
from edgemm.quantize.aware.operators.recurrent import RECURRENT_LAYERS
from edgemm.quantize.aware.operators.resize import RESIZE, can_resize
from edgemm.quantize.aware.operators.shape import SHAPE
from edgemm.quantize.functions import is_known as is_known_operator

OPERATORS: dict[str, Callable[[Call], Any]] = {
    **ARITHMETIC, **LAYERS, **POOLING, **SHAPE, **RESIZE, **RECURRENT_LAYERS,
}  # fmt: skip
"""ONNX operator of the default domain -> its result, or a tuple of them."""


def is_known(node: ir.Node) -> bool:
    """True for a node that is written here, with the attributes and operands that it has."""
    if not is_known_operator(node) or node.op_type not in OPERATORS:
        return False
    call = Call(node, ())
    if node.op_type == "Resize":
        return can_resize(call)
    if node.op_type in RECURRENT_LAYERS:
        return _can_loop(node)
    if node.op_type in ("Reshape", "Slice", "Pad", "Expand", "Tile"):
        return call.known(1) is not None
    return node.op_type != "MaxPool" or len(node.outputs) == 1


def _can_loop(node: ir.Node) -> bool:
    """The default layout, whole sequences, no peepholes, no limits, functions that are written here."""
    from edgemm.quantize.aware.operators.recurrent import FUNCTIONS

    call = Call(node, ())
    given = node.attributes.get_strings("activations", None) or ()
    steps = node.inputs[0].shape[0] if node.inputs[0] is not None and node.inputs[0].shape is not None else 0
    lengths = call.whole(4)
    absent = len(node.inputs) <= 4 or node.inputs[4] is None
    whole = absent or (lengths is not None and all(each == steps for each in lengths))
    peepholes = len(node.inputs) > 7 and node.inputs[7] is not None
    plain = not (call.number("clip", 0.0) or call.integer("input_forget", 0) or call.integer("layout", 0))
    return plain and whole and not peepholes and all(each.lower() in FUNCTIONS for each in given)


__all__ = ["OPERATORS", "Call", "is_known"]
