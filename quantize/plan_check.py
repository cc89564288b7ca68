"""`check_plan`: checks any plan against the legality table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import onnx_ir as ir

from edgemm.errors import ConversionError
from edgemm.quantize.addresses import address_values
from edgemm.quantize.constants import INT32_MAX, array_of, input_reach
from edgemm.quantize.fusion import hosts, stored_outputs
from edgemm.quantize.grid import MAX_SCALE, Grid
from edgemm.quantize.legality import (
    RECURRENT,
    Form,
    Rule,
    activation_inputs,
    around_zero,
    constant_inputs,
    dynamic_weights,
    grid_operands,
    is_constant,
    is_real,
    may_be_hybrid,
    may_differ,
    operand,
    rule_of,
)  # fmt: skip
from edgemm.quantize.plan import Plan, Precision


def check_plan(model: ir.Model, plan: Plan) -> None:
    """Checks every node of a plan against the rules.

    Raises:
        ConversionError: some rule is broken; the message lists each, with the node that breaks it.
    """
    faults = list(_faults(model, plan))
    if faults:
        listed = "; ".join(faults[:8]) + (f"; and {len(faults) - 8} more" if len(faults) > 8 else "")
        raise ConversionError(
            f"the plan breaks {len(faults)} rules: {listed}. Make it with quantize.make_plan"
        )


def _faults(model: ir.Model, plan: Plan) -> Iterator[str]:
    nodes = {str(node.name): node for node in model.graph}
    for name in plan.precision:
        if name not in nodes:
            yield f"the graph has no node {name!r}"
    unusable = list(_grid_faults(model, plan))
    yield from unusable
    if unusable:
        return
    yield from _operand_faults(model, nodes, plan)
    inside = hosts(model)
    for name, node in nodes.items():
        precision = plan.precision.get(name, Precision.FLOAT)
        if name in inside:
            if plan.is_int8(name) != plan.is_int8(str(inside[name].name)):
                yield f"{name}: fused into {inside[name].name}, and of another precision"
            continue
        rule = rule_of(node)
        if precision is Precision.INT8:
            yield from (f"{name} {node.op_type}: {fault}" for fault in _node_faults(node, rule, plan))
        elif plan.is_packed(name):
            yield from (f"{name} {node.op_type}: {fault}" for fault in _dynamic_faults(node, plan))
        elif plan.target.integer_only and any(is_real(value) for value in (*node.inputs, *node.outputs)):
            yield f"{name} {node.op_type}: float, and target {plan.target.name} runs integers only"


def _grid_faults(model: ir.Model, plan: Plan) -> Iterator[str]:
    values = {str(v.name) for v in (*model.graph.inputs, *(v for node in model.graph for v in node.outputs))}
    unstored = {str(node.outputs[0].name) for node in hosts(model).values()}
    for name, grid in plan.activations.items():
        if name not in values:
            yield f"the graph has no value {name!r}"
        if name in unstored:
            yield f"value {name!r} has a grid, but is never stored: its activation is fused"
        if grid.axis is not None or grid.dtype != "int8" or not -128 <= grid.zero_point <= 127:
            yield f"value {name!r}: expected one int8 scale, found {_shown(grid)}"
        if plan.target.activations_symmetric and grid.zero_point != 0:
            yield f"value {name!r}: target {plan.target.name} needs zero point 0, found {grid.zero_point}"
    for key, grid in [*plan.activations.items(), *plan.weights.items()]:
        if not (np.isfinite(grid.scale).all() and (grid.scale > 0).all()):
            yield f"{key}: expected finite scales above 0, found {_shown(grid)}"
        elif (grid.scale > MAX_SCALE).any():
            yield f"{key}: expected scales up to {MAX_SCALE:.3g}, found {float(grid.scale.max()):.3g}"


def _operand_faults(model: ir.Model, nodes: Mapping[str, ir.Node], plan: Plan) -> Iterator[str]:
    """Grids on what is not data, weight, bias or fill: on sizes, scales, places, limits, conditions."""
    for name in sorted(address_values(model) & set(plan.activations)):
        yield f"value {name!r} has a grid, and says where or how large, not how much"
    for name, index in plan.weights:
        node = nodes.get(name)
        if node is None:
            yield f"the graph has no node {name!r}"
        elif index not in _may_have_grids(node, plan.precision.get(name, Precision.FLOAT)):
            yield f"{name} {node.op_type}: input {index} has a grid, and is none of its data, weights, bias or fill"


def _may_have_grids(node: ir.Node, precision: Precision) -> Collection[int]:
    if precision is Precision.INT8:
        return grid_operands(node, rule_of(node))
    return () if precision is Precision.FLOAT else dynamic_weights(node)


def _node_faults(node: ir.Node, rule: Rule, plan: Plan) -> Iterator[str]:
    if rule.form is Form.FLOAT:
        yield "integer, but it has no int8 form with such operands"
        return
    if plan.scheme not in ("static", "mixed"):
        yield f"integer in a plan of scheme {plan.scheme}"
    stored = [*activation_inputs(node, rule), *stored_outputs(node)]
    without = [value.name for value in stored if str(value.name) not in plan.activations]
    constants = [*constant_inputs(node, rule), *(i for i in (rule.weight, rule.bias) if _has(node, i))]
    missing = [index for index in constants if (str(node.name), index) not in plan.weights]
    if without or missing:
        yield f"no grid for values {without}, constant inputs {missing}"
        return
    yield from _form_faults(node, rule, plan, stored)
    if rule.weight is not None and _has(node, rule.weight):
        yield from _weight_faults(node, rule, plan)


def _has(node: ir.Node, index: int | None) -> bool:
    return is_constant(operand(node, index))


def _form_faults(node: ir.Node, rule: Rule, plan: Plan, stored: list[ir.Value]) -> Iterator[str]:
    if not stored:
        return
    output = plan.activations[str(stored[-1].name)]
    if rule.fixed is not None and not output.same_as(rule.fixed.grid(plan.target)):
        yield f"expected output on {_shown(rule.fixed.grid(plan.target))}, found {_shown(output)}"
    if rule.form is Form.SAME:
        tied = stored[-1:] if may_differ(rule, plan.target) else stored
        grids = [plan.activations[str(value.name)] for value in tied]
        grids += [plan.weights[str(node.name), index] for index in constant_inputs(node, rule)]
        if not all(grid.same_as(output) for grid in grids):
            yield f"expected one grid in and out, found {', '.join(dict.fromkeys(map(_shown, grids)))}"
    right = around_zero(node, plan.target)
    if right is not None and plan.activations[str(right.name)].zero_point and not plan.target.integer_only:
        yield f"expected a right side with zero point 0, found {_shown(plan.activations[str(right.name)])}"


def _weight_faults(node: ir.Node, rule: Rule, plan: Plan) -> Iterator[str]:
    weights = operand(node, rule.weight)
    source = node.inputs[0]
    if weights is None or source is None or rule.weight is None:
        return
    grid, step = plan.weights[str(node.name), rule.weight], plan.activations[str(source.name)]
    if grid.zero_point != 0 or grid.axis not in (None, rule.axis) or grid.dtype != "int8":
        yield f"expected symmetric int8 weights along axis {rule.axis}, found {_shown(grid)}"
        return
    array, channels = array_of(weights), rule.axis if rule.axis is not None else -1
    stored = np.abs(np.moveaxis(grid.quantize(array), channels, 0).astype(np.int64))
    sums = stored.reshape(stored.shape[0], -1).sum(axis=1) * input_reach(step)
    bias = operand(node, rule.bias)
    if bias is not None and rule.bias is not None:
        found, scale = plan.weights[str(node.name), rule.bias], np.float32(step.scalar) * grid.scale
        if found.dtype != "int32" or not np.array_equal(found.scale, scale.astype(np.float32)):
            yield f"expected an int32 bias at s_in * s_w, found {_shown(found)}"
            return
        steps = np.abs(array_of(bias).astype(np.float64)) / found.scale.astype(np.float64)
        sums = sums + (steps if steps.size == sums.size else steps.max(initial=0.0))
    if float(sums.max(initial=0)) > INT32_MAX:
        yield f"its sums reach {float(sums.max()):.3g}, more than int32 holds"


def _dynamic_faults(node: ir.Node, plan: Plan) -> Iterator[str]:
    wanted = dynamic_weights(node)
    if not wanted:
        yield "dynamic, but it has no form with int8 weights alone"
    elif any((str(node.name), index) not in plan.weights for index in wanted):
        yield "no grid for its weight"
    elif plan.precision.get(str(node.name)) is Precision.HYBRID and not may_be_hybrid(node):
        yield "hybrid, but no such convolution quantizes its activations while running"
    elif plan.scheme == "static" and node.op_type in RECURRENT:
        return  # what stores its weights alone does so in every scheme
    elif plan.scheme not in ("dynamic", "mixed"):
        yield f"dynamic in a plan of scheme {plan.scheme}"


def _shown(grid: Grid) -> str:
    scale = f"{grid.scalar:.6g}" if grid.scale.size == 1 else f"{grid.scale.size} scales on axis {grid.axis}"
    return f"({scale}, zero point {grid.zero_point}, {grid.dtype})"
