"""Constants as integers: each quantized once for each grid that a reader sees it on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import Array, array_of, constant
from edgemm.errors import ConversionError
from edgemm.quantize.grid import Grid

UNSIGNED_SHIFT = 128
"""u8 = s8 + 128, on numbers and zero points alike: the same real values."""


def stored_dtype(*, unsigned: bool) -> str:
    """The name of the 8-bit type."""
    return "uint8" if unsigned else "int8"


def stored_zero_point(grid: Grid, *, unsigned: bool) -> int:
    """The zero point in the file's type."""
    return grid.zero_point + (UNSIGNED_SHIFT if unsigned else 0)


def stored_numbers(grid: Grid, array: Array, *, unsigned: bool) -> Array:
    """Real numbers as the file holds them."""
    steps = grid.quantize(array)
    return (steps.astype(np.int16) + UNSIGNED_SHIFT).astype(np.uint8) if unsigned else steps


@dataclass(slots=True)
class Constants:
    """Scales, zero points and quantized constants of one graph, shared where they are equal."""

    graph: ir.Graph
    _made: dict[tuple[object, ...], ir.Value] = field(default_factory=dict)

    def scale(self, name: str, grid: Grid) -> ir.Value:
        """float32, [] for one scale, else one per channel."""
        numbers = grid.scale.astype(np.float32)
        array = numbers.reshape(()) if grid.axis is None else numbers
        return self._once(("scale", array.shape, array.tobytes()), f"{name}_scale", array)

    def zero_point(self, name: str, grid: Grid, *, unsigned: bool) -> ir.Value:
        """In the 8-bit type, the shape of the scale."""
        number = stored_zero_point(grid, unsigned=unsigned)
        shape = () if grid.axis is None else grid.scale.shape
        array = np.full(shape, number, stored_dtype(unsigned=unsigned))
        return self._once(("zero point", array.dtype, array.shape, number), f"{name}_zero_point", array)

    def dequantized(self, reader: ir.Node, index: int, grid: Grid, *, unsigned: bool) -> ir.Value:
        """The constant that `reader` takes at `index`, as integers with a DequantizeLinear before the reader."""
        source = reader.inputs[index]
        array = array_of(source)
        if source is None or array is None:
            raise ConversionError(
                f"node {reader.name!r} ({reader.op_type}): the plan has a weight grid for input {index}, which is "
                "no constant. Make the plan again for this graph"
            )
        name = str(source.name)
        key = ("dequantized", name, unsigned, grid.axis, grid.zero_point, grid.dtype, grid.scale.tobytes())
        if key not in self._made:
            self._made[key] = self._dequantize(reader, name, array, grid, unsigned=unsigned)
        return self._made[key]

    def _dequantize(
        self, reader: ir.Node, name: str, array: Array, grid: Grid, *, unsigned: bool
    ) -> ir.Value:
        integers = constant(self.graph, f"{name}_quantized", stored_numbers(grid, array, unsigned=unsigned))
        inputs = [integers, self.scale(name, grid)]
        if grid.dtype != "int32":
            inputs.append(self.zero_point(name, grid, unsigned=unsigned))
        node = ir.node(
            "DequantizeLinear",
            inputs,
            {} if grid.axis is None else {"axis": grid.axis},
            outputs=[real_value(f"{name}_dequantized", array.shape)],
            name=f"{name}_DequantizeLinear",
        )
        self.graph.insert_before(reader, node)
        return node.outputs[0]

    def _once(self, key: tuple[object, ...], name: str, array: Array) -> ir.Value:
        if key not in self._made:
            self._made[key] = constant(self.graph, name, array)
        return self._made[key]


def real_value(name: str, shape: tuple[int, ...] | ir.Shape | None) -> ir.Value:
    """A float32 tensor that no node makes yet."""
    return ir.Value(
        name=name,
        shape=None if shape is None else ir.Shape(tuple(shape)),
        type=ir.TensorType(ir.DataType.FLOAT),
    )
