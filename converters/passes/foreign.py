"""What to export instead of an operator that is not a standard one, and of operators on strings."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.rewrite import input_of
from edgemm.errors import UnsupportedOperator

QCDQ = (
    "Export it with standard QuantizeLinear and DequantizeLinear: "
    "brevitas.export.export_onnx_qcdq(module, args=example, export_path=path, dynamo=False)"
)
TOOLS = {
    "qonnx": QCDQ,
    "brevitas": QCDQ,
    "openvinotoolkit": "Quantize the ONNX file itself, nncf.quantize(onnx.load(path), dataset), and save that",
    "ai.onnx.preview.training": "Export the model for inference, not for training",
}
"""Part of a domain -> what to export instead, for the operators that tools have of their own."""
RUNTIME = "com.microsoft"
OPTIMIZED = "ONNX Runtime's optimizer wrote it: convert the model from before it was optimized"
ONLY_RUNTIME = {
    "Inverse": "Invert on the host and make the inverse an input of the model, or solve by hand in products and sums",
    "MoE": "Export the module itself, in which each expert is linear layers",
    "QMoE": "Export the module itself before it is quantized, in which each expert is linear layers",
}
"""Operators of ONNX Runtime that exporters write -> what to export instead."""
CLASSICAL = "ai.onnx.ml"
STRINGS = frozenset({"RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit"})
"""Standard operators that strings go in and out of."""


def refuse_foreign(node: ir.Node) -> None:
    """Refuses a node of another domain.

    Raises:
        UnsupportedOperator: always; the message says what to export instead.
    """
    raise UnsupportedOperator(
        f"node {node.name!r}: {node.op_type} of domain {node.domain!r} is not a standard ONNX operator. "
        f"{_instead(node)}"
    )


def _instead(node: ir.Node) -> str:
    for part, advice in TOOLS.items():
        if part in node.domain:
            return advice
    if node.domain == RUNTIME and not node.op_type.startswith("Nhwc"):
        return ONLY_RUNTIME.get(
            node.op_type,
            "ONNX Runtime alone has it. Export the model in standard operators; if ONNX Runtime's optimizer wrote the "
            "node, convert the model from before it was optimized",
        )
    if node.domain.startswith(RUNTIME) or node.domain.startswith("com.ms.internal"):
        return OPTIMIZED
    cut = _cut(node)
    if node.domain == CLASSICAL:
        return f"It belongs to classical learning: compute it on the host, beside the model{cut}"
    return (
        "Give the model a function of that name in standard operators (onnx.helper.make_function), or compute it on "
        f"the host, beside the model{cut}"
    )


def _cut(node: ir.Node) -> str:
    """How the model is cut in front of the node, or behind it where it reads the model's inputs."""
    source, result = input_of(node, 0), node.outputs[0]
    if source is not None and not source.is_graph_input() and source.const_value is None:
        return f" (--outputs {source.name} cuts it there)"
    return "" if result.is_graph_output() else f" (--inputs {result.name} cuts it off)"


def refuse_strings(model: ir.Model) -> int:
    """Refuses operators on strings, which tensors of files for devices do not hold.

    Returns:
        0: nothing is changed.

    Raises:
        UnsupportedOperator: there is one.
    """
    for node in model.graph:
        values = [value for value in (*node.inputs, *node.outputs) if value is not None]
        if node.op_type in STRINGS or any(value.dtype == ir.DataType.STRING for value in values):
            raise UnsupportedOperator(
                f"node {node.name!r} ({node.op_type}): strings, and tensors of these files hold numbers. Turn text "
                "into numbers on the host, before it is given to the model"
            )
    return 0
