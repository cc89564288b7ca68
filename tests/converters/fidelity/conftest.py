"""Graphs from ONNX's text form, as the converter reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper, parser

from edgemm.converters.passes import canonicalize

Build = Callable[..., ir.Model]


def build(text: str, **constants: Any) -> ir.Model:
    """A canonical model from `graph (float[..] x) => (float[..] y) { y = Op (x) }` and constants by name."""
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> graph {text}')
    for name, value in constants.items():
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    onnx.checker.check_model(proto)
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    return model


@pytest.fixture(name="build")
def _build() -> Build:
    return build
