"""Resize: what TFLite has in its own coordinates stays; every other is written out."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.express.resize import expand_resize as write_out
from edgemm.converters.tflite.lower.resize import way_of


def expand_resize(node: ir.Node) -> bool:
    """Writes a Resize out that TFLite has no way for."""
    return way_of(node) is None and write_out(node)
