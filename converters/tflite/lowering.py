"""The context of a lowering: where the values of the canonical graph are stored, and in which layout.

Layout is not decided beforehand. Each value is stored with a permutation of its axes; an
operator that needs another one (a convolution wants channels last) asks for it, and a TRANSPOSE
appears only where what is stored differs from what is asked for. Operators that do not care
take what is there. So a plain CNN has no transposes, and an ONNX Transpose costs nothing
until somebody needs its layout.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.tflite.attributes import refuse
from edgemm.converters.tflite.graph import Graph, Operator, Tensor
from edgemm.converters.tflite.schema import FORMS, Form, enum
from edgemm.errors import ConversionError, UnsupportedOperator
from edgemm.quantize.fusion import FUSED_BOUNDS, bounds, fused_activation
from edgemm.quantize.grid import Grid, Range
from edgemm.quantize.plan import Plan, Precision

FASTER_IN_FLOAT = frozenset(
    {"AVERAGE_POOL_2D", "HARD_SWISH", "MAXIMUM", "MINIMUM", "RELU", "RELU6", "RELU_N1_TO_1", "SOFTMAX"}
)
"""Operators that XNNPACK has in float alone. In int8 the built-in kernels compute them, up to sixty times as slowly,
and each splits what the delegate runs as one. Made float and int8 again around them, everything stays in one."""

Perm = tuple[int, ...]
"""Axes as in np.transpose: stored = value.transpose(perm)."""


def identity(rank: int) -> Perm:
    """The layout of ONNX itself."""
    return tuple(range(rank))


def channels_last(rank: int) -> Perm:
    """N, C, spatial... -> N, spatial..., C."""
    return (0, *range(2, rank), 1)


def inverse(perm: Perm) -> Perm:
    """The permutation that undoes it."""
    return tuple(int(axis) for axis in np.argsort(perm))


def compose(first: Perm, then: Perm) -> Perm:
    """transpose(transpose(x, first), then) as one."""
    return tuple(first[axis] for axis in then)


def permuted(shape: tuple[int, ...], perm: Perm) -> tuple[int, ...]:
    """The shape of what is stored."""
    return tuple(shape[axis] for axis in perm)


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Where a value of the canonical graph is."""

    tensor: Tensor
    perm: Perm
    columns: npt.NDArray[np.int64] | None = None
    """A flattened value whose elements are in another order: column j of what is stored is column
    `columns[j]` of the value. Only fully connected layers read those, with their weights in that order."""


def _rescales(inputs: list[Tensor | None] | list[Tensor], output: Tensor) -> bool:
    """True for a product whose unit is at least one step of the output."""
    scales = [
        tensor.grid.scalar for tensor in (*inputs, output) if tensor is not None and tensor.grid is not None
    ]
    return len(scales) == 3 and scales[0] * scales[1] >= scales[2]


def _unplanned(what: str) -> ConversionError:
    return ConversionError(
        f"the plan has no grid for {what}, which computes on integers. Make the plan for this very graph"
    )


