from __future__ import annotations

from typing import Any

from edgemm.quantize import calibrate, make_plan
from edgemm.quantize.grid import Range
from edgemm.quantize.nominal import nominal

TEXT = """net (float[1,4,8,8] x) => (float[1,8,8,8] y) {
  a = Conv <pads = [1, 1, 1, 1]> (x, w)
  b = Relu (a)
  c = Sigmoid (b)
  d = Tanh (b)
  e = Concat <axis = 1> (b, b)
  f = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (e)
  g = Concat <axis = 1> (c, d)
  h = Exp (g)
  y = Add (f, h)
}"""


def test_the_same_operators_are_integer_as_on_measured_ranges(build: Any, noise: Any, weights: Any) -> None:
    model = build(TEXT, w=weights(4, 4, 3, 3))
    measured = make_plan(model, calibrate(model, noise(model)), scheme="static")
    assert make_plan(model, nominal(model), scheme="static").precision == measured.precision
    assert nominal(model).ranges["g"] == Range(-1.0, 1.0)  # of a sigmoid and a tanh


def test_prescribed_ranges_go_on_through_what_moves_numbers(build: Any) -> None:
    model = build(
        "net (float[1,6] x) => (float[2,3] y) { a = Sigmoid (x)  y = Reshape (a, shape) }", shape=[2, 3]
    )
    ranges = nominal(model).ranges
    assert ranges["y"] == ranges["a"]
    assert (ranges["a"].low, ranges["a"].high) == (0.0, 255 / 256)
    assert ranges["x"].low < 0.0
