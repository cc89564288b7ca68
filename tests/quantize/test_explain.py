from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir

from edgemm.quantize import calibrate, explain_plan, make_plan

Make = Callable[..., Any]


def row(text: str, name: str) -> list[str]:
    """The cells of one node's line."""
    line = next(line for line in text.splitlines() if line.split()[:1] == [name])
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_each_node_has_a_row_in_the_graphs_order(residual: ir.Model, noise: Make) -> None:
    text = explain_plan(residual, make_plan(residual, calibrate(residual, noise(residual))))
    names = [line.split()[0] for line in text.splitlines()[2:] if not line.startswith("-")]
    assert names == ["x", *(node.name for node in residual.graph)]


def test_a_row_tells_operator_precision_grid_and_weights(residual: ir.Model, noise: Make) -> None:
    text = explain_plan(residual, make_plan(residual, calibrate(residual, noise(residual))))
    assert row(text, "softmax") == ["softmax", "Softmax", "int8", "0.00390625, -128", "0..0.9961"]
    assert row(text, "conv1")[-1] == "int8 4x3x3x3, 4 scales"
    assert row(text, "relu1") == ["relu1", "Relu", "int8", "(in conv1)"]


def test_the_notes_follow(residual: ir.Model) -> None:
    assert explain_plan(residual, make_plan(residual, None)).endswith(
        "- scheme auto: dynamic, because there is no calibration"
    )
