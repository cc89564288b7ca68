from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgemm.errors import CalibrationError, InputError
from edgemm.quantize import Reference, calibrate
from edgemm.quantize.calibration import float_values

Make = Callable[..., Any]


def extremes(model: ir.Model, samples: Any) -> Any:
    """The slow way: every activation of every sample leaves the runtime."""
    copy = model.clone()
    outputs = {value.name for value in copy.graph.outputs}
    copy.graph.outputs.extend(
        v for v in float_values(copy) if v.producer() is not None and v.name not in outputs
    )
    reference = Reference(copy, optimize=False)
    seen = [{**sample, **reference.run(sample)} for sample in samples]
    return {name: (min(s[name].min() for s in seen), max(s[name].max() for s in seen)) for name in seen[0]}


def test_ranges_are_exactly_the_extremes_of_all_activations(residual: ir.Model, noise: Make) -> None:
    samples = noise(residual)
    calibration = calibrate(residual, samples)
    seen = {**calibration.ranges, **calibration.whole}
    assert {name: (r.low, r.high) for name, r in seen.items()} == extremes(residual, samples)


def test_every_float_value_has_a_range_in_the_order_of_the_graph(residual: ir.Model, noise: Make) -> None:
    assert list(calibrate(residual, noise(residual, 2)).ranges) == list("xarcstgfhy")


def test_the_model_is_left_as_it_is(residual: ir.Model, noise: Make) -> None:
    before = ir.to_proto(residual).SerializeToString()
    calibrate(residual, noise(residual, 2))
    assert ir.to_proto(residual).SerializeToString() == before


def test_a_rare_extreme_is_kept_whole(build: Make, noise: Make) -> None:
    model = build("graph (float[1, 4] x) => (float[1, 4] y) { [neg] y = Neg (x) }")
    samples = noise(model, 40)
    samples[7]["x"][0, 0] = 1000.0
    assert calibrate(model, samples).ranges["y"].low == -1000.0


def test_nan_that_reaches_an_output_is_named_where_it_comes_from(build: Make, noise: Make) -> None:
    model = build("graph (float[1, 4] x) => (float[1, 4] y) { [bad] a = Log (x) [end] y = Neg (a) }")
    samples = [{"x": np.abs(sample["x"]) + 1} for sample in noise(model, 4)]
    samples[2]["x"][0, 1] = -1.0
    with pytest.raises(CalibrationError, match=r"value 'a' \(output of Log 'bad'\).*NaN in .*sample 2"):
        calibrate(model, samples)


@pytest.mark.parametrize(
    ("end", "limits"), [("Relu (a)", {}), ("Clip (a, low, high)", {"low": 0.0, "high": 6.0})]
)
def test_an_output_that_follows_from_nan_is_looked_at_itself(
    build: Make, noise: Make, end: str, limits: dict[str, float]
) -> None:
    """Whether these pass NaN on is onnxruntime's to say."""
    model = build(
        f"graph (float[1, 4] x) => (float[1, 4] y) {{ [bad] a = Log (x) [end] y = {end} }}", **limits
    )
    samples = noise(model)
    passes = any(np.isnan(Reference(model, optimize=False).run(sample)["y"]).any() for sample in samples)
    with pytest.raises(CalibrationError, match="NaN") if passes else nullcontext():
        calibrate(model, samples)


def test_an_output_that_is_infinite_by_nature_is_no_fault(build: Make, noise: Make) -> None:
    model = build("graph (float[1, 4] x) => (float[1, 4] y) { [log] y = Log (x) }")
    samples = [{"x": np.abs(sample["x"])} for sample in noise(model, 4)]
    samples[2]["x"][0, 1] = 0.0
    found = calibrate(model, samples)
    assert found.not_finite == {"y"}
    smallest = min(sample["x"][sample["x"] > 0].min() for sample in samples)
    assert found.ranges["y"].low == pytest.approx(np.log(smallest))


def test_nan_on_the_way_is_told_and_the_rest_has_its_extremes(build: Make, noise: Make) -> None:
    model = build(
        """graph (float[1, 4] x) => (float[1, 4] y) {
            [root] a = Sqrt (x) [asked] n = IsNaN (a) [mend] b = Where (n, x, a) [end] y = Neg (b) }"""
    )
    samples = noise(model)
    found = calibrate(model, samples)
    assert found.not_finite == {"a"}
    data = np.stack([sample["x"] for sample in samples])
    assert found.ranges["a"].high == pytest.approx(np.sqrt(data.max()))
    assert found.ranges["b"].low == data.min()


def test_an_infinite_input_that_is_no_mask_is_refused(build: Make, noise: Make) -> None:
    model = build("graph (float[1, 4] x) => (float[1, 4] y) { [max] y = Abs (x) }")
    samples = noise(model)
    samples[3]["x"][0, 0] = -np.inf
    with pytest.raises(CalibrationError, match="input 'x' is infinite"):
        calibrate(model, samples)


@pytest.mark.parametrize(
    ("body", "near"),
    [
        ("[log] y = Log (b)", True),
        ("[flip] y = Reciprocal (b)", True),
        ("[part] y = Div (x, b)", True),
        ("[part] y = Div (b, x)", False),
    ],
)
def test_numbers_near_zero_are_told_where_that_is_nearly_infinite(
    build: Make, noise: Make, body: str, near: bool
) -> None:
    text = (
        "graph (float[1, 64] x) => (float[1, 64] y) { [add] a = Add (x, tiny) [flat] b = Reshape (a, shape) "
    )
    model = build(text + body + " }", tiny=np.float32(1e-3), shape=np.array([1, 64]))
    samples = [{"x": np.abs(sample["x"]) + 0.01} for sample in noise(model)]
    assert set(calibrate(model, samples).coarse) == ({"a", "b"} if near else set()) | (
        {"x"} if "(b, x)" in body else set()
    )


def test_a_sum_that_overflows_without_an_infinity_is_no_fault(build: Make) -> None:
    model = build("graph (float[1, 4] x) => (float[1, 4] y) { [relu] y = Relu (x) }")
    assert calibrate(model, [{"x": np.full((1, 4), 3e38, np.float32)}]).ranges["y"].high == np.float32(3e38)


def test_values_of_other_types_are_left_out(build: Make) -> None:
    model = build(
        "graph (int64[1, 2] ids) => (float[1, 2, 3] y) { [gather] y = Gather <axis = 0> (table, ids) }",
        table=np.arange(12, dtype=np.float32).reshape(4, 3),
    )
    assert list(calibrate(model, [{"ids": np.array([[1, 3]])}]).ranges) == ["y"]


def test_progress_counts_samples(residual: ir.Model, noise: Make) -> None:
    seen: list[tuple[int, int]] = []
    calibrate(residual, noise(residual, 3), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_no_samples_are_refused(residual: ir.Model) -> None:
    with pytest.raises(InputError, match="found none"):
        calibrate(residual, [])


def test_a_sample_of_another_shape_is_refused(residual: ir.Model) -> None:
    with pytest.raises(InputError, match=r"\(1, 3, 9, 9\)"):
        calibrate(residual, [{"x": np.zeros((1, 3, 9, 9), np.float32)}])
