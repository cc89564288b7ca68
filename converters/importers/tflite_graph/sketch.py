"""The ONNX graph that an importer draws: each TFLite tensor as a value, in the layout that it happens to have.

Convolutions take and give channels first; what does not care keeps what is there, and a Transpose is drawn only where
another layout is needed. So a plain CNN has one at its input and none between its layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.importers.tflite_graph.file import Model, Operator, Tensor
from edgemm.converters.importers.tflite_graph.parts import Part, Parts
from edgemm.converters.tflite.schema import enum_names
from edgemm.errors import UnsupportedOperator
from edgemm.quantize.declared import declare
from edgemm.quantize.names import unused_name

Array = npt.NDArray[Any]
Perm = tuple[int, ...]
LIMITS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}
"""Activation function -> the numbers that it limits to."""
ROUNDED = ("int8", "uint8")
"""Grids that are drawn."""
LIMITED = ("int16",)
"""Grids whose ends are drawn: their steps change no number that 8 bits show."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A tensor's value: the tensor transposed by `perm`."""

    value: ir.Value
    perm: Perm


def identity(rank: int) -> Perm:
    """The layout of the file."""
    return tuple(range(rank))


def channels_first(rank: int) -> Perm:
    """N, spatial..., C -> N, C, spatial..."""
    return (0, rank - 1, *range(1, rank - 1))


