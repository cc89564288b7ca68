"""Which scheme suits a network: what measured best for its kind."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.quantize.legality import RECURRENT
from edgemm.quantize.target import Target

MOVES = frozenset({"Reshape", "Transpose", "Identity", "Cast", "Dropout", "Squeeze", "Unsqueeze"})


def automatic_scheme(model: ir.Model, target: Target, *, calibrated: bool) -> tuple[str, str]:
    """The scheme for `auto`, and why.

    Static needs calibration data and suits convolutions, whose activations keep to a range. The
    activations of attention and of recurrent networks do not: dynamic keeps 10 to 20 dB more there.

    Args:
        calibrated: real data is at hand.

    Returns:
        "static" or "dynamic", and the reason in words.
    """
    if target.integer_only:
        return "static", f"target {target.name} runs integers only"
    if not calibrated:
        return "dynamic", "there is no calibration data"
    if any(node.op_type in RECURRENT for node in model.graph):
        return "dynamic", "the network is recurrent"
    if any(_attends(node) for node in model.graph):
        return "dynamic", "the network has attention"
    return "static", "there is calibration data"


def _attends(node: ir.Node) -> bool:
    """True for a product of two computed matrices of which one comes from a softmax."""
    if node.op_type == "Attention":
        return True
    if node.op_type != "MatMul" or any(
        value is None or value.const_value is not None for value in node.inputs
    ):
        return False
    return any(_origin(value) == "Softmax" for value in node.inputs)


def _origin(value: ir.Value | None) -> str:
    """The operator that made a value, those passed by that only move numbers."""
    node = value.producer() if value is not None else None
    while node is not None and node.op_type in MOVES and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return node.op_type if node is not None else ""
