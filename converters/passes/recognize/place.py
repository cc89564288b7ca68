"""The nodes of a match: nobody outside reads what they compute, and nothing prescribes how it is stored."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import array_of, input_of
from edgemm.quantize import declared
from edgemm.quantize.functions import is_written_out


def scalar(value: ir.Value | None) -> float | None:
    """The number of which a constant consists, once or many times; None for any other value."""
    array = array_of(value)
    if array is None or array.size == 0 or array.dtype.kind != "f":
        return None
    first = float(array.flat[0])
    return first if bool((array == array.flat[0]).all()) else None


def maker(value: ir.Value | None, *op_types: str) -> ir.Node | None:
    """The standard node of one of those types that computes the value."""
    node = value.producer() if value is not None else None
    if node is None or node.domain != "" or node.op_type not in op_types or is_written_out(node):
        return None
    return node


def scalar_operand(node: ir.Node) -> tuple[ir.Value, float] | None:
    """The computed operand and the number, of a node of two operands one of which is a number."""
    for index in (0, 1):
        value, number = input_of(node, index), scalar(input_of(node, 1 - index))
        if value is not None and value.const_value is None and number is not None:
            return value, number
    return None


def is_closed(inside: Iterable[ir.Node], result: ir.Value) -> bool:
    """True when only the nodes themselves read what they compute, but for `result`, and no grid is prescribed there."""
    nodes = list({id(node): node for node in inside}.values())
    known = {id(node) for node in nodes}
    for node in nodes:
        if is_written_out(node) or node.domain != "":
            return False
        for value in node.outputs:
            if value is result:
                continue
            if value.is_graph_output() or declared.KEY in value.metadata_props:
                return False
            if any(id(reader) not in known for reader in value.consumers()):
                return False
    return True


def is_float(value: ir.Value) -> bool:
    """True for a float32 value that is computed or an input."""
    return value.dtype == ir.DataType.FLOAT and value.const_value is None


def close(found: float, wanted: float) -> bool:
    """Equal to five digits, as 0.7071 is 1 / sqrt 2, or as 16-bit floats hold it."""
    if abs(found - wanted) <= 2e-5 * abs(wanted):
        return True
    half = float(np.float16(wanted))
    brain = float((np.array(wanted, np.float32).view(np.uint32) + 0x8000 & 0xFFFF0000).view(np.float32))
    return any(abs(found - each) <= 1e-6 * abs(wanted) for each in (half, brain))
