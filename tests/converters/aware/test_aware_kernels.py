"""Training rounds as the kernels do: every operator by itself against a written file in its runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from onnx import numpy_helper, parser

from edgemm.converters.measure import run_artifact
from edgemm.converters.passes import canonicalize
from edgemm.converters.samples import Samples
from edgemm.converters.written import Format, Settings, write_plan
from edgemm.quantize import calibrate, make_plan

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from aware_kernels import OPERATORS, PICTURE, model_of, steps_apart  # noqa: E402

from edgemm.quantize.aware import QuantizedNetwork  # noqa: E402

FORMATS: tuple[Format, ...] = ("onnx", "tflite")
G = np.random.default_rng(4)


SHARE = 1e-4
"""Of numbers that may be a step away: sums that are a half to within float32."""
LIMITS = {
    ("average of 4 x 2 and Relu", "onnx"): 0.03,
    ("average of 2 x 2", "tflite"): 0.05,
    ("average of 3 x 3, pads as SAME", "tflite"): 0.02,
    ("average of 4 x 2 and Relu", "tflite"): 0.02,
    ("picture of twice the size", "onnx"): 0.03,
    ("picture of five thirds", "tflite"): 0.001,
}
"""Pools in float, and what float32 leaves of a half decides where it goes; ONNX Runtime's halves of a picture of twice
the size, and XNNPACK's shares of 11 bits."""


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", OPERATORS)
def test_what_is_trained_for_a_format_is_what_it_computes(name: str, suffix: Format) -> None:
    shape, nodes = OPERATORS[name]
    apart = np.abs(steps_apart(shape, nodes, suffix, format_=suffix))
    assert apart.max() <= 1
    assert (apart > 0).mean() <= LIMITS.get((name, suffix), SHARE)


@pytest.mark.parametrize("name", OPERATORS)
def test_without_a_format_training_rounds_as_onnxruntime(name: str) -> None:
    shape, nodes = OPERATORS[name]
    apart = np.abs(steps_apart(shape, nodes, "onnx", format_=None))
    assert apart.max() <= 1
    assert (apart > 0).mean() <= LIMITS.get((name, "onnx"), SHARE)


@pytest.mark.parametrize(
    ("name", "share"),
    [("average of 2 x 2", 0.20), ("LeakyRelu", 0.01), ("PRelu", 0.01), ("picture of twice the size", 0.05)],
)
def test_without_a_format_tflite_is_a_step_away_where_it_rounds_halves_otherwise(
    name: str, share: float
) -> None:
    shape, nodes = OPERATORS[name]
    apart = np.abs(steps_apart(shape, nodes, "tflite", format_=None))
    assert apart.max() == 1
    assert 0 < (apart > 0).mean() < share


def test_an_average_with_pads_that_tflite_lacks_is_within_a_step() -> None:
    """It is a float pool there, and which side of a half its sums fall on is a matter of their order."""
    nodes = "y = AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)"
    assert (np.abs(steps_apart(PICTURE, nodes, "onnx", format_="onnx")) > 0).mean() <= SHARE
    apart = np.abs(steps_apart(PICTURE, nodes, "tflite", format_="tflite"))
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.04


@pytest.mark.parametrize("format_", FORMATS)
def test_gradients_are_those_of_the_float_operator(format_: str) -> None:
    model = model_of(*OPERATORS["average of 2 x 2"])
    data = [{"x": G.standard_normal(PICTURE).astype(np.float32)} for _ in range(4)]
    net = QuantizedNetwork(model, make_plan(model, calibrate(model, data), scheme="static"), format=format_)
    x = torch.zeros(PICTURE, requires_grad=True)
    net(x).sum().backward()
    assert torch.allclose(x.grad, torch.full(PICTURE, 0.25))


def dynamic_apart(text: str, constants: dict[str, Any], samples: list[dict[str, Any]]) -> Any:
    """[samples, ...]: file minus training, where weights alone are stored as integers."""
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {text}')
    for name, array in constants.items():
        proto.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    plan = make_plan(model, None, scheme="dynamic")
    assert "dynamic" in {each.value for each in plan.precision.values()}
    net = QuantizedNetwork(model, plan, format="tflite")
    written = write_plan(model, plan, "tflite", Settings())
    name = written.outputs[0].name
    theirs = np.stack([each[name] for each in run_artifact(written, Samples(tuple(samples))).outputs])
    with torch.no_grad():
        ours = np.stack([net(torch.from_numpy(each["x"])).numpy() for each in samples])
    return np.abs(theirs.reshape(ours.shape) - ours)


def on_a_grid(*shape: int) -> Any:
    """Numbers that were integers before: once rounded row by row, many of them lie on a half."""
    top, below = G.integers(20, 256), G.integers(0, 2) * G.integers(0, 60)
    return (G.integers(-below, top, shape) * np.float32(G.uniform(0.01, 0.3))).astype(np.float32)


def test_rows_on_a_grid_are_rounded_as_litert_does_it() -> None:
    data = [{"x": on_a_grid(1, 24)} for _ in range(600)]
    text = "(float[1,24] x) => (float[1,24] y) { y = Gemm<transB=1>(x, w) }"
    apart = dynamic_apart(text, {"w": np.eye(24)}, data)
    step = np.array([np.ptp(np.append(each["x"], 0)) for each in data]) / 255
    assert (apart.reshape(600, -1).max(1) < 0.01 * step).all()


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_recurrent_layers_follow_litert(kind: str) -> None:
    """LiteRT's sigmoid and tanh are good to some 5e-7, and now and then such a state is rounded to the other side."""
    gates = {"GRU": 3, "LSTM": 4}[kind]
    options = "hidden_size=32, linear_before_reset=1" if kind == "GRU" else "hidden_size=32"
    text = f"(float[8,1,24] x) => (float[8,1,1,32] y) {{ y = {kind}<{options}>(x, w, r, b) }}"
    constants = {
        "w": G.standard_normal((1, gates * 32, 24)) * 0.1, "r": G.standard_normal((1, gates * 32, 32)) * 0.2,
        "b": G.standard_normal((1, gates * 64)) * 0.2,
    }  # fmt: skip
    apart = dynamic_apart(text, constants, [{"x": on_a_grid(8, 1, 24)} for _ in range(200)]).reshape(200, -1)
    assert apart.max() < 0.01
    assert (apart.max(1) > 1e-5).mean() < 0.3
