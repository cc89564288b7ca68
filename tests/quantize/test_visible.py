"""What the readers of a value can see of it, and that nothing changes where it is limited to that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from onnx import numpy_helper, parser, shape_inference

from edgemm.quantize import Reference, calibrate
from edgemm.quantize.calibration import float_values
from edgemm.quantize.visible import depths

Make = Callable[..., Any]
INF = float("inf")
TRI = np.triu(np.ones((6, 6), bool), 1)
LOWEST = float(np.finfo(np.float32).min)

SHOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("y = Sigmoid (a)", {}),
    "tanh": ("y = Tanh (a)", {}),
    "hard sigmoid": ("y = HardSigmoid <alpha = 0.25, beta = 0.75> (a)", {}),
    "hard swish": ("y = HardSwish (a)", {}),
    "relu6": ("y = Clip (a, zero, six)", {"zero": 0.0, "six": 6.0}),
    "moved": ("b = Transpose <perm = [1, 0]> (a) c = Concat <axis = 0> (b, b) y = Tanh (c)", {}),
    "picked": ("b = ReduceMax <axes = [1]> (a) y = Sigmoid (b)", {}),
    "a sum": ("b = Add (a, k) y = Tanh (b)", {"k": np.linspace(-3, 2, 6)}),
    "a difference": ("b = Sub (k, a) y = Tanh (b)", {"k": np.linspace(-3, 2, 6)}),
    "a factor": ("b = Mul (a, k) y = Tanh (b)", {"k": np.linspace(-2, -0.5, 6)}),
    "a divisor": ("b = Div (a, k) y = Relu (b)", {"k": np.linspace(0.5, 2, 6)}),
    "scores": ("b = Mul (a, k) c = Softmax <axis = -1> (b) y = Neg (c)", {"k": 4.0}),
    "a mask": ("b = Where (t, low, a) y = Softmax <axis = -1> (b)", {"t": TRI, "low": LOWEST}),
}


def scaled(body: str, **constants: Any) -> ir.Model:
    """a = 20 * x, and what follows; the shape of y is inferred."""
    text = f"graph (float[6, 6] x) => (float y) {{ a = Mul (x, far) {body} }}"
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')
    for name, value in {"far": 20.0, **constants}.items():
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        proto.graph.initializer.append(numpy_helper.from_array(array, name))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    model: ir.Model = ir.from_proto(shape_inference.infer_shapes(proto, data_prop=True))
    return named(model)


def named(model: ir.Model) -> ir.Model:
    for number, node in enumerate(model.graph):
        node.name = f"node{number}"
    return model


@pytest.mark.parametrize("name", SHOWN)
def test_nothing_changes_where_a_value_is_limited_to_what_is_seen(noise: Make, name: str) -> None:
    body, constants = SHOWN[name]
    model = scaled(body, **constants)
    samples = noise(model)
    calibration = calibrate(model, samples)
    ends = calibration.ranges["a"]
    assert ends.width < calibration.whole["a"].width
    limited = model.clone()
    source = next(value for value in float_values(limited) if value.name == "a")
    limits = [
        _constant(limited, key, end) for key, end in (("limit_low", ends.low), ("limit_high", ends.high))
    ]
    uses = tuple(source.uses())
    clip = ir.node("Clip", [source, *limits])
    for use in uses:
        use.node.replace_input_with(use.idx, clip.outputs[0])
    limited.graph.insert_before(uses[0].node, clip)
    for sample in samples:
        expected, found = (Reference(each, optimize=False).run(sample)["y"] for each in (model, limited))
        np.testing.assert_allclose(found, expected, atol=0.25 / 128)  # a quarter of a step of a tanh


def _constant(model: ir.Model, name: str, number: float) -> ir.Value:
    tensor = ir.tensor(np.array(number, np.float32), name=name)
    value = ir.Value(name=name, shape=ir.Shape(()), type=ir.TensorType(tensor.dtype), const_value=tensor)
    model.graph.register_initializer(value)
    return value


@pytest.mark.parametrize(
    ("body", "constants"),
    [
        ("b = Sigmoid (a) y = Log (b)", {}),
        ("b = Sigmoid (a) y = Reciprocal (b)", {}),
        ("b = Tanh (a) c = Neg (a) y = Add (b, c)", {}),
        ("b = Mul (a, a) y = Sigmoid (b)", {}),
        (
            "b, c = TopK <axis = 1> (a, k) d = Cast <to = 1> (c) e = Sigmoid (b) y = Add (d, e)",
            {"k": np.array([3])},
        ),
        ('b = Resize <mode = "linear"> (a, , k) y = Sigmoid (b)', {"k": np.array([2.0, 2.0])}),
        ("b = Mul (a, k) y = Tanh (b)", {"k": np.linspace(-1, 2, 6)}),
        ("y = Softmax <axis = -1> (a)", {}),
        (
            """r = Reshape (a, k) b, c = MaxPool <kernel_shape = [2, 2]> (r) d = Cast <to = 1> (c)
            e = Sigmoid (b) y = Add (d, e)""",
            {"k": np.array([1, 1, 6, 6])},
        ),
    ],
    ids=[
        "a logarithm",
        "a reciprocal",
        "another reader",
        "a square",
        "an order",
        "means",
        "factors of both signs",
        "scores of an answer",
        "places",
    ],
)
def test_what_is_seen_everywhere_is_not_limited(noise: Make, body: str, constants: dict[str, Any]) -> None:
    model = scaled(body, **constants)
    assert "a" not in calibrate(model, noise(model)).whole


def test_an_output_is_seen_everywhere(build: Make, noise: Make) -> None:
    text = "graph (float[6, 6] x) => (float[6, 6] y, float[6, 6] a) { a = Mul (x, far) y = Tanh (a) }"
    model = named(build(text, far=20.0))
    assert not calibrate(model, noise(model)).whole


@pytest.mark.parametrize("hidden", [-1e4, -1e9, LOWEST, -INF])
@pytest.mark.parametrize(
    ("mask", "constant"),
    [
        ("b = Add (a, m)", lambda low: np.where(TRI, low, 0.0)),
        ("b = Sub (a, m)", lambda low: np.where(TRI, -low, 0.0)),
        ("b = Min (a, m)", lambda low: np.where(TRI, low, INF)),
        ("c = Less (m, zero) b = Where (c, m, a)", lambda low: np.where(TRI, low, 0.0)),
    ],
    ids=["Add", "Sub", "Min", "Where"],
)
def test_scores_are_limited_a_little_below_the_largest_of_their_rows(
    build: Make, noise: Make, mask: str, constant: Any, hidden: float
) -> None:
    """By hand: less than half a step of 1/256 is left of all that is hidden, at ln(512 * 6) below a row's largest."""
    body = f"{mask} p = Softmax <axis = -1> (b) y = MatMul (p, v)"
    zero = {"zero": 0.0} if "zero" in mask else {}
    text = f"graph (float[6, 6] a) => (float[6, 2] y) {{ {body} }}"
    model = named(build(text, m=constant(hidden), v=np.ones((6, 2)), **zero))
    samples = noise(model)
    calibration = calibrate(model, samples)
    tops = [np.where(TRI, -INF, sample["a"]).max(axis=1).min() for sample in samples]
    lowest, found = min(tops) - np.log(512 * 6), calibration.ranges["b"]
    assert lowest - 0.2 * (found.high - lowest) < found.low < lowest - 0.05 * (found.high - lowest)
    assert not calibration.not_finite
    assert calibration.whole["b"].low <= np.float32(hidden) / 2


