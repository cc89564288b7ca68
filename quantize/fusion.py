"""Which activations are computed inside the operator before them.

The value between the two is never stored, so it has no grid. Plan and both writers ask here, and
so agree.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

FUSES_ACTIVATION = frozenset({"Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "AveragePool", "MaxPool"})
"""Operators whose TFLite form has a fused activation, and whose QDQ form fuses in ONNX Runtime."""


def bounds(node: ir.Node) -> tuple[float, float] | None:
    """The lower and upper limit of a Relu or of a Clip with constant limits; None for another node."""
    if node.op_type == "Relu":
        return 0.0, np.inf
    if node.op_type != "Clip":
        return None
    limits = [-np.inf, np.inf]
    for index, value in enumerate(node.inputs[1:3]):
        if value is None:
            continue
        if value.const_value is None:
            return None
        limits[index] = float(value.const_value.numpy().reshape(()))
    return limits[0], limits[1]


FUSED_BOUNDS: dict[tuple[float, float], str] = {
    (0.0, np.inf): "RELU",
    (0.0, 6.0): "RELU6",
    (-1.0, 1.0): "RELU_N1_TO_1",
}
"""Limits -> the name of TFLite's fused activation."""


def fused_activation(node: ir.Node) -> ir.Node | None:
    """The Relu or Clip that `node` computes itself, or None.

    It must be the only consumer of the node's only output, and that output must not be one of the graph's.
    """
    if node.op_type not in FUSES_ACTIVATION or len(node.outputs) != 1:
        return None
    output = node.outputs[0]
    if output.is_graph_output() or len(output.uses()) != 1:
        return None
    consumer = output.consumers()[0]
    return consumer if bounds(consumer) in FUSED_BOUNDS else None


def stored_output(node: ir.Node) -> ir.Value:
    """What a node leaves in memory: its first output, or that of the activation that it computes itself."""
    return (fused_activation(node) or node).outputs[0]


def stored_outputs(node: ir.Node) -> list[ir.Value]:
    """All float32 tensors that a node leaves in memory."""
    if fused_activation(node) is not None:
        return [stored_output(node)]
    return [value for value in node.outputs if value.dtype == ir.DataType.FLOAT]


def hosts(model: ir.Model) -> dict[str, ir.Node]:
    """Name of each fused Relu or Clip -> the node that computes it."""
    return {str(fused.name): node for node in model.graph if (fused := fused_activation(node)) is not None}
