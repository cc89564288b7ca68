"""Cross-layer equalization: channels of one range, at no cost and with no change of what is computed.

Nagel et al. 2019, Data-Free Quantization through Weight Equalization and Bias Correction,
https://arxiv.org/abs/1906.04721, section 4.1. For two layers with a ReLU or nothing between them,
channel i is divided by s_i in the first and multiplied in the second, s_i = sqrt(r1_i r2_i) / r2_i.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.rewrite import Array, array_of, constant, graph_of, input_of, sole_consumer

ROUNDS = 4
"""Chains of layers settle after a few."""
SMALLEST = 1e-8
BETWEEN = frozenset({"Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool"})
"""f(s x) = s f(x) for s > 0."""


def equalize(model: ir.Model) -> int:
    """Equalizes every pair of layers, in place.

    Precondition: canonical.

    Returns:
        How many pairs.
    """
    found = pairs(model)
    for _ in range(ROUNDS):
        for first, second in found:
            _balance(first, second)
    return len(found)


def pairs(model: ir.Model) -> list[tuple[ir.Node, ir.Node]]:
    """Layers that alone feed each other through operators that scale along."""
    found = []
    for node in model.graph:
        if not _is_layer(node):
            continue
        after = sole_consumer(node.outputs[0])
        while after is not None and after.op_type in BETWEEN and len(after.outputs) == 1:
            after = sole_consumer(after.outputs[0])
        if after is not None and _is_layer(after) and _channels_match(node, after):
            found.append((node, after))
    return found


def _is_layer(node: ir.Node) -> bool:
    if node.domain != "" or node.op_type not in ("Conv", "Gemm"):
        return False
    weight, bias = (array_of(input_of(node, index)) for index in (1, 2))
    if weight is None or bias is None:
        return False
    return int(node.attributes.get_int("group", 1)) == 1 or _is_depthwise(node)


def _channels_match(first: ir.Node, second: ir.Node) -> bool:
    one, two = array_of(first.inputs[1]), array_of(second.inputs[1])
    if one is None or two is None:
        return False
    taken = two.shape[0] if _is_depthwise(second) else two.shape[1]
    return int(one.shape[0]) == int(taken)


def _is_depthwise(node: ir.Node) -> bool:
    group = int(node.attributes.get_int("group", 1)) if node.op_type == "Conv" else 1
    weight = array_of(node.inputs[1])
    return weight is not None and group > 1 and bool(weight.shape[:2] == (group, 1))


def _balance(first: ir.Node, second: ir.Node) -> None:
    one, bias, two = (array_of(each) for each in (first.inputs[1], first.inputs[2], second.inputs[1]))
    if one is None or bias is None or two is None:
        return
    deep = _is_depthwise(second)
    out = np.abs(one).reshape(len(one), -1).max(axis=1)
    turned = two if deep else np.moveaxis(two, 1, 0)
    entering = np.abs(turned).reshape(len(turned), -1).max(axis=1)
    used = (out > SMALLEST) & (entering > SMALLEST)
    scale = np.where(used, np.sqrt(out * entering) / np.maximum(entering, SMALLEST), 1.0)
    _set(first, 1, one / scale.reshape(-1, *(1,) * (one.ndim - 1)))
    _set(first, 2, bias / scale)
    along = (-1, *(1,) * (two.ndim - 1)) if deep else (1, -1, *(1,) * (two.ndim - 2))
    _set(second, 1, two * scale.reshape(along))


def _set(node: ir.Node, index: int, array: Array) -> None:
    value = constant(graph_of(node), f"{node.name}_equal{index}", array.astype(np.float32))
    node.replace_input_with(index, value)
