"""Bias correction: the shift of each channel's mean that rounded weights cause is subtracted from its bias.

Nagel et al. 2019, https://arxiv.org/abs/1906.04721, section 4.2: E[y'] - E[y] = (W' - W) E[x].
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import Array, array_of, constant, graph_of
from edgemm.converters.samples import Samples
from edgemm.quantize.plan import Plan
from edgemm.quantize.reference import Reference

MAX_SAMPLES = 16


def correct_biases(model: ir.Model, plan: Plan, samples: Samples) -> int:
    """Corrects the bias of every convolution and fully connected layer that is integer in the plan, in place.

    Returns:
        How many changed. The plan is to be made again: biases are on its grids.
    """
    layers = [node for node in model.graph if node.op_type in ("Conv", "Gemm") and _can(node, plan)]
    means = _means(model, layers, samples)
    for node in layers:
        source, weights, bias = node.inputs[0], array_of(node.inputs[1]), array_of(node.inputs[2])
        if source is None or weights is None or bias is None:
            continue
        grid = plan.weights[str(node.name), 1]
        lost = weights - grid.dequantize(grid.quantize(weights))
        shift = _through(node, lost, means[str(source.name)])
        fixed = constant(graph_of(node), f"{node.name}_corrected", (bias + shift).astype(np.float32))
        node.replace_input_with(2, fixed)
    return len(layers)


def _can(node: ir.Node, plan: Plan) -> bool:
    if not plan.is_int8(str(node.name)) or (str(node.name), 1) not in plan.weights or len(node.inputs) < 3:
        return False
    return (
        array_of(node.inputs[1]) is not None
        and node.inputs[2] is not None
        and array_of(node.inputs[2]) is not None
    )


def _means(model: ir.Model, layers: list[ir.Node], samples: Samples) -> dict[str, Array]:
    """Input of a layer -> its mean by channel."""
    copy = model.clone()
    names = {str(node.inputs[0].name) for node in layers if node.inputs[0] is not None}
    inputs = {str(value.name) for value in copy.graph.inputs}
    values = [v for node in copy.graph for v in node.outputs if str(v.name) in names]
    copy.graph.outputs.clear()
    copy.graph.outputs.extend(values)
    reference = Reference(copy, optimize=False) if values else None
    sums: dict[str, list[Array]] = {name: [] for name in names}
    for sample in samples.inputs[:MAX_SAMPLES]:
        found = dict(reference.run(sample)) if reference is not None else {}
        found |= {name: np.asarray(sample[name]) for name in names & inputs}
        for name, array in found.items():
            others = tuple(axis for axis in range(array.ndim) if axis != 1)
            sums[name].append(array.mean(axis=others, dtype=np.float64))
    return {name: np.mean(parts, axis=0) for name, parts in sums.items()}


def _through(node: ir.Node, lost: Array, mean: Array) -> Array:
    """What the lost part of the weights makes of the mean: float64[out]."""
    taps = lost.reshape(*lost.shape[:2], -1).sum(axis=2, dtype=np.float64)
    group = node.attributes.get_int("group", 1) if node.op_type == "Conv" else 1
    each = len(taps) // group
    parts = mean.reshape(group, -1)
    shifts: Array = np.concatenate([taps[g * each : (g + 1) * each] @ parts[g] for g in range(group)])
    return shifts
