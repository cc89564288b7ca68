from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.converters.passes import canonicalize


@pytest.mark.parametrize(("name", "dtype"), [("float16", np.float16), ("double", np.float64)])
def test_other_precisions_become_float32(build: Any, name: str, dtype: Any) -> None:
    text = f"g ({name}[1,2] x) => ({name}[1,3] y) {{ y = MatMul(x, weights) }}"
    model = build(text, weights=np.ones((2, 3), dtype))
    canonicalize(model)
    assert model.graph.inputs[0].dtype == model.graph.outputs[0].dtype == ir.DataType.FLOAT
    assert [node.op_type for node in model.graph] == ["Gemm"]
