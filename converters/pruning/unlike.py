"""In what the pruned file is unlike its source, besides its channels: sizes that were open, and the operator set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

OPEN_SIZES = "sizes that the source leaves open"
"""How the note on them begins."""


def unlike(source: Any, opset: int, inputs: Sequence[str]) -> list[str]:
    """Notes on a source file; none where the source is no .onnx file.

    Args:
        opset: of the pruned file.
        inputs: names of those that the pruned file has.
    """
    if not isinstance(source, str | Path) or Path(source).suffix.lower() != ".onnx":
        return []
    model = onnx.load(str(source), load_external_data=False)
    return [*_open(model.graph, inputs), *_moved(model, opset)]


def _open(graph: onnx.GraphProto, inputs: Sequence[str]) -> list[str]:
    found = []
    for each in graph.input:
        sizes = each.type.tensor_type.shape.dim
        shown = [str(one.dim_value) if one.HasField("dim_value") else one.dim_param or "?" for one in sizes]
        if each.name in inputs and any(not one.HasField("dim_value") for one in sizes):
            found.append(f"{each.name} [{', '.join(shown)}]")
    if not found:
        return []
    return [
        f"{OPEN_SIZES} are fixed in the pruned file, which takes one sample at a time where the "
        f"batch was open: {'; '.join(found)}"
    ]


def _moved(model: onnx.ModelProto, opset: int) -> list[str]:
    versions = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    if not versions or versions[0] == opset:
        return []
    return [f"the source is of opset {versions[0]}, the pruned file of opset {opset}; --opset gives another"]