class Lowering:
    """Turns nodes into operators of one TFLite graph."""

    def __init__(self, model: ir.Model, plan: Plan) -> None:
        self.model = model
        self.plan = plan
        self.graph = Graph()
        self.written: set[str] = set()
        """Names of nodes that an operator before them computes too."""
        self._stored: dict[str, Stored] = {}
        self._variants: dict[tuple[int, Perm, str], Tensor] = {}

    # values

    def value(self, node: ir.Node, index: int = 0) -> ir.Value:
        """An input that must be there."""
        value = node.inputs[index] if index < len(node.inputs) else None
        if value is None:
            refuse(node, f"input {index} is missing", "Export the model again")
        return value

    def shape(self, value: ir.Value) -> tuple[int, ...]:
        """The static shape of a value, in ONNX's layout."""
        return tuple(value.shape.numpy()) if value.shape is not None else ()

    def constant_of(self, value: ir.Value | None) -> npt.NDArray[Any] | None:
        """The content of a constant; None for what is computed or absent."""
        return None if value is None or value.const_value is None else value.const_value.numpy()

    def is_int8(self, node: ir.Node) -> bool:
        """True when the plan has the node compute on integers."""
        return self.plan.is_int8(str(node.name))

    def is_dynamic(self, node: ir.Node) -> bool:
        """True when the plan has int8 weights and float activations."""
        return self.plan.is_packed(str(node.name))

    def is_hybrid(self, node: ir.Node) -> bool:
        """True when the plan has a convolution quantize its activations while running."""
        return self.plan.precision.get(str(node.name)) is Precision.HYBRID

    def form(self, node: ir.Node) -> Form:
        """Which row of the table of forms the node's operator has."""
        return "int8" if self.is_int8(node) else "float"

    def grid(self, value: ir.Value) -> Grid:
        """The plan's grid of an activation.

        Raises:
            ConversionError: the plan has none: it was made for another graph.
        """
        if str(value.name) not in self.plan.activations:
            raise _unplanned(f"value {value.name!r}")
        return self.plan.activations[str(value.name)]

    def weight_grid(self, node: ir.Node, index: int) -> Grid:
        """The plan's grid of a constant, as one node sees it.

        Raises:
            ConversionError: the plan has none: it was made for another graph.
        """
        if (str(node.name), index) not in self.plan.weights:
            raise _unplanned(f"input {index} of node {node.name!r}")
        return self.plan.weights[str(node.name), index]

    def stored(self, value: ir.Value) -> Stored:
        """Where a value is."""
        return self._stored[str(value.name)]

    def perm(self, node: ir.Node, index: int = 0) -> Perm:
        """The layout in which an input is stored."""
        value = self.value(node, index)
        return (
            self.stored(value).perm if str(value.name) in self._stored else identity(len(self.shape(value)))
        )

    def put(
        self, value: ir.Value, tensor: Tensor, perm: Perm, columns: npt.NDArray[np.int64] | None = None
    ) -> None:
        """Says where a value is."""
        self._stored[str(value.name)] = Stored(tensor, perm, columns)

    def get(self, node: ir.Node, index: int, perm: Perm | None = None) -> Tensor:
        """An input of a node, in the layout asked for (None: as it is) and in the numbers that the node
        computes on: int8 on the plan's grid, or float32."""
        value = self.value(node, index)
        if value.const_value is not None:
            return self.constant_operand(node, index, perm)
        stored = self.stored(value)
        if stored.columns is not None:
            refuse(
                node, f"input {index} is stored in another order", "This is a fault: please report the model"
            )
        tensor = stored.tensor
        if tensor.dtype in ("int8", "float32"):
            tensor = self.in_form(node, value, tensor)
        wanted = stored.perm if perm is None else perm
        return self.transpose(tensor, compose(inverse(stored.perm), wanted))

    def in_form(self, node: ir.Node, value: ir.Value, tensor: Tensor) -> Tensor:
        """The tensor in the numbers that the node computes on; what lies far beyond a grid is limited first."""
        if not self.is_int8(node):
            return self.as_float(tensor)
        grid, whole = self.grid(value), self.plan.beyond.get(str(value.name))
        if whole is not None and not tensor.is_int8:
            tensor = self._limited(tensor, grid, whole)
        return self.as_int8(tensor, grid)

    def _limited(self, tensor: Tensor, grid: Grid, whole: Range) -> Tensor:
        """The tensor without what its grid cannot hold: QUANTIZE alone makes the largest of the smallest."""
        low, high = (float(each) for each in grid.dequantize(np.array([-128, 127], np.int8)))
        for code, limit, needed in (
            ("MAXIMUM", low, whole.low < low),
            ("MINIMUM", high, whole.high > high),
        ):
            key = (id(tensor), (), f"{code} {limit!r}")
            if needed and key not in self._variants:
                made = self.graph.tensor(f"{tensor.name}_limited", tensor.shape, tensor.dtype)
                ends = self.graph.constant(f"{tensor.name}_end", np.array([limit], np.float32))
                self.op(code, [tensor, ends], [made])
                self._variants[key] = made
            tensor = self._variants.get(key, tensor)
        return tensor

    def constant_operand(self, node: ir.Node, index: int, perm: Perm | None = None) -> Tensor:
        """A constant that stands where activations do: an addend, a factor, a part of a Concat."""
        value = self.value(node, index)
        array = self.constant_of(value)
        if array is None:
            refuse(node, f"input {index} is computed", "Export the model with a constant there")
        array = array if perm is None else array.transpose(perm)
        if self.is_int8(node) and array.dtype == np.float32:
            grid = self.weight_grid(node, index)
            return self.graph.constant(str(value.name), grid.quantize(array), grid)
        return self.graph.constant(str(value.name), array)

    # conversions

    def as_int8(self, tensor: Tensor, grid: Grid) -> Tensor:
        """The tensor on `grid`: a QUANTIZE where it is not."""
        if tensor.is_int8 and tensor.grid is not None and tensor.grid.same_as(grid):
            return tensor
        key = (id(tensor), (), f"int8 {grid.scalar!r} {grid.zero_point}")
        if key not in self._variants:
            made = self.graph.tensor(f"{tensor.name}_int8", tensor.shape, "int8", grid)
            self.op("QUANTIZE", [tensor], [made])
            self._variants[key] = made
        return self._variants[key]

    def as_float(self, tensor: Tensor) -> Tensor:
        """The tensor in float32: a DEQUANTIZE where it is int8."""
        if tensor.grid is None:
            return tensor
        key = (id(tensor), (), "float32")
        if key not in self._variants:
            made = self.graph.tensor(f"{tensor.name}_float", tensor.shape, "float32")
            self.op("DEQUANTIZE", [tensor], [made])
            self._variants[key] = made
        return self._variants[key]

    def transpose(self, tensor: Tensor, perm: Perm) -> Tensor:
        """The tensor with its axes in another order; a RESHAPE where only axes of size 1 move."""
        if perm == identity(len(perm)):
            return tensor
        key = (id(tensor), perm, "transpose")
        if key not in self._variants:
            shape = permuted(tensor.shape, perm)
            made = self.graph.tensor(f"{tensor.name}_layout", shape, tensor.dtype, tensor.grid)
            form: Form = "int8" if tensor.is_int8 else "float"
            moved = [axis for axis in perm if tensor.shape[axis] != 1]
            if moved == sorted(moved):
                self.reshape_op(tensor, made)
            else:
                order = self.graph.constant(f"{tensor.name}_perm", np.array(perm, np.int32))
                self.op("TRANSPOSE", [tensor, order], [made], form=form)
            self._variants[key] = made
        return self._variants[key]

    def reshape(self, tensor: Tensor, shape: tuple[int, ...], name: str = "") -> Tensor:
        """The tensor in another shape, its elements in the same order."""
        if tensor.shape == tuple(shape):
            return tensor
        made = self.graph.tensor(name or f"{tensor.name}_shape", shape, tensor.dtype, tensor.grid)
        self.reshape_op(tensor, made)
        return made

    def reshape_op(self, source: Tensor, result: Tensor) -> None:
        """RESHAPE with its shape both as a tensor and as an option, for readers of either."""
        sizes = np.array(result.shape, np.int32)
        shape = self.graph.constant(f"{result.name}_dims", sizes)
        form: Form = "int8" if source.is_int8 else "float"
        self.op("RESHAPE", [source, shape], [result], {"newShape": sizes}, form)

    # operators

    @contextlib.contextmanager
    def inside(self, graph: Graph) -> Iterator[Graph]:
        """Operators go into that subgraph for a while. Tensors of the main graph are not seen there."""
        outer, variants = self.graph, self._variants
        self.graph, self._variants = graph, {}
        try:
            yield graph
        finally:
            self.graph, self._variants = outer, variants

    def op(
        self,
        code: str,
        inputs: list[Tensor | None] | list[Tensor],
        outputs: list[Tensor],
        options: dict[str, Any] | None = None,
        form: Form = "float",
    ) -> None:
        """Appends an operator; an integer one that is faster in float becomes that, between changes of numbers."""
        if form == "int8" and code in FASTER_IN_FLOAT and not self.plan.target.integer_only:
            self._in_float(code, inputs, outputs[0], options)
            return
        if form not in FORMS[code]:
            raise UnsupportedOperator(
                f"{code} {outputs[0].name!r}: TFLite has no {form} kernel for it. Plan its node as float (float_nodes)"
            )
        if len(outputs[0].shape) > 4 and "wide" in FORMS[code]:
            form = "wide"
        if code == "MUL" and form == "int8" and _rescales(inputs, outputs[0]):
            form = "rescaled"
        self._require_runtime(code, outputs[0], form)
        self.graph.operators.append(Operator(code, list(inputs), outputs, options or {}, form))

    def _in_float(
        self,
        code: str,
        inputs: list[Tensor | None] | list[Tensor],
        output: Tensor,
        options: dict[str, Any] | None,
    ) -> None:
        """The operator in float, and its result on the grid of `output`."""
        made = self.graph.tensor(f"{output.name}_real", output.shape, "float32")
        self.op(code, [None if each is None else self._real(each) for each in inputs], [made], options)
        self.op("QUANTIZE", [made], [output])

    def _real(self, tensor: Tensor) -> Tensor:
        """The tensor in float32; a constant as the numbers that its integers stand for."""
        if tensor.data is None or tensor.grid is None:
            return self.as_float(tensor)
        return self.graph.constant(f"{tensor.name}_real", tensor.grid.dequantize(tensor.data))

    def _require_runtime(self, code: str, output: Tensor, form: Form) -> None:
        """The target's runtime has the operator in that form."""
        limit = self.plan.target.tflite_runtime
        oldest = FORMS[code][form][1]
        if limit is not None and tuple(map(int, oldest.split(".")))[:2] > limit:
            raise UnsupportedOperator(
                f"{code} {output.name!r}: needs runtime {oldest}, target {self.plan.target.name} is "
                f"{limit[0]}.{limit[1]}. Use another target, or replace the operator"
            )

    def result(
        self, node: ir.Node, perm: Perm, *, fuse: bool = True, shape: tuple[int, ...] | None = None
    ) -> Tensor:
        """The tensor that the node's operator writes, in the given layout.

        With `fuse`, it is the output of the activation that the node computes itself.

        Args:
            shape: of what the operator writes, where it is not the value's own in that layout.
        """
        fused = fused_activation(node) if fuse else None
        value = (fused or node).outputs[0]
        stored_shape = permuted(self.shape(value), perm) if shape is None else shape
        if self.is_int8(node):
            made = self.graph.tensor(str(value.name), stored_shape, "int8", self.grid(value))
        else:
            dtype = value.dtype.numpy().name if value.dtype is not None else "float32"
            made = self.graph.tensor(str(value.name), stored_shape, dtype)
        if shape is None:
            self.put(value, made, perm)
        return made

    def activation(self, node: ir.Node) -> int:
        """The number of the activation function that the node computes itself."""
        fused = fused_activation(node)
        limits = bounds(fused) if fused is not None else None
        return enum("ActivationFunctionType", "NONE" if limits is None else FUSED_BOUNDS[limits])
