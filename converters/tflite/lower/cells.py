"""One time step of LSTM, GRU and RNN: gates in TFLite operators.

https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html, onnx__RNN.html. ONNX stacks the gates of an LSTM as
input, output, forget, cell; those of a GRU as update, reset, hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.converters.tflite.attributes import refuse
from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lowering import Lowering
from edgemm.converters.tflite.schema import Form
from edgemm.quantize.grid import Grid

Array = npt.NDArray[np.float32]
ACTIVATIONS = {"sigmoid": "LOGISTIC", "tanh": "TANH", "relu": "RELU"}
DEFAULTS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """The weights and functions of one direction."""

    node: ir.Node
    kind: str
    """"LSTM", "GRU" or "RNN"."""
    hidden: int
    recurrence: Array
    """float32[gates * hidden, hidden]"""
    grid: Grid | None
    """Of the recurrence, where it is stored in int8."""
    inner_bias: Array
    """float32[gates * hidden]: added inside the step, not to the projection of the input."""
    functions: tuple[str, ...]
    """TFLite operators."""
    peepholes: Array | None = None
    """float32[3, hidden]: input, output, forget."""
    linear_before_reset: bool = False

    @property
    def form(self) -> Form:
        """Of the fully connected layers."""
        return dense_form(self.grid)


def dense_form(grid: Grid | None) -> Form:
    """The form of a fully connected layer with these weights."""
    if grid is None:
        return "float"
    return "hybrid" if grid.axis is None else "hybrid_per_channel"


def functions_of(node: ir.Node, given: tuple[str, ...]) -> tuple[str, ...]:
    """The activation functions of one direction, as TFLite operators."""
    names = given or DEFAULTS[node.op_type]
    unknown = [name for name in names if name.lower() not in ACTIVATIONS]
    if unknown:
        missing = ", ".join(dict.fromkeys(unknown))
        refuse(
            node,
            f"the activation {missing}, of its activations {', '.join(names)}",
            "Use Sigmoid, Tanh or Relu, or convert to .onnx, which takes all of them",
        )
    return tuple(ACTIVATIONS[name.lower()] for name in names)


class Step:
    """Writes one time step into the graph that the lowering is at."""

    def __init__(self, ctx: Lowering, cell: Cell) -> None:
        self.ctx = ctx
        self.cell = cell
        self.name = str(cell.node.outputs[0].name or cell.node.name)

    def op(
        self, code: str, *inputs: Tensor, shape: tuple[int, ...] | None = None, form: Form = "float"
    ) -> Tensor:
        """An operator on float32, of its first input's shape unless told."""
        made = self.ctx.graph.tensor(f"{self.name}_{code.lower()}", shape or inputs[0].shape, "float32")
        self.ctx.op(code, list(inputs), [made], form=form)
        return made

    def constant(self, array: npt.NDArray[np.float32] | float) -> Tensor:
        """float32."""
        return self.ctx.graph.constant(f"{self.name}_c", np.asarray(array, np.float32))

    def dense(self, source: Tensor, rows: slice, *, bias: bool = True) -> Tensor:
        """[n, hidden] times some rows of the recurrence, and their inner bias."""
        cell = self.cell
        array, added = cell.recurrence[rows], cell.inner_bias[rows]
        weights = dense_weights(self.ctx, f"{self.name}_recurrence", array, part_of(cell.grid, rows))
        inputs: list[Tensor | None] = [source, weights]
        inputs.append(self.constant(added) if bias and added.any() else None)
        made = self.ctx.graph.tensor(f"{self.name}_product", (source.shape[0], len(array)), "float32")
        self.ctx.op("FULLY_CONNECTED", inputs, [made], {}, cell.form)
        return made

    def part(self, gates: Tensor, index: int) -> Tensor:
        """One gate's columns."""
        size = self.cell.hidden
        rows = gates.shape[0]
        if gates.shape[1] == size:
            return gates
        limits = ((0, index * size), (rows, (index + 1) * size), (1, 1))
        constants = [self.ctx.graph.constant(f"{self.name}_i", np.array(each, np.int32)) for each in limits]
        made = self.ctx.graph.tensor(f"{self.name}_gate", (rows, size), "float32")
        self.ctx.op("STRIDED_SLICE", [gates, *constants], [made])
        return made

    def peep(self, gate: Tensor, state: Tensor, index: int) -> Tensor:
        """The gate, and its share of the cell state where it looks at it."""
        if self.cell.peepholes is None:
            return gate
        return self.op("ADD", gate, self.op("MUL", state, self.constant(self.cell.peepholes[index][None])))

    def __call__(self, projected: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The next state: (h,) or (h, c), each [n, hidden].

        Args:
            projected: [n, gates * hidden], the input's share of every gate.
        """
        steps: dict[str, Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]] = {
            "LSTM": self._lstm,
            "GRU": self._gru,
            "RNN": self._rnn,
        }
        return steps[self.cell.kind](projected, state)

    def _rnn(self, projected: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        total = self.op("ADD", projected, self.dense(state[0], slice(None)))
        return (self.op(self.cell.functions[0], total),)

    def _lstm(self, projected: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, memory = state
        f, g, h = self.cell.functions
        gates = self.op("ADD", projected, self.dense(hidden, slice(None)))
        enter = self.op(f, self.peep(self.part(gates, 0), memory, 0))
        forget = self.op(f, self.peep(self.part(gates, 2), memory, 2))
        candidate = self.op(g, self.part(gates, 3))
        kept = self.op("ADD", self.op("MUL", forget, memory), self.op("MUL", enter, candidate))
        leave = self.op(f, self.peep(self.part(gates, 1), kept, 1))
        return self.op("MUL", leave, self.op(h, kept)), kept

    def _gru(self, projected: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, size = state[0], self.cell.hidden
        f, g = self.cell.functions
        first = slice(0, 2 * size)
        if self.cell.linear_before_reset:
            product = self.dense(hidden, slice(None))
            parts = [self.part(product, index) for index in range(3)]
        else:
            both = self.dense(hidden, first)
            parts = [self.part(both, 0), self.part(both, 1)]
        update = self.op(f, self.op("ADD", self.part(projected, 0), parts[0]))
        reset = self.op(f, self.op("ADD", self.part(projected, 1), parts[1]))
        if self.cell.linear_before_reset:
            share = self.op("MUL", reset, parts[2])
        else:
            share = self.dense(self.op("MUL", reset, hidden), slice(2 * size, None))
        fresh = self.op(g, self.op("ADD", self.part(projected, 2), share))
        # (1 - z) fresh + z hidden = fresh + z (hidden - fresh)
        return (self.op("ADD", fresh, self.op("MUL", update, self.op("SUB", hidden, fresh))),)


def part_of(grid: Grid | None, rows: slice) -> Grid | None:
    """The grid of some rows."""
    if grid is None or grid.axis is None:
        return grid
    return Grid(grid.scale[rows], 0, 0)


def dense_weights(ctx: Lowering, name: str, array: Array, grid: Grid | None) -> Tensor:
    """float32, or int8 on the grid."""
    if grid is None:
        return ctx.graph.constant(name, array)
    return ctx.graph.constant(name, grid.quantize(array), grid)
