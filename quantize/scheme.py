"""The scheme that `auto` chooses for a network: the one that measured best for its kind."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.quantize.legality import RECURRENT
from edgemm.quantize.target import Target

PASSED: dict[str, slice] = {
    **dict.fromkeys(
        ("Cast", "Concat", "Dropout", "Expand", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Transpose",
         "Unsqueeze"),
        slice(0, 1),
    ),
    "Div": slice(0, 1),
    "Mul": slice(0, 2),
    "Where": slice(1, 3),
}  # fmt: skip
"""Operators between a softmax and the product with the values -> which of their inputs may be the softmax's."""


def automatic_scheme(model: ir.Model, target: Target, *, calibrated: bool) -> tuple[str, str]:
    """The scheme for `auto`, and why.

    Static needs calibration data and suits convolutions, whose activations keep to a range. The
    activations of attention and of recurrent networks do not: dynamic keeps 10 to 20 dB more there.

    Args:
        calibrated: calibration data was given.

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
    return any(_comes_from_softmax(value) for value in node.inputs)


def _comes_from_softmax(value: ir.Value | None) -> bool:
    """Looks past what only moves numbers, and past masks: torch puts a Where behind the softmax of its attention, and
    others multiply its result."""
    waiting, seen = [value], set()
    while waiting:
        each = waiting.pop()
        node = each.producer() if each is not None else None
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if node.op_type == "Softmax":
            return True
        waiting += node.inputs[PASSED[node.op_type]] if node.op_type in PASSED else ()
    return False