def test_the_depth_of_a_row_is_that_of_half_a_step(build: Make) -> None:
    model = build(
        """graph (float[2, 8] x) => (float[2, 8] y, float[2, 8] z) {
            [one] y = Softmax <axis = 0> (x) [two] z = LogSoftmax <axis = 1> (x) }"""
    )
    assert depths(model) == {"one": pytest.approx(np.log(1024)), "two": 16.0}


def test_rows_that_are_hidden_as_a_whole_have_no_say(build: Make, noise: Make) -> None:
    """-1e9 swallows the scores: such rows are uniform, wherever a grid puts them."""
    hidden = TRI.copy()
    hidden[3] = True
    text = "graph (float[6, 6] a) => (float[6, 2] y) { b = Add (a, m) p = Softmax <axis = -1> (b) y = MatMul (p, v) }"
    model = named(build(text, m=np.where(hidden, -1e9, 0.0), v=np.ones((6, 2))))
    assert calibrate(model, noise(model)).ranges["b"].low > -20


def test_rows_too_far_apart_for_one_grid_are_told(build: Make, noise: Make) -> None:
    """-1e4 leaves the scores of a row that is hidden as a whole, and they count."""
    hidden = TRI.copy()
    hidden[3] = True
    text = """graph (float[6, 6] a) => (float[6, 2] y) {
        b = Add (a, m) c = Reshape (b, shape) p = Softmax <axis = -1> (c) y = MatMul (p, v) }"""
    model = named(build(text, m=np.where(hidden, -1e4, 0.0), v=np.ones((6, 2)), shape=np.array([6, 6])))
    assert set(calibrate(model, noise(model)).coarse) == {"b", "c"}


GUARD = "p = Softmax <axis = -1> (b) n = IsNaN (p) g = Where (n, zero, p) y = MatMul (g, v)"


def test_rows_that_a_constant_hides_stay_infinite_for_their_guard(build: Make, noise: Make) -> None:
    hidden = TRI.copy()
    hidden[3] = True
    text = f"graph (float[6, 6] a) => (float[6, 2] y) {{ b = Where (t, low, a) {GUARD} }}"
    model = named(build(text, t=hidden, low=np.float32(-np.inf), zero=0.0, v=np.ones((6, 2))))
    assert {"b", "p"} <= calibrate(model, noise(model)).not_finite


@pytest.mark.parametrize("kept", [True, False], ids=["data", "a constant"])
def test_infinity_stays_where_data_may_hide_a_row_and_a_guard_waits_for_that(
    build: Make, noise: Make, kept: bool
) -> None:
    first = "u = Greater (w, zero)" if kept else ""
    inputs = "float[6, 6] a, float[6, 6] w" if kept else "float[6, 6] a"
    constants = {} if kept else {"u": TRI}
    model = build(
        f"graph ({inputs}) => (float[6, 2] y) {{ {first} b = Where (u, low, a) {GUARD} }}",
        low=np.float32(-np.inf), zero=0.0, v=np.ones((6, 2)), **constants,
    )  # fmt: skip
    named(model)
    samples = noise(model)
    for sample in samples if kept else []:
        sample["w"][:, 0] = -1  # something is left in each row of this data
    assert ("b" in calibrate(model, samples).not_finite) == kept
