"""Random graphs: whatever they look like, their plans keep the rules. And what is written from a plan is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgemm.converters.onnx_writer import write_onnx
from edgemm.quantize import Precision, Reference, calibrate, check_plan, make_plan
from edgemm.quantize.target import TARGETS

Make = Callable[..., Any]

FIXED_SEED = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # they hand out functions without state
)

UNARY = (
    "Relu ({a})", "LeakyRelu ({a})", "Sigmoid ({a})", "Tanh ({a})", "Softmax <axis = 1> ({a})", "Erf ({a})",
    "Reshape ({a}, shape)", "Clip ({a}, low, six)", "Clip ({a}, low, one)", "Mul ({a}, half)", "Add ({a}, row)",
    "Gemm <transB = 1> ({a}, w, b)", "Transpose <perm = [0, 1]> ({a})",
)  # fmt: skip
BINARY = (
    "Add ({a}, {b})",
    "Sub ({a}, {b})",
    "Mul ({a}, {b})",
    "Max ({a}, {b})",
    "Concat <axis = 0> ({a}, {b})",
)
CONSTANTS = {
    "shape": np.array([1, 4]), "low": np.float32(0), "six": np.float32(6), "one": np.float32(0.5),
    "half": np.float32(-1.5), "row": np.array([[0.5, -2, 0, 1]], np.float32),
    "w": np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32) * np.float32(0.4),
    "b": np.array([0.1, 0, -3, 2], np.float32),
    "rows": np.array([0]),
}  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> str:
    """Text of a graph on float[1, 4]; every value may be used again, and so may the input."""
    lines, values = [], ["x"]
    for number in range(draw(st.integers(1, 8))):
        form = draw(st.sampled_from(UNARY + BINARY))
        a, b = (draw(st.sampled_from(values)) for _ in range(2))
        name = f"v{number}"
        if form.startswith("Concat"):
            lines.append(f"[join{number}] j{number} = {form.format(a=a, b=b)}")
            form, a = "Gather <axis = 0> ({a}, rows)", f"j{number}"
        lines.append(f"[n{number}] {name} = {form.format(a=a, b=b)}")
        values.append(name)
    return f"graph (float[1, 4] x) => (float[1, 4] {values[-1]}) {{ {' '.join(lines)} }}"


@pytest.mark.parametrize("target", ["cpu", "tensorrt"])
@FIXED_SEED
@given(text=graphs())
def test_a_plan_keeps_the_rules_and_cuts_nothing_that_was_seen(
    build: Make, noise: Make, target: str, text: str
) -> None:
    model = build(text, **CONSTANTS)
    calibration = calibrate(model, noise(model, 8))
    plan = make_plan(model, calibration, target=target)
    check_plan(model, plan)
    assert set(plan.precision) == {str(node.name) for node in model.graph}
    for name, grid in plan.activations.items():
        seen, lowest = calibration.ranges[name], -127 if target == "tensorrt" else -128
        assert (lowest - grid.zero_point - 1) * grid.scalar <= seen.low  # one step: the zero point is rounded
        assert seen.high <= (127 - grid.zero_point + 1) * grid.scalar


@FIXED_SEED
@given(text=graphs())
def test_float_wishes_and_dynamic_plans_keep_the_rules_too(build: Make, noise: Make, text: str) -> None:
    model = build(text, **CONSTANTS)
    check_plan(model, make_plan(model, None))
    wish = [str(node.name) for node in model.graph][::2]
    plan = make_plan(model, calibrate(model, noise(model, 4)), float_nodes=wish)
    check_plan(model, plan)
    assert not any(plan.precision[name] is Precision.INT8 for name in wish)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_written_from_a_plan_is_near_the_float_graph(
    residual: ir.Model, noise: Make, target: str
) -> None:
    seen, unseen = noise(residual, 64), noise(residual, 64, seed=9)
    plan = make_plan(residual, calibrate(residual, seen), target=target)
    written, original = Reference(write_onnx(residual, plan).payload, optimize=False), Reference(residual)
    truth = np.concatenate([original.run(sample)["y"] for sample in unseen])
    error = np.concatenate([written.run(sample)["y"] for sample in unseen]) - truth
    assert np.abs(error).max() <= 3 * plan.activations["y"].scalar  # 0.012 of a probability
