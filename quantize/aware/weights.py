"""Weights, biases and other constants of one graph while it trains: real numbers, and what their grids make of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, nn

from edgemm.quantize.aware.rounding import HIGHEST, symmetric, whole_steps
from edgemm.quantize.constants import constant_of
from edgemm.quantize.cost import WEIGHTED
from edgemm.quantize.grid import MIN_WEIGHT_SCALE, Grid
from edgemm.quantize.legality import RECURRENT, Rule, is_constant, operand, rule_of
from edgemm.quantize.plan import Plan

LARGEST = 1e4
"""Constants beyond are masks, and do not train."""
ADDENDS = frozenset({"Add", "Mul", "PRelu", "Sub"})
Key = tuple[str, int]
"""(node name, input index)"""


def trainable(node: ir.Node) -> tuple[int, ...]:
    """Indices of the constants of a node that training changes: weights, biases, tables, and whatever of more than one
    number is added or multiplied."""
    if node.op_type in WEIGHTED or node.op_type == "ConvTranspose":
        wanted: tuple[int, ...] = (1, 2)
    elif node.op_type in RECURRENT:
        wanted = (1, 2, 3, 7)
    elif node.op_type in ("LayerNormalization", "InstanceNormalization"):
        wanted = (1, 2)
    elif node.op_type == "Gather":
        wanted = (0,)
    else:
        wanted = (0, 1) if node.op_type in ADDENDS else ()
    return tuple(index for index in wanted if _trains(operand(node, index)))


def _trains(value: ir.Value | None) -> bool:
    if value is None or not is_constant(value) or value.dtype != ir.DataType.FLOAT:
        return False
    array = constant_of(value)
    return array.size > 1 and bool(np.isfinite(array).all()) and float(np.abs(array).max()) < LARGEST


class Constants(nn.Module):  # type: ignore[misc]
    """The float constants of a canonical graph.

    Args:
        learned: weights may be cut off a little, where that leaves finer steps for the others: the ratio of each scale
            to the one that the largest weight asks for is a parameter.
    """

    def __init__(self, model: ir.Model, plan: Plan, *, learned: bool) -> None:
        super().__init__()
        self._plan = plan
        self._index: dict[str, int] = {}
        """Name of a trained initializer -> its parameter."""
        self._uses: dict[Key, str] = {}
        self._still: dict[Key, str] = {}
        """Constants on grids that stay as they are -> the name of a buffer."""
        self._ratio: dict[Key, int] = {}
        self._sources: dict[str, tuple[str, Rule]] = {}
        self.numbers = nn.ParameterList()
        self.ratios = nn.ParameterList()
        for node in model.graph:
            self._add(node, learned=learned)

    def _add(self, node: ir.Node, *, learned: bool) -> None:
        name = str(node.name)
        rule, trained = rule_of(node), trainable(node)
        if node.inputs and node.inputs[0] is not None:
            self._sources[name] = (str(node.inputs[0].name), rule)
        for index, value in enumerate(node.inputs):
            if value is None or not is_constant(value) or value.dtype != ir.DataType.FLOAT:
                continue
            grid, key = self._plan.weights.get((name, index)), (name, index)
            weighted = grid is not None and (index == rule.weight or self._plan.is_packed(name))
            if index not in trained or (grid is not None and not weighted and index != rule.bias):
                if grid is not None and (grid.dtype == "int8" or index == rule.bias):
                    self._keep(key, grid.dequantize(grid.quantize(constant_of(value))))
                continue
            self._train(str(value.name), constant_of(value))
            self._uses[key] = str(value.name)
            if weighted and grid is not None:
                self._measure(key, grid, constant_of(value), learned=learned)

    def _train(self, name: str, array: np.ndarray) -> None:
        if name not in self._index:
            self._index[name] = len(self.numbers)
            self.numbers.append(nn.Parameter(torch.from_numpy(np.array(array, np.float32))))

    def _keep(self, key: Key, array: np.ndarray) -> None:
        self._still[key] = f"still_{len(self._still)}"
        self.register_buffer(
            self._still[key], torch.from_numpy(np.array(array, np.float32)), persistent=False
        )

    def _measure(self, key: Key, grid: Grid, array: np.ndarray, *, learned: bool) -> None:
        """How the plan's scale compares with the one that the largest weight asks for: 1, or what a quantized source or
        int32 sums ask for."""
        weights = torch.from_numpy(np.array(array, np.float32))
        plain = _plain_scale(weights, grid.axis).numpy()
        ratio = torch.from_numpy((grid.scale / np.maximum(plain, MIN_WEIGHT_SCALE)).astype(np.float32))
        self._ratio[key] = len(self.ratios)
        self.register_buffer(f"ratio_{len(self.ratios)}", ratio)
        parameter = nn.Parameter(torch.zeros_like(ratio), requires_grad=learned)
        if learned:
            factor = 1.0 / float(np.sqrt(weights.numel() / ratio.numel() * grid.steps))
            parameter.register_hook(lambda gradient: gradient * factor)
        self.ratios.append(parameter)

    def forward(self, scales: Mapping[str, tuple[Tensor, Tensor]]) -> dict[Key, Tensor]:
        """(node name, input index) -> the numbers that the node computes with.

        Args:
            scales: value name -> (scale, zero point) of the activations.
        """
        found = {key: getattr(self, name) for key, name in self._still.items()}
        steps = {key: self._scale(key, scales) for key in self._ratio}
        for key, name in self._uses.items():
            numbers = self.numbers[self._index[name]]
            if key in steps:
                grid = self._plan.weights[key]
                numbers = symmetric(numbers, _shaped(steps[key], numbers, grid.axis), grid.steps)
            elif key in self._plan.weights:
                numbers = whole_steps(numbers, self._bias_scale(key, steps, scales).detach())
            found[key] = numbers
        return found

    def _scale(self, key: Key, scales: Mapping[str, tuple[Tensor, Tensor]]) -> Tensor:
        """float32[1], or one per channel."""
        weights, grid = self.numbers[self._index[self._uses[key]]], self._plan.weights[key]
        ratio = getattr(self, f"ratio_{self._ratio[key]}")
        scale = _plain_scale(weights.detach(), grid.axis) * ratio * torch.exp(self.ratios[self._ratio[key]])
        return torch.clamp(scale, min=MIN_WEIGHT_SCALE)

    def _bias_scale(
        self, key: Key, steps: Mapping[Key, Tensor], scales: Mapping[str, tuple[Tensor, Tensor]]
    ) -> Tensor:
        source, rule = self._sources[key[0]]
        weight = (key[0], rule.weight if rule.weight is not None else 1)
        given = torch.from_numpy(self._plan.weights[weight].scale).to(scales[source][0].device)
        scale = steps.get(weight, given)
        return scales[source][0] * scale

    def arrays(self, scales: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, np.ndarray]:
        """Initializer name -> its numbers now; weights on their grids, where all that read them see the same."""
        with torch.no_grad():
            seen = self(scales)
            found: dict[str, np.ndarray] = {}
            for key, name in self._uses.items():
                held = self.numbers[self._index[name]] if key not in self._ratio else seen[key]
                array = held.detach().cpu().numpy().copy()
                if name in found and not np.array_equal(found[name], array):
                    array = self.numbers[self._index[name]].detach().cpu().numpy().copy()
                found[name] = array
        return found


def _plain_scale(weights: Tensor, axis: int | None) -> Tensor:
    """The scale that the largest weight asks for, as `grid.weight_grid` has it."""
    rows = (
        weights.reshape(1, -1) if axis is None else weights.movedim(axis, 0).reshape(weights.shape[axis], -1)
    )
    return torch.clamp(rows.abs().amax(dim=1).double() / HIGHEST, min=MIN_WEIGHT_SCALE).float()


def _shaped(scale: Tensor, like: Tensor, axis: int | None) -> Tensor:
    """One scale per channel, as it is multiplied with the weights."""
    if axis is None:
        return scale.reshape(())
    shape = [1] * like.dim()
    shape[axis] = -1
    return scale.reshape(shape)
