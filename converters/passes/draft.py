"""Writes nodes in front of another node, with NumPy-like calls: shapes and types follow from the operands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import (
    Array,
    array_of,
    constant,
    graph_of,
    input_of,
    insert_before,
    shape_of,
    take_place,
)
from edgemm.errors import UnsupportedOperator
from edgemm.quantize import declared

COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Not"})
Operand = ir.Value | int | float | Array


class Draft:
    """What is written in front of one node until a value of it takes the node's place.

    Numbers among the operands become constants of the type of the operand beside them.
    """

    def __init__(self, node: ir.Node) -> None:
        self.node = node
        self._count = 0

    # reading the node

    def input(self, index: int = 0) -> ir.Value:
        """An input that must be there."""
        value = input_of(self.node, index)
        if value is None:
            self.refuse(f"input {index} is missing", "Export the model again")
        return value

    def has(self, index: int) -> bool:
        """True when the optional input is given."""
        return input_of(self.node, index) is not None

    def known(self, index: int) -> Array | None:
        """The content of an optional input: None when it is absent; refused when it is computed."""
        value = input_of(self.node, index)
        if value is None:
            return None
        array = array_of(value)
        if array is None:
            self.refuse(f"input {index} is computed", "Export the model with a constant there")
        return array

    def integer(self, name: str, default: int) -> int:
        """An INT attribute."""
        return self.node.attributes.get_int(name, default)

    def number(self, name: str, default: float) -> float:
        """A FLOAT attribute."""
        return float(self.node.attributes.get_float(name, default))

    def text(self, name: str, default: str) -> str:
        """A STRING attribute."""
        return self.node.attributes.get_string(name, default)

    def integers(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An INTS attribute."""
        return tuple(self.node.attributes.get_ints(name) or default)

    def refuse(self, reason: str, remedy: str) -> NoReturn:
        """Raises UnsupportedOperator in the words that all of them use."""
        raise UnsupportedOperator(f"node {self.node.name!r} ({self.node.op_type}): {reason}. {remedy}")

    # writing

    def constant(self, array: Array | float | int, dtype: ir.DataType | None = None) -> ir.Value:
        """A constant."""
        self._count += 1
        content = np.asarray(array) if dtype is None else np.asarray(array, dtype.numpy())
        return constant(graph_of(self.node), f"{self.node.name}_c{self._count}", content)

    def op(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        shape: Sequence[int] | None,
        dtype: ir.DataType | None = None,
        **attributes: Any,
    ) -> ir.Value:
        """Any node of one output; shape None: not known yet."""
        self._count += 1
        return insert_before(
            self.node, op_type, inputs, attributes, suffix=f"d{self._count}", shape=shape, dtype=dtype
        )

    def __call__(self, op_type: str, *operands: Operand) -> ir.Value:
        """An elementwise node, with broadcasting."""
        like = next(each.dtype for each in reversed(operands) if isinstance(each, ir.Value))
        values = [each if isinstance(each, ir.Value) else self.constant(each, like) for each in operands]
        shape = np.broadcast_shapes(*(shape_of(value) for value in values))
        return self.op(op_type, values, shape, ir.DataType.BOOL if op_type in COMPARISONS else like)

    def where(self, condition: ir.Value, yes: Operand, no: Operand) -> ir.Value:
        """Where."""
        like = next(each.dtype for each in (yes, no) if isinstance(each, ir.Value))
        chosen = [each if isinstance(each, ir.Value) else self.constant(each, like) for each in (yes, no)]
        shape = np.broadcast_shapes(*(shape_of(value) for value in (condition, *chosen)))
        return self.op("Where", [condition, *chosen], shape, like)

    def cast(self, value: ir.Value, dtype: ir.DataType) -> ir.Value:
        """Cast, where the type is another."""
        if value.dtype == dtype:
            return value
        return self.op("Cast", [value], shape_of(value), dtype, to=int(dtype))

    def reshape(self, value: ir.Value, shape: Sequence[int]) -> ir.Value:
        """Reshape to sizes of which one may be -1."""
        sizes = np.empty(shape_of(value), np.bool_).reshape(tuple(shape)).shape
        if sizes == shape_of(value):
            return value
        return self.op("Reshape", [value, self.constant(np.array(sizes, np.int64))], sizes)

    def transpose(self, value: ir.Value, perm: Sequence[int]) -> ir.Value:
        """Transpose."""
        if list(perm) == list(range(len(perm))):
            return value
        shape = [shape_of(value)[axis] for axis in perm]
        return self.op("Transpose", [value], shape, perm=[int(axis) for axis in perm])

    def gather(self, value: ir.Value, indices: ir.Value | Array, axis: int = 0) -> ir.Value:
        """Gather along one axis."""
        picked = indices if isinstance(indices, ir.Value) else self.constant(indices)
        shape = shape_of(value)
        found = (*shape[:axis], *shape_of(picked), *shape[axis + 1 :])
        return self.op("Gather", [value, picked], found, axis=axis)

    def slice(self, value: ir.Value, start: int, stop: int, axis: int, step: int = 1) -> ir.Value:
        """Slice along one axis; `stop` is inside or at the end."""
        shape = list(shape_of(value))
        shape[axis] = len(range(start, stop, step))
        if shape[axis] == shape_of(value)[axis]:
            return value
        limits = [self.constant(np.array([each], np.int64)) for each in (start, stop, axis, step)]
        return self.op("Slice", [value, *limits], shape)

    def concat(self, values: Sequence[ir.Value], axis: int) -> ir.Value:
        """Concat."""
        if len(values) == 1:
            return values[0]
        shape = list(shape_of(values[0]))
        shape[axis] = sum(shape_of(value)[axis] for value in values)
        return self.op("Concat", list(values), shape, axis=axis)

    def matmul(self, left: ir.Value, right: ir.Value | Array) -> ir.Value:
        """MatMul of at least two dimensions."""
        other = right if isinstance(right, ir.Value) else self.constant(right)
        first, second = shape_of(left), shape_of(other)
        batch = np.broadcast_shapes(first[:-2], second[:-2])
        return self.op("MatMul", [left, other], (*batch, first[-2], second[-1]))

    def sum(self, value: ir.Value, axes: Sequence[int], *, keep: bool = False) -> ir.Value:
        """ReduceSum over axes that are not negative."""
        shape = shape_of(value)
        left = [1 if i in axes else s for i, s in enumerate(shape) if keep or i not in axes]
        listed = self.constant(np.array(axes, np.int64))
        return self.op("ReduceSum", [value, listed], left, keepdims=int(keep))

    def pad(self, value: ir.Value, pairs: Sequence[tuple[int, int]], fill: float = 0.0) -> ir.Value:
        """Pad with a constant: (before, after) of each axis."""
        if not any(map(any, pairs)):
            return value
        sizes = self.constant(np.array(pairs, np.int64).T.reshape(-1))
        shape = [s + a + b for s, (a, b) in zip(shape_of(value), pairs, strict=True)]
        return self.op("Pad", [value, sizes, self.constant(fill, value.dtype)], shape, mode="constant")

    def becomes(self, value: ir.Value) -> bool:
        """`value` takes the node's place; True, for the table of expansions."""
        if value.producer() is None or value.is_graph_output() or value in self.node.inputs:
            value = self.copy(value)
        take_place(self.node, value)
        return True

    def copy(self, value: ir.Value) -> ir.Value:
        """The same numbers as a value of its own."""
        sizes = self.constant(np.array(shape_of(value), np.int64))
        return self.op("Reshape", [value, sizes], shape_of(value))

    def replace(self, index: int, value: ir.Value) -> None:
        """`value` is read instead of another output of the node, under its name."""
        old = self.node.outputs[index]
        name = old.name
        if value.is_graph_output() or value.is_graph_input():
            value = self.copy(value)
        old.replace_all_uses_with(value, replace_graph_outputs=True)
        declared.move(old, value)
        old.name, value.name = f"{name}_unused", name

    def used(self, index: int) -> bool:
        """True when the node has that output and somebody reads it."""
        if index >= len(self.node.outputs):
            return False
        value = self.node.outputs[index]
        return bool(value.uses()) or value.is_graph_output()