class Sketch:
    """Draws nodes, and knows what each tensor is by now."""

    def __init__(
        self, model: Model, shapes: Sequence[tuple[int, ...]], *, named: bool = False, loops: bool = False
    ) -> None:
        """
        Args:
            loops: some were written out: lists are followed through them (see parts.py).
            named: each tensor that is computed is also there under its name, in the layout of the file.
        """
        self.model = model
        self.named = named
        self.loops = loops
        self.shapes = tuple(shapes)
        self.nodes: list[ir.Node] = []
        self.initializers: list[ir.Value] = []
        self.complex: dict[int, tuple[ir.Value, ir.Value]] = {}
        """Complex tensors: real and imaginary part."""
        self._parts: dict[int, Parts] = {}
        """Tensors that are drawn when they are read."""
        self.operators: dict[str, str] = {}
        """Operators -> the name of what they make; of their first output."""
        self._held: dict[int, Held] = {}
        self._turned: dict[tuple[int, Perm], ir.Value] = {}
        self._all: list[Held] = []
        self._names: set[str] = set()
        self.at = "start"
        """Name of the operator that is drawn."""

    # reading

    def tensor(self, index: int) -> Tensor:
        """One tensor of the file."""
        return self.model.tensors[index]

    def shape(self, index: int) -> tuple[int, ...]:
        """Sizes of a tensor, as LiteRT computes them."""
        return self.shapes[index]

    def maker(self, index: int) -> Operator | None:
        """The operator that computes a tensor; None where there is none."""
        return next((each for each in self.model.operators if index in each.outputs), None)

    def data(self, index: int) -> Array | None:
        """A constant as real numbers; None for what is computed."""
        if index < 0:
            return None
        held = self._held.get(index)
        if held is not None:
            known = held.value.const_value
            return None if known is None else known.numpy()
        return self.tensor(index).real()

    def known(self, index: int, what: str) -> Array:
        """A constant that must be one."""
        found = self.data(index)
        if found is None:
            self.refuse(f"its {what} is computed while it runs", "Export the model with a constant there")
        return found

    def numbers(self, index: int, what: str) -> list[int]:
        """A constant list of whole numbers."""
        return [int(each) for each in self.known(index, what).reshape(-1)]

    def held(self, index: int) -> Held:
        """A tensor as it is now."""
        found = self._held.get(index)
        if found is None and index in self._parts:
            self.write(index, self._of_parts(index))
            found = self._held[index]
        if found is None:
            content = self.tensor(index).real()
            if content is None:
                self.refuse(
                    f"reads {self.tensor(index).name!r}, which nothing computes", "Export the model again"
                )
            found = Held(self.constant(content, self.tensor(index).name), identity(content.ndim))
            self._held[index] = found
        return found

    def layout(self, index: int) -> Perm:
        """The layout that a tensor is in."""
        return self.held(index).perm

    def read(self, index: int, perm: Perm | None = None) -> ir.Value:
        """A tensor in a layout; None for that of the file."""
        held = self.held(index)
        wanted = identity(len(held.perm)) if perm is None else perm
        if held.perm == wanted:
            return held.value
        turn = [held.perm.index(axis) for axis in wanted]
        if held.value.const_value is not None:
            return self.constant(held.value.const_value.numpy().transpose(turn), self.tensor(index).name)
        self._all.append(held)  # an id is that of an object only as long as it lives
        key = (id(held), wanted)
        if key not in self._turned:
            self._turned[key] = self.node("Transpose", [held.value], perm=turn)
        return self._turned[key]

    def parts(self, index: int, axis: int) -> Parts:
        """A tensor as parts along an axis, one where nothing is known of it."""
        known = self._parts.get(index)
        if known is not None and known.axis == axis:
            return known
        size = self.shape(index)[axis]
        return Parts(axis, (Part(self.read(index), size, 0, size),))

    def consists(self, index: int, parts: Parts) -> None:
        """A tensor consists of these parts."""
        self._parts[index] = parts

    def is_listed(self, index: int) -> bool:
        """A tensor may be followed as parts: a loop was written out, and it is on no grid."""
        return self.loops and not self.tensor(index).on_grid

    def _of_parts(self, index: int) -> ir.Value:
        found, shape = self._parts[index], self.shape(index)
        rows = [self.rows(each.value, each.size, found.axis, each.start, each.stop) for each in found.parts]
        if not rows:
            return self.constant(np.zeros(shape, self.tensor(index).kind))
        return rows[0] if len(rows) == 1 else self.node("Concat", rows, axis=found.axis)

    def rows(self, value: ir.Value, size: int, axis: int, start: int, stop: int) -> ir.Value:
        """Some rows of a value that has so many along the axis."""
        if (start, stop) == (0, size):
            return value
        limits = [self.constant(np.array([each], np.int64)) for each in (start, stop, axis)]
        return self.node("Slice", [value, *limits])

    def as_indices(self, index: int) -> ir.Value:
        """Whole numbers as int64."""
        content = self.data(index)
        if content is not None:
            return self.constant(content.astype(np.int64))
        return self.node("Cast", [self.read(index)], to=int(ir.DataType.INT64))

    # drawing

    def constant(self, content: Any, name: str = "") -> ir.Value:
        """A constant."""
        array = np.ascontiguousarray(content).reshape(np.shape(content))
        unique = self._unique(name or f"{self.at}_constant")
        value = ir.Value(
            name=unique,
            const_value=ir.tensor(array, name=unique),
            shape=ir.Shape(array.shape),
            type=ir.TensorType(ir.DataType.from_numpy(array.dtype)),
        )
        self.initializers.append(value)
        return value

    def many(
        self, op_type: str, inputs: Sequence[ir.Value | None], count: int, **attributes: Any
    ) -> list[ir.Value]:
        """A node of several outputs."""
        name = self._unique(f"{self.at}_{op_type}")
        outputs = [ir.Value(name=self._unique(f"{name}_out")) for _ in range(count)]
        self.nodes.append(ir.node(op_type, list(inputs), attributes, outputs=outputs, name=name))
        return outputs

    def node(self, op_type: str, inputs: Sequence[ir.Value | None], **attributes: Any) -> ir.Value:
        """A node of one output."""
        return self.many(op_type, inputs, 1, **attributes)[0]

    def reshape(self, value: ir.Value, shape: Sequence[int]) -> ir.Value:
        """Reshape to known sizes."""
        return self.node("Reshape", [value, self.constant(np.array(shape, np.int64).reshape(-1))])

    def add_input(self, index: int, kind: str) -> ir.Value:
        """A graph's input; its integers are real numbers here."""
        tensor = self.tensor(index)
        value = ir.Value(
            name=self._unique(tensor.name or f"input_{index}"),
            shape=ir.Shape(self.shape(index)),
            type=ir.TensorType(ir.DataType.from_numpy(np.dtype(kind))),
        )
        self._held[index] = Held(self._on_grid(tensor, value), identity(len(self.shape(index))))
        return value

    def write(self, index: int, value: ir.Value, perm: Perm | None = None, *, activation: int = 0) -> None:
        """What a tensor is from now on.

        Args:
            activation: number of a fused activation function.
        """
        value = self._on_grid(self.tensor(index), self._activated(value, activation))
        self.alias(index, Held(value, identity(len(self.shape(index))) if perm is None else perm))

    def alias(self, index: int, held: Held) -> None:
        """A tensor that is another one."""
        self._held[index] = held
        if self.named and held.value.const_value is None:
            value = self.node("Identity", [self.read(index)])
            value.name = self._unique(self.tensor(index).name or f"{self.at}_tensor")
            self._held[index] = Held(value, identity(len(held.perm)))
            self.operators.setdefault(self.at, value.name)

    def output(self, index: int) -> ir.Value:
        """A graph's output: the tensor in the layout of the file, under its name."""
        value = self.read(index)
        if value.const_value is None and value.producer() is not None:
            name = self.tensor(index).name or f"output_{index}"
            if name not in self._names:
                value.name = self._unique(name)
        return value

    def limited(self, value: ir.Value, low: float, high: float) -> ir.Value:
        """Clip."""
        limits = [self.constant(np.array(each, np.float32)) for each in (low, high)]
        return self.node("Clip", [value, *limits])

    def _activated(self, value: ir.Value, number: int) -> ir.Value:
        """The value with the fused activation function of that number behind it."""
        name = enum_names("ActivationFunctionType").get(number, str(number))
        if name == "NONE":
            return value
        if name in ("RELU", "TANH"):
            return self.node(name.capitalize(), [value])
        if name not in LIMITS:
            self.refuse(f"fused activation {name} is unknown", "Export the model without it")
        return self.limited(value, *LIMITS[name])

    def refuse(self, reason: str, remedy: str) -> NoReturn:
        """Raises UnsupportedOperator in the words that all of them use."""
        raise UnsupportedOperator(f"operator {self.at}: {reason}. {remedy}")

    def begin(self, number: int, operator: Operator) -> None:
        """The next operator; its nodes are named by it."""
        self.at = f"{operator.code}_{number}"

    def _on_grid(self, tensor: Tensor, value: ir.Value) -> ir.Value:
        """Rounded to the grid that the file stores the tensor on; one of 16 bits only ends where it does."""
        if not tensor.on_grid or tensor.kind not in (*ROUNDED, *LIMITED) or tensor.scale.size != 1:
            return value
        if tensor.kind in LIMITED:
            return self._within_grid(tensor, value)
        zero = np.array(int(tensor.zero_point.reshape(-1)[0]), np.int64).astype(tensor.kind)
        grid = [self.constant(tensor.scale.reshape(())), self.constant(zero)]
        integers = self.node("QuantizeLinear", [value, *grid])
        return self.node("DequantizeLinear", [integers, *grid])

    def _within_grid(self, tensor: Tensor, value: ir.Value) -> ir.Value:
        """What the grid cuts off is a Clip, which a grid of 8 bits with the same ends saves."""
        ends = int(np.iinfo(tensor.kind).min), int(np.iinfo(tensor.kind).max)
        zero = int(tensor.zero_point.reshape(-1)[0])
        whole = [(end - zero) * float(tensor.scale[0]) for end in ends]
        limited = self.limited(value, *whole)
        declare(limited, float(tensor.scale[0]), zero, ends)
        return limited

    def _unique(self, name: str) -> str:
        chosen = unused_name(name, self._names)
        self._names.add(chosen)
        return chosen
