from __future__ import annotations

from typing import Any

import onnx
import onnx.parser
import onnx_ir as ir


def test_functions_of_the_model_are_inlined(canonical: Any, operators: Any) -> None:
    proto = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17, "local": 1]>
        g (float[2] x) => (float[2] y) { a = local.twice(x) y = local.twice(a) }
        <domain: "local", opset_import: ["": 17]>
        twice (a) => (b) { b = Add(a, a) }
    """)
    model = canonical(ir.from_proto(proto))
    assert operators(model) == ["Add", "Add"]
    assert not model.functions
