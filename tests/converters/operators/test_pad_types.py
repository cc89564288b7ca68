"""Pad with another value than zero, of every type that both runtimes pad."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper


@pytest.mark.parametrize(
    ("kind", "value"),
    [(np.bool_, True), (np.int32, 7), (np.int64, 2**40 + 1), (np.uint8, 200), (np.float32, 1.5)],
)
def test_what_is_put_around_is_of_the_tensors_type(agree: Any, kind: Any, value: Any) -> None:
    code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    graph = helper.make_graph(
        [helper.make_node("Pad", ["x", "sizes", "value"], ["y"])], "g",
        [helper.make_tensor_value_info("x", code, [2, 3])], [helper.make_tensor_value_info("y", code, [2, 6])],
        [
            numpy_helper.from_array(np.array([0, 1, 0, 2]), "sizes"),
            numpy_helper.from_array(np.array(value, kind), "value"),
        ],
    )  # fmt: skip
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(kind)
    agree(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), {"x": x})
