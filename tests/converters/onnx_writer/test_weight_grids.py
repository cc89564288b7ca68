"""Signed weights of 7 bits: no x86 saturates them, and sources that were integers keep theirs.

Truth is the instruction by hand (vpmaddubsw: two products of u8 and s8, added in 16 bits that saturate), sums in whole
numbers, and ONNX Runtime on an emulated processor without VNNI where there is one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper, parser

import edgemm
from benchmarks.collapse import converted, spread
from edgemm.converters import convert
from edgemm.converters.onnx_writer import write_onnx
from edgemm.converters.passes import canonicalize
from edgemm.instructions import read_instructions
from edgemm.quantize import calibrate, make_plan
from edgemm.quantize import target as targets
from edgemm.quantize.constants import multiplied_steps, weight_kinds
from edgemm.quantize.grid import PAIR_STEPS, WEIGHT_STEPS, weight_grid
from edgemm.quantize.plan import Precision
from edgemm.quantize.target import TARGETS, target

Array = npt.NDArray[Any]
NARROW = target("cpu", "onnx")
EMULATOR = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")


def pair_sums(activations: Array, weights: Array) -> Array:
    """Sums over the last dimension as vpmaddubsw and vpmaddwd make them: u8 with s8, two and two in 16 bits."""
    products = activations.astype(np.int64) * weights.astype(np.int64)
    pairs = np.clip(products[..., 0::2] + products[..., 1::2], -(2**15), 2**15 - 1)
    return np.asarray(pairs.sum(axis=-1))


@pytest.mark.parametrize(
    ("steps", "saturates"), [(PAIR_STEPS, False), (PAIR_STEPS + 1, True), (WEIGHT_STEPS, True)]
)
def test_weights_of_so_many_steps_saturate(steps: int, saturates: bool) -> None:
    ends = np.array([-steps, -1, 0, 1, steps])
    weights = np.stack(np.meshgrid(ends, ends), -1).reshape(-1, 2)
    for activations in ([255, 255], [255, 0], [128, 255]):
        exact = (np.array(activations) * weights).sum(axis=-1)
        if activations == [255, 255]:
            assert (pair_sums(np.array(activations), weights) != exact).any() == saturates
        elif not saturates:
            np.testing.assert_array_equal(pair_sums(np.array(activations), weights), exact)


def network(text: str, **weights: Array) -> ir.Model:
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {text}')
    proto.graph.initializer.extend(numpy_helper.from_array(each, name) for name, each in weights.items())
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    return model


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


LAYERS = (
    "(float[1,4,8,8] x) => (float[1,6] y) { a = Conv<pads=[1,1,1,1]>(x, full) b = Conv<group=8>(a, each) "
    "c = Conv<group=4>(b, some) d = GlobalAveragePool(c) e = Flatten(d) y = Gemm<transB=1>(e, last) }"
)
SHAPES = {"full": (8, 4, 3, 3), "each": (8, 1, 3, 3), "some": (8, 2, 1, 1), "last": (6, 8)}


def layers(**others: Array) -> ir.Model:
    return network(LAYERS, **{name: normal(*shape) for name, shape in SHAPES.items()} | others)


def stored(payload: bytes) -> dict[str, Array]:
    """Weight -> the integers in the file, without the offset of u8 ones."""
    found = onnx.load_from_string(payload).graph.initializer
    arrays = {each.name: numpy_helper.to_array(each) for each in found}
    arrays["last_quantized"] = arrays["Gemm_y_weight_quantized"]
    return {name: arrays[f"{name}_quantized"] for name in SHAPES}


def static(model: ir.Model, chosen: Any) -> Any:
    samples = [{"x": normal(1, 4, 8, 8, seed=seed)} for seed in range(8)]
    return make_plan(model, calibrate(model, samples), target=chosen, scheme="static")


def test_products_that_are_added_in_pairs_have_7_bits_and_depthwise_ones_8() -> None:
    model = layers()
    found = stored(write_onnx(model, static(model, NARROW)).payload)
    assert {name: (str(each.dtype), int(np.abs(each.astype(int)).max())) for name, each in found.items()} == {
        "full": ("int8", 64), "each": ("int8", 127), "some": ("int8", 64), "last": ("int8", 64),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "outputs", "group", "steps"),
    [(8, 8, 8, 127), (8, 4, 4, 64), (4, 8, 4, 64), (1, 1, 1, 64), (8, 8, 4, 64), (8, 8, 1, 64)],
)
def test_which_convolutions_are_depthwise(inputs: int, outputs: int, group: int, steps: int) -> None:
    text = f"(float[1,{inputs},8,8] x) => (float[1,{outputs},6,6] y) {{ y = Conv<group={group}>(x, w) }}"
    model = network(text, w=normal(outputs, inputs // group, 3, 3))
    (conv,) = [node for node in model.graph if node.op_type == "Conv"]
    assert multiplied_steps(conv, Precision.INT8, NARROW) == steps


def test_no_stored_weight_saturates_where_signed_ones_of_8_bits_do() -> None:
    model = layers()
    for chosen, saturates in ((NARROW, False), (TARGETS["vnni"], True)):
        rows = stored(write_onnx(model, static(model, chosen)).payload)["full"].reshape(8, -1)
        worst = np.sort(rows, axis=1)  # the neighbours that add up to most
        activations = np.full(worst.shape, 255)
        exact = (activations * worst.astype(np.int64)).sum(axis=1)
        assert (pair_sums(activations, worst) != exact).any() == saturates


def test_weights_that_were_8_bit_integers_are_stored_as_u8_and_kept() -> None:
    whole = np.random.default_rng(1).integers(-127, 128, SHAPES["full"])
    whole[:, 0, 0, 0] = 127
    scales = np.float32(10.0) ** normal(8, 1, 1, 1)
    model = layers(full=(whole * scales).astype(np.float32))
    plan = static(model, NARROW)
    found = stored(write_onnx(model, plan).payload)
    np.testing.assert_array_equal(found["full"].astype(int) - 128, whole)
    assert str(found["full"].dtype) == "uint8"
    assert str(found["some"].dtype) == "int8"
    assert weight_kinds(model, plan) == {"int8 of 7 bits": 2, "int8": 1, "uint8": 1}


@pytest.mark.parametrize(
    ("reach", "steps"), [(127, 127), (126, 127), (65, 127), (64, 64), (63, 64), (40, 64)]
)
def test_integers_stay_integers_in_7_bits_where_they_fit(reach: int, steps: int) -> None:
    whole = np.random.default_rng(reach).integers(-reach, reach + 1, (6, 40))
    whole[:, 0] = reach
    grid = weight_grid((whole * 0.37).astype(np.float32), 0, PAIR_STEPS)
    assert grid.steps == steps
    np.testing.assert_allclose(grid.dequantize(grid.quantize(whole * 0.37)), whole * 0.37, rtol=3e-7)


def test_one_scale_for_all_rows_keeps_8_bits_though_most_rows_are_small() -> None:
    whole = np.random.default_rng(2).integers(-30, 31, (16, 40))
    whole[3, 5] = 127
    weights = (whole * 0.011).astype(np.float32)
    grid = weight_grid(weights, 0, PAIR_STEPS)
    assert grid.steps == WEIGHT_STEPS
    np.testing.assert_allclose(grid.dequantize(grid.quantize(weights)), weights, rtol=3e-7)


@pytest.mark.parametrize("shape", [(64, 1), (64, 2), (64, 9), (8, 200)])
def test_real_weights_are_not_taken_for_integers(shape: tuple[int, int]) -> None:
    weights = normal(*shape)
    grid = weight_grid(weights, 0, PAIR_STEPS)
    assert grid.steps == PAIR_STEPS
    assert np.abs(grid.quantize(weights * 1.5)).max() == PAIR_STEPS


def test_one_row_of_few_numbers_that_is_on_a_grid_by_chance_changes_nothing() -> None:
    weights = normal(20, 2)
    weights[3] = 0.127, -0.05
    assert weight_grid(weights[3:4], 0, PAIR_STEPS).steps == WEIGHT_STEPS
    assert weight_grid(weights, 0, PAIR_STEPS).steps == PAIR_STEPS


TWO_LAYERS = "(float[2,4,8] x) => (float[2,4,3] y) { a = MatMul(x, first) r = Relu(a) y = MatMul(r, second) }"


def test_dynamic_products_have_7_bits_and_what_is_made_real_first_8() -> None:
    model = network(TWO_LAYERS, first=normal(8, 16), second=normal(16, 3))
    payload = write_onnx(model, make_plan(model, None, target=NARROW, scheme="dynamic")).payload
    found = onnx.load_from_string(payload).graph.initializer
    arrays = {each.name: numpy_helper.to_array(each) for each in found}
    weights = [each for name, each in arrays.items() if name.endswith("_weight_quantized")]
    assert [(str(each.dtype), np.abs(each.astype(int)).max()) for each in weights] == [("int8", 64)] * 2
    conv = network(LAYERS, **{name: normal(*shape) for name, shape in SHAPES.items()})
    kinds = weight_kinds(conv, make_plan(conv, None, target=NARROW, scheme="dynamic"))
    assert kinds == {"int8": 3, "int8 of 7 bits": 1}


@pytest.mark.parametrize(("format_", "steps"), [("onnx", 64), ("tflite", 127), ("", 127)])
def test_only_onnx_files_for_any_cpu_have_7_bits(format_: str, steps: int) -> None:
    assert target("cpu", format_).weight_steps == steps
    assert target("x86", format_).weight_steps == 127
    free = format_ == "onnx"
    wide = replace(TARGETS["cpu"].in_all_bits(), joins_any_grids=free, products_around_zero=not free)
    assert target("cpu", format_).in_all_bits() == wide
    assert (NARROW.in_all_bits().weight_dtype, NARROW.in_all_bits().weight_steps) == ("uint8", 127)


MACHINES = {
    "haswell": read_instructions("x86_64", "flags : avx2"),
    "ice lake": read_instructions("x86_64", "flags : avx2 avx512f avx512_vnni"),
    "pi 4": read_instructions("aarch64", "Features : asimd"),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_what_saturates_where(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "instructions", lambda: MACHINES[machine])
    found = {name for name, each in {**TARGETS, "narrow": NARROW}.items() if each.saturates_here}
    wide = {"vnni", "arm", "tensorrt", "coral", "tflite-2.14"}
    assert found == (wide if machine == "haswell" else set())


CONVOLUTION = "(float[1,4,8,8] x) => (float[1,5,6,6] y) { a = Conv(x, u) r = Relu(a) y = Conv(r, v) }"


@pytest.mark.parametrize(("scheme", "text", "shape"), [
    ("static", CONVOLUTION, (1, 4, 8, 8)),
    ("dynamic", TWO_LAYERS, (2, 4, 8)),
])  # fmt: skip
def test_a_gate_that_7_bits_miss_is_held_by_all_8(
    scheme: Any, text: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    weights = {
        "u": normal(16, 4, 3, 3),
        "v": normal(5, 16, 1, 1),
        "first": normal(8, 16),
        "second": normal(16, 3),
    }
    used = {name: each for name, each in weights.items() if f" {name})" in text}
    data = [normal(*shape, seed=seed) for seed in range(8)]

    def made(name: str, **options: Any) -> Any:
        source = network(text, **used)
        return convert(source, output=tmp_path / f"{name}.onnx", calibrate=data, scheme=scheme, **options)

    narrow, wide = made("narrow"), made("wide", target="x86")
    low, high = narrow.fidelity.worst_db, wide.fidelity.worst_db
    assert low + 1 < high < low + 9  # dB: a bit is 6
    assert narrow.card.quantization["weights"] == "int8 of 7 bits per channel"
    repaired = made("repaired", min_db=(low + high) / 2)
    told = repaired.card.quantization
    assert (told["weights"], told["target"]) == ("uint8 per channel", "cpu")
    (step,) = told["repairs"]
    assert (
        step == f"weights in all 8 bits, u8: slower on x86 with VNNI and on Arm: {low:.1f} to {high:.1f} dB"
    )
    assert repaired.fidelity.worst_db == pytest.approx(high)
    with edgemm.load(repaired.output) as ours, edgemm.load(wide.output) as theirs:
        sample = {"x": data[0]}
        np.testing.assert_array_equal(ours.run(sample)["y"], theirs.run(sample)["y"])


def test_7_bits_come_back_where_later_steps_suffice(tmp_path: Path) -> None:
    done = converted(spread(), tmp_path / "a.onnx", "auto")
    told = done.card.quantization
    assert told["weights"] == "int8 of 7 bits per channel"
    (step,) = told["repairs"]
    before = converted(spread(), tmp_path / "b.onnx", "off", gate="warn").fidelity.worst_db
    assert step.startswith("channels equalized across layers")
    assert step.endswith(f": {before:.1f} to {done.fidelity.worst_db:.1f} dB")


EXTREMES = "(float[1,16,5,5] x) => (float[1,8,3,3] y) { y = Conv(x, w) }"
RUN = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
given = numpy.load(sys.argv[2])
numpy.save(sys.argv[3], session.run(None, {"x": given})[0])
"""


