"""`QuantizedNetwork`: a canonical graph and its plan as a torch module that any loop can train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, nn

from edgemm.errors import InputError, UnsupportedOperator
from edgemm.quantize.aware.kernels import Integers, kernel_of, stored_by
from edgemm.quantize.aware.operators import OPERATORS, Call, is_known
from edgemm.quantize.aware.ranges import ActivationRanges
from edgemm.quantize.aware.rounding import dynamic, dynamic_rows, on_grid
from edgemm.quantize.aware.sharing import shared_grids
from edgemm.quantize.aware.weights import Constants, Key
from edgemm.quantize.fusion import stored_output
from edgemm.quantize.grid import Grid
from edgemm.quantize.legality import grid_operands, rule_of
from edgemm.quantize.plan import Plan

Scales = Mapping[str, tuple[Tensor, Tensor]]


class QuantizedNetwork(nn.Module):  # type: ignore[misc]
    """Computes what the written file computes: float operators in float, integer ones on their grids.

    The graph has the batch that it was exported with, mostly 1; any number of samples may be given along the first
    dimension, and each is computed as the graph computes it. Training and evaluation mode are the same: batch norm is
    folded, and dropout is gone.

    Args:
        model: canonical.
        plan: of that graph.
        learned: the ends of activation ranges, and how much of the largest weights is cut off, are parameters.
        pairs: (output, input) names of states, which are on one grid.
        format: whose kernels are followed. "onnx": float operators read the graph's inputs as they are given. "tflite":
            integer operators round as LiteRT does, and layers that store weights alone round what they multiply them
            with row by row. None: float operators read inputs as integers hold them, integers round as in ONNX
            Runtime, dense layers with stored weights round whole tensors and recurrent ones nothing.

    Raises:
        UnsupportedOperator: operators that have no form in torch here; all of them are named.
    """

    def __init__(
        self,
        model: ir.Model,
        plan: Plan,
        *,
        learned: bool = True,
        pairs: Iterable[tuple[str, str]] = (),
        format: str | None = None,
    ) -> None:
        super().__init__()
        _require_known(model)
        self._model, self._plan = model, plan
        self._real_inputs = format == "onnx"
        self.input_names = tuple(str(value.name) for value in model.graph.inputs)
        self.output_names = tuple(str(value.name) for value in model.graph.outputs)
        shared = shared_grids(model, plan, pairs)
        sizes = _sizes(model)
        self.ranges = ActivationRanges(
            shared,
            learned=learned,
            sizes=[sum(sizes[name] for name in each.values) for each in shared],
        )
        self.constants = Constants(model, plan, learned=learned)
        self._others = _other_constants(model)
        self._steps = [_Step(node, plan, format) for node in model.graph]

    def scale_parameters(self) -> list[nn.Parameter]:
        """What is learned of ranges and scales: wants no weight decay."""
        return [each for each in (self.ranges.ends, *self.constants.ratios) if each.requires_grad]

    def weight_parameters(self) -> list[nn.Parameter]:
        """Weights, biases, tables."""
        return list(self.constants.numbers)

    def grids(self) -> Mapping[str, Grid]:
        """Value name -> its grid as it is now."""
        return self.ranges.grids()

    def forward(self, *inputs: Tensor) -> Any:
        """The graph's outputs: a tensor, or a tuple where there are several.

        Args:
            inputs: in the graph's order and shapes, or with more samples along the first dimension.

        Raises:
            InputError: other inputs than the graph has.
        """
        shapes = [_shape(value) for value in self._model.graph.inputs]
        count = _samples(inputs, shapes, self.input_names)
        scales = self.ranges()
        constants = self.constants(scales)
        if count is None:
            found = self._run(inputs, scales, constants)
        else:
            each = [given.reshape(count, *shape) for given, shape in zip(inputs, shapes, strict=True)]
            run = torch.func.vmap(lambda *one: self._run(one, scales, constants))
            outputs = [_shape(value) for value in self._model.graph.outputs]
            found = tuple(_joined(part, shape) for part, shape in zip(run(*each), outputs, strict=True))
        return found[0] if len(found) == 1 else found

    def _run(
        self, inputs: Sequence[Tensor], scales: Scales, constants: Mapping[Key, Tensor]
    ) -> tuple[Tensor, ...]:
        """One sample."""
        values: dict[str, Tensor] = {}
        for name, given in zip(self.input_names, inputs, strict=True):
            values[name] = given if self._real_inputs or name not in scales else on_grid(given, *scales[name])
        for step in self._steps:
            results = step(self._operand_of(constants, values, scales), scales)
            for name, result, stored in zip(step.outputs, results, step.stored, strict=False):
                values[name] = on_grid(result, *scales[name]) if stored else result
        return tuple(values[name] for name in self.output_names)

    def _operand_of(
        self, constants: Mapping[Key, Tensor], values: Mapping[str, Tensor], scales: Scales
    ) -> Any:
        """(step, index) -> what the node reads there."""
        device = self.ranges.scale.device

        def operand(step: _Step, index: int) -> Tensor | None:
            name, key = step.inputs[index], (step.name, index)
            if name is None:
                return None
            if key in constants:
                return constants[key]
            if name not in values:
                return self._others[name].to(device)
            if index in step.rounds:
                return on_grid(values[name], *scales[name])
            if step.dynamic and index == 0:
                return dynamic_rows(values[name]) if step.rows else dynamic(values[name])
            return values[name]

        return operand


class _Step:
    """One node, which of its operands and results are on a grid, and the kernel that computes it."""

    __slots__ = (
        "dynamic", "function", "held", "inputs", "kept", "kernel", "name", "node", "outputs", "rounds", "rows",
        "stored",
    )  # fmt: skip

    def __init__(self, node: ir.Node, plan: Plan, format_: str | None) -> None:
        self.node = node
        self.name = str(node.name)
        self.function = OPERATORS[node.op_type]
        self.inputs = [None if value is None else str(value.name) for value in node.inputs]
        self.outputs = [str(value.name) for value in node.outputs]
        integer = plan.is_int8(self.name)
        packed = plan.is_packed(self.name)
        self.dynamic = packed and node.op_type in ("Gemm", "MatMul")
        self.rows = packed and format_ == "tflite"
        self.stored = [integer and name in plan.activations for name in self.outputs]
        self.kernel = kernel_of(node, format_, integer_only=plan.target.integer_only) if integer else None
        self.kept = str(stored_output(node).name) if integer else ""
        self.held = {index: grid for (name, index), grid in plan.weights.items() if name == self.name}
        operands = grid_operands(node, rule_of(node)) if integer else frozenset()
        self.rounds = frozenset(
            index
            for index in operands
            if _is_real_before(node, index, plan, real_inputs=format_ == "onnx")
            and self.inputs[index] is not None
        )

    def __call__(self, operand: Any, scales: Scales) -> tuple[Tensor, ...]:
        call = Call(self.node, tuple(operand(self, index) for index in range(len(self.inputs))), self.rows)
        found = self.function(call)
        if self.kernel is not None and self.kept in scales:
            found = stored_by(self.kernel, Integers(call, found, self._grids(scales), scales[self.kept]))
        return found if isinstance(found, tuple) else (found,)

    def _grids(self, scales: Scales) -> tuple[tuple[Tensor, Tensor] | None, ...]:
        """Of each operand."""
        return tuple(
            _ends_of(self.held[index]) if index in self.held else scales.get(name or "")
            for index, name in enumerate(self.inputs)
        )


def _ends_of(grid: Grid) -> tuple[Tensor, Tensor]:
    """Scale and zero point of a grid for a tensor, as float32[] each."""
    return torch.tensor(grid.scalar), torch.tensor(float(grid.zero_point))


def _is_real_before(node: ir.Node, index: int, plan: Plan, *, real_inputs: bool) -> bool:
    """True for an operand that is computed or given in float, and rounded for its integer readers alone."""
    value = node.inputs[index] if index < len(node.inputs) else None
    producer = value.producer() if value is not None else None
    if value is None or str(value.name) not in plan.activations:
        return False
    if producer is None:
        return real_inputs
    return not plan.is_int8(str(producer.name))


def _require_known(model: ir.Model) -> None:
    missing = [f"{node.op_type} ({node.name})" for node in model.graph if not is_known(node)]
    if missing:
        raise UnsupportedOperator(
            f"quantization-aware training: no form in torch for {', '.join(missing[:12])}"
            f"{f' and {len(missing) - 12} more' if len(missing) > 12 else ''}. Replace them in the model, or quantize "
            "it after training"
        )


def _shape(value: ir.Value) -> tuple[int, ...]:
    return () if value.shape is None else tuple(int(size) for size in value.shape.numpy())


def _sizes(model: ir.Model) -> dict[str, int]:
    values = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    return {str(value.name): max(int(np.prod(_shape(value), dtype=np.int64)), 1) for value in values}


def _other_constants(model: ir.Model) -> dict[str, Tensor]:
    """Every constant as it is, for readers that it has no grid and no parameter for."""
    found = {}
    for value in model.graph.initializers.values():
        if value.const_value is not None:
            found[str(value.name)] = torch.from_numpy(np.array(value.const_value.numpy()))
    return found


def _samples(inputs: Sequence[Tensor], shapes: Sequence[tuple[int, ...]], names: Sequence[str]) -> int | None:
    """How many samples there are; None where the inputs are as the graph has them."""
    found = [tuple(each.shape) for each in inputs]
    if found == list(shapes):
        return None
    counts = set()
    for given, shape in zip(found, shapes, strict=False):
        plain = shape[:1] == (1,) and given[1:] == shape[1:] and len(given) == len(shape)
        counts.add(given[0] if given and (plain or given[1:] == shape) else -1)
    if len(found) != len(shapes) or len(counts) != 1 or min(counts) < 1:
        wanted = ", ".join(f"{name} {list(shape)}" for name, shape in zip(names, shapes, strict=True))
        raise InputError(
            f"expected inputs of {wanted}, or as many samples of each along the first dimension; found "
            + ", ".join(str(list(each)) for each in found)
        )
    return int(counts.pop())


def _joined(part: Tensor, shape: tuple[int, ...]) -> Tensor:
    """[samples, 1, ...] -> [samples, ...]"""
    return part.squeeze(1) if shape[:1] == (1,) else part
