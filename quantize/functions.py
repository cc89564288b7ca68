"""Functions that the canonical graph holds as one node although opset 17 has no operator for them, and the marks on
nodes that a function was written out in.

The operators are those of ONNX Runtime's own domain, which every version of it runs. Files are written without them.
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

import onnx_ir as ir

DOMAIN = "com.microsoft"
FUNCTIONS = frozenset({"Gelu", "FastGelu"})
"""Gelu: 0.5 x (1 + erf(x / sqrt 2)). FastGelu: the same with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) in place of erf."""

KEY = "edgemm.written_out"
"""In the metadata of a node that stands for an operator which the format lacks."""
LIMIT = "edgemm.limit"
"""In the metadata of an LpNormalization: the least length that it divides by, which the operator itself lacks."""
MARKS = (KEY, LIMIT)
"""What passes write into the metadata of nodes."""
FLOAT = "float"
"""Value of KEY: all nodes of that operator compute in float. Its inner values (e^x, 1 / x, large factors) do not fit a
grid of 255 even steps, and part of them has no integer form anyway."""
ANY = "any"
"""Value of KEY: each node computes as it can."""


def is_function(node: ir.Node) -> bool:
    """True for one of FUNCTIONS, of one operand."""
    return node.domain == DOMAIN and node.op_type in FUNCTIONS and len(node.inputs) == 1


def is_known(node: ir.Node) -> bool:
    """True for a standard operator and for one of FUNCTIONS."""
    return node.domain in ("", "ai.onnx") or is_function(node)


def limit_length(value: ir.Value, limit: float) -> None:
    """The LpNormalization that computes the value divides by `limit` where the length is less."""
    node = value.producer()
    if node is None or node.op_type != "LpNormalization":
        raise ValueError(f"{value.name!r} is not made by LpNormalization")
    node.metadata_props[LIMIT] = repr(limit)


def least_length(node: ir.Node) -> float:
    """What an LpNormalization divides by at least; 0: by the length itself, and zeros stay zeros."""
    return float(node.metadata_props.get(LIMIT, 0.0))


def mark_written_out(node: ir.Node, *, whole: bool) -> None:
    """Marks a node that was written for an operator.

    Args:
        whole: the operator computes in float as a whole.
    """
    node.metadata_props.setdefault(KEY, FLOAT if whole else ANY)


def is_written_out(node: ir.Node) -> bool:
    """True for a node that was written for an operator."""
    return KEY in node.metadata_props


def stays_float(node: ir.Node) -> bool:
    """True for a node of an operator that computes in float as a whole."""
    return node.metadata_props.get(KEY) == FLOAT
