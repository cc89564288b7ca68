"""Which layer loses the accuracy, and which parts share a scale that does not suit them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgemm.converters.diagnose import Diagnosis, diagnose
from edgemm.converters.passes import canonicalize
from edgemm.converters.samples import Samples
from edgemm.quantize import calibrate, make_plan

Array = npt.NDArray[Any]


def normal(*shape: int, seed: int = 0, scale: float = 0.3) -> Array:
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def diagnosed(text: str, scheme: str = "static", target: str = "cpu", **constants: Array) -> Diagnosis:
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    inputs = tuple({"x": normal(1, 4, 8, 8, seed=seed, scale=1.0)} for seed in range(16))
    calibration = calibrate(model, inputs) if scheme == "static" else None
    plan = make_plan(model, calibration, scheme=scheme, target=target)
    return diagnose(model, plan, Samples(inputs), calibration)


def test_the_layer_with_spread_out_weights_is_first() -> None:
    spread = normal(6, 6, 3, 3) * np.logspace(0, 3, 6, dtype=np.float32)[None, :, None, None]
    text = """g (float[1,4,8,8] x) => (float[1,3,8,8] y) {
        a = Conv<pads=[1,1,1,1]>(x, u, b)  r = Relu(a)  c = Conv<pads=[1,1,1,1]>(r, v, b)
        s = Relu(c)  y = Conv(s, w, d) }"""
    found = diagnosed(text, u=normal(6, 4, 3, 3), b=normal(6), v=spread, w=normal(3, 6, 1, 1), d=normal(3))
    assert len(found.layers) == 3
    assert found.layers[0].noise_share == max(each.noise_share for each in found.layers)
    assert sum(each.noise_share for each in found.layers) == pytest.approx(1.0)
    assert found.layers[0].snr_db < found.layers[-1].snr_db
    assert {each.macs for each in found.layers} == {64 * 4 * 9 * 6, 64 * 6 * 9 * 6, 64 * 6 * 3}


def test_boxes_and_scores_on_one_scale_are_named() -> None:
    text = """g (float[1,4,8,8] x) => (float[1,6,8,8] y) {
        a = Conv(x, u, b)  boxes = Mul(a, big)  c = Conv(x, v, d)  scores = Relu(c)
        both = Concat<axis=1>(boxes, scores)  y = Conv(both, w, e) }"""
    big = np.full((1, 1, 1, 1), 300, np.float32)
    u, v, w = normal(4, 4, 1, 1), normal(2, 4, 1, 1), normal(6, 6, 1, 1)
    found = diagnosed(text, u=u, v=v, w=w, b=normal(4), d=normal(2), e=normal(6), big=big)
    shared = found.shared[0]
    assert (shared.value, shared.part) == ("both", "scores")
    assert shared.ratio > 100
    assert "scores" in found.table()


def test_channels_of_one_head_on_one_scale_are_named() -> None:
    unlike = normal(3, 4, 1, 1) * np.array([100, 1, 1], np.float32)[:, None, None, None]
    text = "g (float[1,4,8,8] x) => (float[1,3,8,8] y) { r = Relu(x)  y = Conv(r, w, b) }"
    found = diagnosed(text, w=unlike, b=np.zeros(3, np.float32))
    assert [each.value for each in found.shared] == ["y"]
    assert found.shared[0].part in ("channel 1", "channel 2")


def test_a_head_that_is_taken_apart_behind_its_scale_is_named() -> None:
    text = """g (float[1,4,8,8] x) => (float[1,4,8,8] boxes, float[1,2,8,8] scores) {
        r = Relu(x)  head = Conv(r, w, b)  boxes, part = Split<axis=1>(head, sizes)  scores = Sigmoid(part) }"""
    unlike = normal(6, 4, 1, 1) * np.array([200] * 4 + [1] * 2, np.float32)[:, None, None, None]
    found = diagnosed(text, w=unlike, b=np.zeros(6, np.float32), sizes=np.array([4, 2]))
    assert [(each.node, each.part) for each in found.shared] == [("Conv_head", "part")]


def test_dynamic_layers_are_ranked_too() -> None:
    text = "g (float[1,4,8,8] x) => (float[4,5] y) { f = Reshape(x, s)  a = Gemm(f, u)  r = Relu(a)  y = Gemm(r, v) }"
    found = diagnosed(text, "dynamic", s=np.array([4, 64]), u=normal(64, 16), v=normal(16, 5))
    assert [each.operator for each in found.layers] == ["Gemm", "Gemm"]
    assert all(20 < each.snr_db < 80 for each in found.layers)  # dB


def test_outputs_that_are_infinite_by_nature_do_not_hide_the_layers() -> None:
    text = """g (float[1,4,8,8] x) => (float[1,6,8,8] y) {
        a = Conv(x, u, b)  r = Relu(a)  y = Log(r) }"""
    found = diagnosed(text, scheme="dynamic", u=normal(6, 4, 1, 1), b=normal(6))
    assert [each.operator for each in found.layers] == ["Conv"]
    assert np.isfinite(found.layers[0].snr_db)
    assert found.layers[0].snr_db < 100  # dB: its weights are rounded


def test_a_graph_without_a_layer_on_integers_has_no_losses() -> None:
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[1,4] x) => (float[1,4] y) { y = Erf (x) }'
    )
    model: ir.Model = ir.from_proto(proto)
    plan = make_plan(model, None, scheme="dynamic")
    samples = Samples(({"x": normal(1, 4)},))
    assert diagnose(model, plan, samples, until=time.monotonic() + 60.0).layers == ()