def extreme(chosen: Any, folder: Path) -> tuple[Path, Path, Array, float]:
    """A file whose weights are all at the ends of their grid, an input at the end of its own, and the sums by hand."""
    signs = np.where(np.arange(8) % 2, 1.0, -1.0).reshape(8, 1, 1, 1)
    weights = (signs * np.ones((8, 16, 3, 3))).astype(np.float32)
    model = network(EXTREMES, w=weights)
    samples = [{"x": np.full((1, 16, 5, 5), end, np.float32)} for end in (-1.28, 1.27)]
    plan = make_plan(model, calibrate(model, samples), target=chosen, scheme="static")
    path, given = folder / f"{chosen.name}.onnx", folder / "x.npy"
    path.write_bytes(write_onnx(model, plan).payload)
    np.save(given, samples[1]["x"])
    output = plan.activations["y"]
    grid = plan.activations["x"]
    stored = grid.quantize(samples[1]["x"]).astype(np.int64)
    assert stored.min() == 127, "255 in u8"
    exact = np.full((1, 8, 3, 3), 144.0) * signs.reshape(1, 8, 1, 1) * (127 - grid.zero_point) * grid.scalar
    return path, given, exact, output.scalar


def ran(path: Path, given: Path, folder: Path, *before: str) -> Array:
    out = folder / "y.npy"
    settings = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
    command = [*before, "-c", RUN, str(path), str(given), str(out)]
    subprocess.run(command, check=True, env={**os.environ, **settings}, capture_output=True, timeout=300)
    return np.asarray(np.load(out))


def test_extreme_weights_of_7_bits_come_out_right_here(tmp_path: Path) -> None:
    path, given, exact, step = extreme(NARROW, tmp_path)
    np.testing.assert_allclose(ran(path, given, tmp_path, sys.executable), exact, atol=step)


@pytest.mark.skipif(EMULATOR is None, reason="needs QEMU's user emulation: apt install qemu-user-static")
def test_they_come_out_right_without_vnni_where_8_bits_do_not(tmp_path: Path) -> None:
    python = [str(EMULATOR), "-cpu", "Haswell", "-0", sys.executable, os.path.realpath(sys.executable)]
    path, given, exact, step = extreme(NARROW, tmp_path)
    np.testing.assert_allclose(ran(path, given, tmp_path, *python), exact, atol=step)
    path, given, exact, step = extreme(TARGETS["vnni"], tmp_path)
    assert np.abs(ran(path, given, tmp_path, *python) - exact).max() > 10 * step
