"""Names: every node and every tensor has one of its own."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, NameFixPass


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


def strip_metadata(model: ir.Model) -> int:
    """Removes remarks: exporters leave stack traces and paths of the machine that they ran on.

    Returns:
        1 when there were any.
    """
    found = bool(ClearMetadataAndDocStringPass()(model).modified or model.metadata_props)
    model.metadata_props.clear()
    return int(found)


def _from_output(node: ir.Node) -> str:
    """A name from the first output, because that is what people know a node without a name by."""
    named = next((value.name for value in node.outputs if value.name), "")
    return f"{node.op_type}_{named}"


def _names(model: ir.Model) -> list[str | None]:
    graph = model.graph
    values = [*graph.inputs, *graph.initializers.values()]
    values += [output for node in graph for output in node.outputs]
    return [*(value.name for value in values), *(node.name for node in graph)]
