"""Conversions that lost too much are mended, and say how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

import edgemm
from edgemm.converters import convert
from edgemm.converters.passes import canonicalize
from edgemm.converters.repair.bias import correct_biases
from edgemm.converters.repair.equalize import equalize
from edgemm.converters.repair.ranges import METHODS
from edgemm.converters.samples import Samples
from edgemm.errors import FidelityMissed
from edgemm.quantize import Reference, calibrate, make_plan
from edgemm.quantize.cost import macs
from edgemm.quantize.grid import Range, asymmetric

Array = npt.NDArray[Any]


def normal(*shape: int, seed: int = 0, scale: float = 0.3) -> Array:
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def parsed(text: str, **constants: Array) -> ir.Model:
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    model: ir.Model = ir.from_proto(proto)
    return model


SAMPLES = [normal(1, 4, 10, 10, seed=seed, scale=1.0) for seed in range(24)]
DECADES = np.logspace(0, 3, 16).astype(np.float32)


def collapsed() -> ir.Model:
    """Channels whose ranges differ a thousand times, and weights that make up for it."""
    return parsed(
        """g (float[1,4,10,10] x) => (float[1,5,10,10] y) {
            a = Conv<pads=[1,1,1,1]>(x, u, b)  r = Relu(a)  y = Conv(r, v, d) }""",
        u=normal(16, 4, 3, 3) / DECADES[:, None, None, None],
        b=normal(16) / DECADES,
        v=normal(5, 16, 1, 1) * DECADES[None, :, None, None],
        d=normal(5),
    )


def two_headed() -> ir.Model:
    """Boxes and scores out of one small layer, behind a large one."""
    return parsed(
        """g (float[1,4,10,10] x) => (float[1,4,10,10] boxes, float[1,2,10,10] scores) {
            a = Conv<pads=[1,1,1,1]>(x, u, b)  r = Relu(a)  c = Conv<pads=[1,1,1,1]>(r, v, d)  s = Relu(c)
            head = Conv(s, w, e)  boxes, scores = Split<axis=1>(head, sizes) }""",
        u=normal(32, 4, 3, 3),
        b=normal(32),
        v=normal(32, 32, 3, 3, scale=0.1),
        d=normal(32),
        w=normal(6, 32, 1, 1) * np.array([400, 400, 400, 400, 1, 1], np.float32)[:, None, None, None],
        e=normal(6),
        sizes=np.array([4, 2]),
    )


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_channels_over_three_decades_are_equalized(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(FidelityMissed):
        convert(collapsed(), output=path, calibrate=SAMPLES, scheme="static", repair="off")
    assert not path.exists()
    done = convert(collapsed(), output=path, calibrate=SAMPLES, scheme="static")
    assert done.fidelity.outputs[0].snr_db > 30  # dB
    assert any("equalized" in note for note in done.notes)
    assert done.repaired_layers == ()
    with edgemm.load(path) as model:
        assert "equalized" in model.card.quantization["repairs"][0]


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_head_of_unlike_parts_goes_back_to_float(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(FidelityMissed, match="scores"):
        convert(two_headed(), output=path, calibrate=SAMPLES, scheme="static", repair="off")
    done = convert(two_headed(), output=path, calibrate=SAMPLES, scheme="static")
    assert min(each.snr_db for each in done.fidelity.outputs) >= 20  # dB, the gate
    model = two_headed()
    canonicalize(model)
    cost = {str(node.name): macs(node) for node in model.graph}
    assert sum(cost[name] for name in done.repaired_layers) <= 0.1 * sum(cost.values())


def test_repairs_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        convert(two_headed(), output=tmp_path / f"{name}.tflite", calibrate=SAMPLES, scheme="static")
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


def test_equalizing_changes_nothing_that_is_computed() -> None:
    model = collapsed()
    canonicalize(model)
    sample = {"x": SAMPLES[0]}
    before = Reference(model, optimize=False).run(sample)["y"]
    assert equalize(model) == 1
    after = Reference(model, optimize=False).run(sample)["y"]
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_lone_outlier_is_clipped(method: str) -> None:
    values = np.append(normal(200_000, scale=1.0), np.float32(9.0))
    whole = Range(float(values.min()), float(values.max()))
    found = METHODS[method](values, whole)
    assert 2.5 < found.high < 0.99 * whole.high
    assert whole.low <= found.low < -2.5


def test_the_mean_square_range_keeps_what_fills_it() -> None:
    values = np.linspace(-1, 1, 5000, dtype=np.float32)
    found = METHODS["mse"](values, Range(-1.0, 1.0))
    assert asymmetric(found).scalar == pytest.approx(2 / 255, rel=0.03)


def test_corrected_biases_bring_the_mean_back() -> None:
    weights = normal(8, 64, scale=0.05)
    model = parsed(
        "g (float[1,64] x) => (float[1,8] y) { r = Relu(x)  y = Gemm<transB=1>(r, w, b) }",
        w=weights,
        b=normal(8),
    )
    canonicalize(model)
    samples = Samples(tuple({"x": normal(1, 64, seed=seed, scale=1.0) + 2} for seed in range(32)))
    calibration = calibrate(model, samples.inputs)

    def drift(graph: ir.Model) -> float:
        from edgemm.converters.diagnose import alone, emulated, outputs

        plan = make_plan(graph, calibration, scheme="static")
        layer = next(node for node in graph.graph if node.op_type == "Gemm")
        truth, found = (
            outputs(Reference(model), samples),
            outputs(emulated(graph, alone(plan, layer)), samples),
        )
        return float(np.abs((found["y"] - truth["y"]).mean(axis=0)).mean())

    corrected = model.clone()
    assert correct_biases(corrected, make_plan(model, calibration, scheme="static"), samples) == 1
    assert drift(corrected) < 0.6 * drift(model)
