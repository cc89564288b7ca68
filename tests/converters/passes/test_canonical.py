from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes import canonicalize


def test_the_report_says_how_often_each_pass_changed_something(build: Any) -> None:
    text = "g (float[1,4] x) => (float[1,3] y) { a = MatMul(x, w) b = Identity(a) y = Relu(b) }"
    report = canonicalize(build(text, w=np.ones((4, 3), np.float32)))
    assert (report["matmuls_to_gemms"], report["remove_identities"], report["fold_pads"]) == (1, 1, 0)
    assert report.total >= 2


def test_equal_models_give_equal_bytes(build: Any) -> None:
    def make() -> bytes:
        text = """g (float[1,2,5,5] x) => (float[1,3] y) {
            c = Conv(x, w) p = AveragePool<kernel_shape=[2,2], pads=[1,1,1,1], count_include_pad=1, ceil_mode=1>(c)
            y = ReduceMean<axes=[2,3], keepdims=0>(p)
        }"""
        model = build(text, w=np.ones((3, 2, 3, 3), np.float32))
        canonicalize(model)
        payload: bytes = ir.to_proto(model).SerializeToString(deterministic=True)
        return payload

    assert make() == make()
