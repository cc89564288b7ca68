"""A fused node, and the graph builder that writes it out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import shape_of

DOMAIN = "com.microsoft"
AXES_ARE_INPUTS = 18
"""Of ReduceMean, since this opset."""


class FusedNode(Draft):
    """A node of ONNX Runtime's domain, with what the families share."""

    def __init__(self, node: ir.Node, opset: int) -> None:
        super().__init__(node)
        self.opset = opset

    def shape(self, index: int = 0) -> tuple[int, ...]:
        """Of an input."""
        return shape_of(self.input(index))

    def optional(self, index: int) -> ir.Value | None:
        """An input that may be left out."""
        return self.input(index) if self.has(index) else None

    def refuse_output(self, index: int, what: str) -> None:
        """Refuses an output that has no standard form and is read."""
        if self.used(index):
            self.refuse(f"its output {index} ({what}) is read", "Export the model without it")

    def plus(self, value: ir.Value, index: int) -> ir.Value:
        """`value` and the optional input."""
        return self("Add", value, self.input(index)) if self.has(index) else value

    def unary(self, op_type: str, value: ir.Value, **attributes: object) -> ir.Value:
        """A node of one input that keeps its shape, or one that is not known yet."""
        shape = None if value.shape is None else shape_of(value)
        return self.op(op_type, [value], shape, value.dtype, **attributes)

    def mean(self, value: ir.Value, axes: Sequence[int]) -> ir.Value:
        """ReduceMean over axes that are not negative; they stay, with one element."""
        shape = [1 if axis in axes else size for axis, size in enumerate(shape_of(value))]
        if self.opset >= AXES_ARE_INPUTS:
            listed = self.constant(np.array(axes, np.int64))
            return self.op("ReduceMean", [value, listed], shape, keepdims=1)
        return self.op("ReduceMean", [value], shape, keepdims=1, axes=[int(axis) for axis in axes])

    def power(self, value: ir.Value, exponent: float) -> ir.Value:
        """Pow with a constant."""
        return self("Pow", value, exponent)

    def lowest(self, value: ir.Value) -> float:
        """The smallest number of a value's type."""
        kind = value.dtype
        return -65504.0 if kind == ir.DataType.FLOAT16 else float(np.finfo(np.float32).min)
