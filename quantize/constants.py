"""Grids of weights, biases and constant operands, as one node sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.errors import ConversionError
from edgemm.quantize.grid import WEIGHT_STEPS, Grid, Range, asymmetric, symmetric, weight_grid
from edgemm.quantize.lattice import step_of
from edgemm.quantize.legality import (
    RECURRENT,
    Form,
    Rule,
    constant_inputs,
    dynamic_weights,
    is_constant,
    operand,
    rule_of,
)
from edgemm.quantize.plan import Plan, Precision
from edgemm.quantize.target import Target

Sights = Mapping[tuple[str, int], Range]
"""(node name, input index) -> what the node can see there."""

INT32_MAX = 2**31 - 1
NARROW = "int8 of 7 bits"
_SLACK = 1024
"""Accumulator units kept free for the rounding of scales to float32."""


def constant_of(value: ir.Value) -> npt.NDArray[Any]:
    """The numbers of a constant, whatever they are.

    Raises:
        ConversionError: it is not a constant.
    """
    if value.const_value is None:
        raise ConversionError(f"value {value.name!r}: expected a constant, found a computed value")
    array: npt.NDArray[Any] = value.const_value.numpy()
    return array


def array_of(value: ir.Value) -> npt.NDArray[Any]:
    """The numbers of a weight or a bias.

    Raises:
        ConversionError: it is not a constant, or holds NaN or infinity.
    """
    array = constant_of(value)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ConversionError(
            f"constant {value.name!r} holds NaN or infinite numbers: the source model is damaged; export it again"
        )
    return array


def range_of(value: ir.Value, sight: Range | None = None) -> Range:
    """The extremes of a constant, as far as its reader can see them; infinite where it can see that.

    Args:
        sight: what the reader can see; None: everything.

    Raises:
        ConversionError: it is not a constant, or holds NaN.
    """
    array = constant_of(value)
    if np.isnan(array).any():
        raise ConversionError(f"constant {value.name!r} holds NaN: no grid has a step for that")
    if not array.size:
        return Range(0.0, 0.0)
    seen = array if sight is None else np.clip(array.astype(np.float64), sight.low, sight.high)
    return Range(float(seen.min()), float(seen.max()))


def static_grids(
    node: ir.Node, rule: Rule, activations: Mapping[str, Grid], target: Target, sights: Sights
) -> Iterator[tuple[int, Grid, bool]]:
    """Grids of the constants of an int8 node whose activations have theirs.

    Args:
        sights: what the node can see of a constant, by (node name, input index); everything, where it is not there.

    Yields:
        (input index, grid, True when the weight's scale had to be raised so that int32 holds the sums).
    """
    for index in constant_inputs(node, rule):
        value = node.inputs[index]
        if value is None:
            continue
        if rule.form is Form.SAME:
            yield index, activations[str(node.outputs[0].name)], False
        else:
            make = symmetric if target.activations_symmetric else asymmetric
            yield index, make(_safe(value, sights.get((str(node.name), index)))), False
    weight, bias = operand(node, rule.weight), operand(node, rule.bias)
    source = node.inputs[0]
    if rule.weight is None or weight is None or not is_constant(weight):
        return
    if source is None or is_constant(source):  # a product of two constants would have been folded
        return
    step = activations[str(source.name)]
    plain = weight_grid(
        array_of(weight), channel_axis(node, rule, target), multiplied_steps(node, Precision.INT8, target)
    )
    channels = rule.axis if rule.axis is not None else -1
    grid = fitted(plain, array_of(weight), step, None if bias is None else array_of(bias), channels)
    yield rule.weight, grid, not grid.same_as(plain)
    if rule.bias is not None and bias is not None:
        yield rule.bias, bias_grid(step, grid), False


def _safe(value: ir.Value, sight: Range | None) -> Range:
    """The range of a constant, and its step where it was on a grid; a constant 0.0 has no range: any grid holds it."""
    values = range_of(value, sight)
    if not (values.low or values.high):
        return Range(0.0, 1.0)
    array = constant_of(value)
    return Range(values.low, values.high, step_of(array, 255)) if np.isfinite(array).all() else values


def dynamic_grids(node: ir.Node, target: Target) -> Iterator[tuple[int, Grid]]:
    """(input index, grid) of each weight that a node stores in int8 while its activations stay real."""
    for index in dynamic_weights(node):
        value = operand(node, index)
        if value is not None:
            steps = multiplied_steps(node, Precision.DYNAMIC, target)
            yield index, weight_grid(array_of(value), _dynamic_axis(node, target), steps)


def multiplied_steps(node: ir.Node, precision: Precision, target: Target) -> int:
    """Steps on either side of 0 that signed weights of a node may have, so that its sums come out right on the target.

    All of them where a runtime makes the weights real before it multiplies, and where each sum has its products from
    one channel: ONNX Runtime's kernels for depthwise convolutions never add two products in 16 bits.
    """
    if precision is Precision.DYNAMIC:
        return target.weight_steps if node.op_type in ("Gemm", "MatMul") else WEIGHT_STEPS
    return WEIGHT_STEPS if _is_depthwise(node) else target.weight_steps


def _is_depthwise(node: ir.Node) -> bool:
    weight = node.inputs[1] if node.op_type == "Conv" else None
    if weight is None or weight.shape is None:
        return False
    outputs, inputs = weight.shape[0], weight.shape[1]
    return node.attributes.get_int("group", 1) == outputs and inputs == 1 and outputs != 1


def stored_unsigned(node: ir.Node, grid: Grid, plan: Plan) -> bool:
    """Whether `.onnx` stores this weight as u8: the target wants it, or it has more steps than s8 may have there."""
    precision = plan.precision.get(str(node.name), Precision.FLOAT)
    return plan.target.weight_dtype == "uint8" or grid.steps > multiplied_steps(node, precision, plan.target)


def _dynamic_axis(node: ir.Node, target: Target) -> int | None:
    """The dimension of the weight along which scales run."""
    if node.op_type in RECURRENT:
        return 1 if target.hybrid_per_channel else None
    if node.op_type == "Gather" or (node.op_type in ("Gemm", "MatMul") and not target.hybrid_per_channel):
        return None
    return channel_axis(node, rule_of(node), target)


def channel_axis(node: ir.Node, rule: Rule, target: Target) -> int | None:
    """The dimension of the weight along which scales run, or None for one scale."""
    grouped = node.op_type == "ConvTranspose" and node.attributes.get_int("group", 1) != 1
    dense = node.op_type in ("Gemm", "MatMul") and not target.gemm_per_channel
    return None if grouped or dense or not target.per_channel else rule.axis


def fitted(
    plain: Grid, weights: npt.NDArray[Any], source: Grid, bias: npt.NDArray[Any] | None, channels: int
) -> Grid:
    """The weight grid, coarser where the int32 accumulator could overflow.

    The worst sum of a channel is (reach * sum|w| + |bias| / s_in) / s_w, with reach = max|q - zero_point|.

    Args:
        plain: the grid that the weights alone ask for.
        weights: as stored in the source.
        source: grid of the activation that the weights are multiplied with.
        bias: float32[out] or None.
        channels: dimension of `weights` that the outputs run along.
    """
    magnitudes = np.moveaxis(np.abs(weights.astype(np.float64)), channels, 0).reshape(
        weights.shape[channels], -1
    )
    reach = input_reach(source)
    worst = reach * magnitudes.sum(axis=1)
    if bias is not None and bias.size == worst.size:  # a grouped ConvTranspose has more biases than rows
        worst += np.abs(bias.astype(np.float64)).reshape(-1) / source.scalar
    elif bias is not None:
        worst += np.abs(bias.astype(np.float64)).max(initial=0.0) / source.scalar
    need = worst / max(INT32_MAX - _SLACK - reach * magnitudes.shape[1], 1)
    scale = np.maximum(plain.scale.astype(np.float64), need if plain.axis is not None else need.max())
    return replace(plain, scale=scale.astype(np.float32))


def weight_kinds(model: ir.Model, plan: Plan) -> Counter[str]:
    """How `.onnx` stores the weights of integer and dynamic nodes -> how many: "int8", "uint8", or `NARROW`."""
    found: Counter[str] = Counter()
    for node in model.graph:
        precision = plan.precision.get(str(node.name), Precision.FLOAT)
        indices = dynamic_weights(node) if precision is Precision.DYNAMIC else (rule_of(node).weight,)
        for index in indices:
            grid = None if index is None else plan.weights.get((str(node.name), index))
            if grid is not None:
                narrow = NARROW if grid.steps < WEIGHT_STEPS else "int8"
                found["uint8" if stored_unsigned(node, grid, plan) else narrow] += 1
    return found


def input_reach(source: Grid) -> int:
    """Largest |q - zero_point| that a stored activation can have."""
    return max(127 - source.zero_point, source.zero_point + 128)


def bias_grid(source: Grid, weight: Grid) -> Grid:
    """int32 at the scale of the accumulator: s_in * s_w."""
    scale = (np.float32(source.scalar) * weight.scale).astype(np.float32)
    return Grid(scale, 0, None if weight.axis is None else 0, "int32")
