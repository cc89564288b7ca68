"""One node with its operands, as the functions of this folder read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A node, and its operands as tensors."""

    node: ir.Node
    operands: tuple[Tensor | None, ...]
    rows: bool = False
    """What a recurrent layer multiplies its stored weights with is rounded row by row while it runs, as in LiteRT."""

    def __getitem__(self, index: int) -> Tensor:
        """An operand that must be there."""
        found = self.operands[index]
        if found is None:
            raise IndexError(index)
        return found

    def has(self, index: int) -> bool:
        """True where the node has that operand."""
        return index < len(self.operands) and self.operands[index] is not None

    def known(self, index: int) -> npt.NDArray[Any] | None:
        """An operand that is known before anything runs: sizes, axes, limits."""
        value = self.node.inputs[index] if index < len(self.node.inputs) else None
        return None if value is None or value.const_value is None else value.const_value.numpy()

    def whole(self, index: int) -> list[int] | None:
        """The same, as whole numbers."""
        found = self.known(index)
        return None if found is None else [int(each) for each in found.reshape(-1)]

    def integer(self, name: str, default: int) -> int:
        """An attribute."""
        return self.node.attributes.get_int(name, default)

    def number(self, name: str, default: float) -> float:
        """An attribute."""
        return self.node.attributes.get_float(name, default)

    def text(self, name: str, default: str) -> str:
        """An attribute."""
        return self.node.attributes.get_string(name, default)

    def integers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """An attribute."""
        found = self.node.attributes.get_ints(name, None)
        return default if found is None else tuple(int(each) for each in found)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first output, in the graph."""
        value = self.node.outputs[0]
        return () if value.shape is None else tuple(int(size) for size in value.shape.numpy())


def axes_of(call: Call, rank: int) -> list[int]:
    """Of a reduction: its attribute or its second operand, counted from the front."""
    given = call.integers("axes", ()) or tuple(call.whole(1) or ())
    return [axis % rank for axis in given] or (
        [] if call.integer("noop_with_empty_axes", 0) else list(range(rank))
    )


def type_of(kind: int) -> np.dtype[Any]:
    """An ONNX type as NumPy has it."""
    return np.dtype(ir.DataType(kind).numpy())
