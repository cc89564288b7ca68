"""Conversions that lost too much are mended, and say how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

import edgemm
from benchmarks.collapse import SAMPLES, converted, head, neck, normal, parsed, spread
from edgemm.converters import convert
from edgemm.converters.fidelity import Gate
from edgemm.converters.measure import Judge, run_float
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.rewrite import constant
from edgemm.converters.repair.bias import correct_biases
from edgemm.converters.repair.equalize import equalize
from edgemm.converters.repair.ranges import METHODS
from edgemm.converters.repair.split import parts_of, split_scales
from edgemm.converters.samples import Samples
from edgemm.converters.written import Settings
from edgemm.errors import FidelityMissed
from edgemm.quantize import Reference, calibrate, make_plan
from edgemm.quantize.cost import macs
from edgemm.quantize.grid import Range, asymmetric


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_channels_over_three_decades_are_equalized(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(FidelityMissed):
        converted(spread(), path, "off")
    assert not path.exists()
    done = converted(spread(), path, "auto")
    assert done.fidelity.outputs[0].snr_db > 30  # dB
    assert any("equalized" in note for note in done.notes)
    assert any(note.startswith("below the gate before it was repaired: output ") for note in done.notes)
    assert done.repaired_layers == ()


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_head_of_unlike_parts_gets_a_scale_for_each(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(FidelityMissed, match="scores"):
        converted(head(), path, "off")
    done = converted(head(), path, "auto")
    assert min(each.snr_db for each in done.fidelity.outputs) >= 30  # dB
    assert done.repaired_layers == ()


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_what_nothing_else_mends_goes_back_to_float(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    done = converted(neck(), path, "auto")
    assert min(each.snr_db for each in done.fidelity.outputs) >= 20  # dB, the gate
    assert set(done.repaired_layers) == {"Conv_n", "Conv_y", "Conv_z"}
    model = neck()
    canonicalize(model)
    cost = {str(node.name): macs(node) for node in model.graph}
    share = sum(cost[name] for name in done.repaired_layers) / sum(cost.values())
    assert done.card.quantization["float_share"] == pytest.approx(share, rel=0.01)
    assert share <= 0.1


def test_the_card_says_what_was_done_and_why(tmp_path: Path) -> None:
    converted(head(), tmp_path / "a.onnx", "auto")
    with edgemm.load(tmp_path / "a.onnx") as model:
        told = model.card.quantization
    assert "scales split (Conv_head)" in told["repairs"][0]
    assert "scores" in told["repaired_because"][0]
    assert (told["float_layers"], told["float_share"]) == ([], 0.0)


def test_repairs_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        converted(neck(), tmp_path / f"{name}.tflite", "auto")
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()


def test_a_target_of_integers_alone_gets_no_float_layers(tmp_path: Path) -> None:
    with pytest.raises(FidelityMissed, match="scores"):
        convert(head(), output=tmp_path / "a.tflite", calibrate=SAMPLES, scheme="static", target="coral")


@pytest.mark.parametrize(
    ("reach", "parts"),
    [
        ([400.0, 300.0, 1.0, 2.0], [[0, 1], [2, 3]]),
        ([1.0, 400.0, 1.0, 400.0], [[1, 3], [0, 2]]),
        ([1.0, 2.0, 3.0], [[0, 1, 2]]),
        ([1000.0, 10.0, 0.1], [[0], [1], [2]]),
    ],
)
def test_channels_within_one_scale_stay_together(reach: list[float], parts: list[list[int]]) -> None:
    assert [part.tolist() for part in parts_of(np.array(reach))] == parts


@pytest.mark.parametrize("turned", [False, True])
def test_a_split_layer_computes_the_same(turned: bool) -> None:
    model = interleaved() if turned else head()
    canonicalize(model)
    before = Reference(model, optimize=False).run({"x": SAMPLES[0]})
    samples = Samples(tuple({"x": each} for each in SAMPLES))
    plan = make_plan(model, calibrate(model, samples.inputs), scheme="static")
    layers, behind = split_scales(model, plan, samples)
    assert len(layers) == 1
    assert behind <= {str(node.name) for node in model.graph}
    after = Reference(model, optimize=False).run({"x": SAMPLES[0]})
    for name, truth in before.items():
        np.testing.assert_allclose(after[name], truth, rtol=1e-5, atol=1e-4)  # float32 sums in another order


def interleaved() -> ir.Model:
    """Two anchors of two boxes and one score."""
    sizes = np.array([300, 300, 1] * 2, np.float32)[:, None, None, None]
    return parsed(
        "g (float[1,4,10,10] x) => (float[1,6,10,10] y) { r = Relu(x)  y = Conv(r, w, b) }",
        w=normal(6, 4, 1, 1) * sizes,
        b=normal(6),
    )


def test_equalizing_changes_nothing_that_is_computed() -> None:
    model = spread()
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


def test_corrected_biases_are_measured_against_the_graph_as_it_was() -> None:
    model = parsed(
        "g (float[1,8] x) => (float[1,4] y) { y = Gemm<transB=1>(x, w, b) }", w=normal(4, 8), b=normal(4)
    )
    canonicalize(model)
    moved = model.clone()
    node = next(iter(moved.graph))
    node.replace_input_with(2, constant(moved.graph, "moved", normal(4) + 1))
    samples = Samples(tuple({"x": normal(1, 8, seed=seed)} for seed in range(4)))
    plan = make_plan(moved, None, scheme="float")
    itself, before = (
        Judge(samples, run_float(source, samples), {}, Gate(), "onnx", Settings()).planned(moved, plan)
        for source in (moved, model)
    )
    assert itself.outputs[0].snr_db > 100  # dB
    assert before.outputs[0].max_abs_error == pytest.approx(1.0, abs=1e-5)


def test_the_time_limit_ends_a_measurement_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sample takes long, of which there are many: the limit holds to within one of them."""
    from edgemm.converters.fidelity import Fidelity
    from edgemm.converters.repair import Clock, State, repair

    now = [0.0]
    monkeypatch.setattr("edgemm.converters.repair.clock.monotonic", lambda: now[0])
    model = neck()
    canonicalize(model)
    samples = Samples(tuple({"x": each} for each in SAMPLES))
    ranges = calibrate(model, samples.inputs)
    plan = make_plan(model, ranges, scheme="static")
    clock = Clock(20.0)

    def measured(model: ir.Model, plan: object) -> Fidelity:
        for done in range(100):
            now[0] += 2.0
            clock.on_sample(done, 100)
        raise AssertionError("200 s, and nobody stopped it")

    missed = Fidelity(100, (), missed=("all of it",))
    state = State(model, ranges, frozenset(), plan, missed)
    found = repair(
        state,
        samples,
        lambda *_: plan,
        measured,
        measured,
        tick=lambda step: None,
        clock=clock,
        measured_s=1.0,
    )
    assert found.out_of_time
    assert (found.state, found.steps) == (state, ())
    assert 20.0 < now[0] <= 22.0


def test_what_costs_nothing_is_tried_before_layers_go_back_to_float(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.collapse.DECADES", np.logspace(0, 1.6, 16).astype(np.float32))
    done = convert(spread(), output=tmp_path / "a.tflite", calibrate=SAMPLES, min_db=30, scheme="static")
    assert done.scheme == "static"
    assert done.repaired_layers == ()
    assert done.fidelity.worst_db >= 30
    assert any("equalized" in note for note in done.notes)


def test_a_static_conversion_far_off_is_left_for_the_other_scheme(tmp_path: Path) -> None:
    done = convert(head(), output=tmp_path / "a.tflite", calibrate=SAMPLES)  # 0 dB as it comes
    assert done.scheme == "dynamic"
    assert done.repaired_layers == ()
