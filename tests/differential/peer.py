"""The same graph quantized by onnxruntime's own tool, on the same data: what int8 can be asked to keep."""

from __future__ import annotations

from typing import Any

import onnx
import onnx.version_converter

from tests.differential.graphs.quantized import static
from tests.differential.runtimes import Outputs, run_onnx
from tests.differential.source import Source

OLDEST_OPSET = 13
"""Scales per channel came with it."""


def peer_outputs(source: Source) -> list[Outputs] | None:
    """What onnxruntime's static int8 gives on the evaluation data; None where it cannot quantize or run the graph."""
    if source.proto is None:
        return None
    calibration = [dict(each) for each in source.data.calibration]
    try:
        model = static(_upgraded(source.proto), calibration)
        if not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
            return None
        return run_onnx(model.SerializeToString(), source.data.evaluation, optimize=True)
    except Exception:  # noqa: BLE001  whatever stops it, there is nothing to compare with
        return None


def _upgraded(model: onnx.ModelProto) -> onnx.ModelProto:
    opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    if opset >= OLDEST_OPSET:
        return model
    upgraded: Any = onnx.version_converter.convert_version(model, 17)
    return upgraded
