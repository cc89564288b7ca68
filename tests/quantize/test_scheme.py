"""The automatic choice of a scheme."""

from __future__ import annotations

import onnx.parser
import onnx_ir as ir
import pytest

from edgemm.quantize.scheme import automatic_scheme
from edgemm.quantize.target import target

ATTENTION = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[1,4,8] q, float[1,8,4] k, float[1,4,8] v) => (float[1,4,8] y) {
  scores = MatMul (q, k)
  shares = Softmax <axis = -1> (scores)
  y = MatMul (shares, v)
}
"""
GUARDED = (
    ATTENTION.replace(
        "y = MatMul (shares, v)",
        "n = IsNaN (shares)  g = Where (n, v, shares)  y = MatMul (g, k)",
    )
    .replace("float[1,4,8] y", "float[1,4,4] y")
    .replace("float[1,4,8] v", "float[1,1,4] v")
)
WEIGHTED = ATTENTION.replace("y = MatMul (shares, v)", "h = Mul (scores, shares)  y = MatMul (h, v)")
SOFTMAX_AT_THE_END = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[1,4] x, float[4,3] w) => (float[1,3] y) { s = MatMul (x, w)  y = Softmax <axis = -1> (s) }
"""
RECURRENT = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[5,1,3] x, float[1,8,3] w, float[1,8,2] r) => (float[5,1,1,2] y) { y = LSTM <hidden_size = 2> (x, w, r) }
"""


@pytest.mark.parametrize(
    ("text", "calibrated", "expected"),
    [
        (SOFTMAX_AT_THE_END, True, "static"),
        (SOFTMAX_AT_THE_END, False, "dynamic"),
        (ATTENTION, True, "dynamic"),
        (GUARDED, True, "dynamic"),
        (WEIGHTED, True, "dynamic"),
        (RECURRENT, True, "dynamic"),
    ],
)
def test_the_scheme_fits_the_network(text: str, calibrated: bool, expected: str) -> None:
    model = ir.from_proto(onnx.parser.parse_model(text))
    assert automatic_scheme(model, target("cpu"), calibrated=calibrated)[0] == expected


def test_an_integer_only_target_is_static_whatever_the_network() -> None:
    model = ir.from_proto(onnx.parser.parse_model(ATTENTION))
    assert automatic_scheme(model, target("coral"), calibrated=True)[0] == "static"
