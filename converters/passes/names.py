"""Gives every node and every tensor a unique name."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, NameFixPass

from edgemm.quantize import functions
from edgemm.quantize.declared import KEY

OF_RUNTIME = ("gemm_input_", "gemm_output_")
"""How the names begin that ONNX Runtime gives to tensors around a MatMul that it makes a Gemm."""


def unique_names(model: ir.Model) -> int:
    """Gives a name to what has none and another to what shares one; inputs and outputs keep theirs.

    Returns:
        How many names changed.
    """
    before = _names(model)
    for node in model.graph:
        if not node.name:
            node.name = _from_output(node)
    NameFixPass()(model)
    return sum(old != new for old, new in zip(before, _names(model), strict=True))


def free_runtime_names(model: ir.Model) -> int:
    """Tensors inside that ONNX Runtime's optimizer has named, in a file that it saved, get other names: it would use
    the same ones again, and fail.

    Returns:
        How many there were.
    """
    kept = {id(value) for value in (*model.graph.inputs, *model.graph.outputs)}
    found = [v for v in _values(model) if str(v.name).startswith(OF_RUNTIME) and id(v) not in kept]
    for value in found:
        value.name = f"saved_{value.name}"
    return len(found)


def strip_metadata(model: ir.Model) -> int:
    """Removes remarks: exporters leave stack traces and paths of the machine that they ran on. What passes have
    written on values (the grids of a quantized source) and on nodes (that an operator was written out in them) stays.

    Returns:
        1 when there were any.
    """
    kept: list[tuple[ir.Value | ir.Node, str]] = [
        (each, KEY) for each in _values(model) if KEY in each.metadata_props
    ]
    kept += [(node, mark) for node in model.graph for mark in functions.MARKS if mark in node.metadata_props]
    texts = [each.metadata_props.pop(key) for each, key in kept]
    found = bool(ClearMetadataAndDocStringPass()(model).modified or model.metadata_props)
    model.metadata_props.clear()
    for (each, key), text in zip(kept, texts, strict=True):
        each.metadata_props[key] = text
    return int(found)


def strip_grids(model: ir.Model) -> None:
    """Removes what passes have written on values and nodes, for a file that is done."""
    for value in _values(model):
        value.metadata_props.pop(KEY, None)
    for node in model.graph:
        node.metadata_props.pop(functions.KEY, None)


def _from_output(node: ir.Node) -> str:
    """A name from the first output, because that is what people know a node without a name by."""
    named = next((value.name for value in node.outputs if value.name), "")
    return f"{node.op_type}_{named}"


def _values(model: ir.Model) -> list[ir.Value]:
    graph = model.graph
    return [*graph.inputs, *graph.initializers.values(), *(each for node in graph for each in node.outputs)]


def _names(model: ir.Model) -> list[str | None]:
    return [*(value.name for value in _values(model)), *(node.name for node in model.graph)]
