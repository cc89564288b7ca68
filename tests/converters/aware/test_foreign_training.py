"""QDQ files of other tools, trained or calibrated elsewhere: their grids are what is written.

Truth is the source in onnxruntime, optimizations off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgemm.converters import convert
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.quantized import declared_ranges
from edgemm.errors import ConversionError, UnsupportedOperator

G = np.random.default_rng(2)
SCALES = {"x": 0.02, "a": 0.013, "d": 0.009, "s": 0.017, "y": 0.011}
ZEROS = {"x": 120, "a": 0, "d": 0, "s": 17, "y": 131}


def qdq() -> onnx.ModelProto:
    """conv -> relu -> depthwise -> relu -> residual sum -> dense, as quantization-aware tools export them: every
    activation on a learned grid, weights s8 per channel, biases int32."""
    nodes: list[Any] = []
    constants: dict[str, Any] = {}

    def pair(name: str, source: str) -> str:
        constants[f"{name}_s"], constants[f"{name}_z"] = np.float32(SCALES[name]), np.uint8(ZEROS[name])
        ends = [f"{name}_s", f"{name}_z"]
        nodes.append(helper.make_node("QuantizeLinear", [source, *ends], [f"{name}_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_dq"]))
        return f"{name}_dq"

    def layer(op: str, source: str, name: str, before: str, shape: tuple[int, ...], **attributes: Any) -> str:
        scale = (np.exp(G.uniform(-1, 1, shape[0])) * 0.004).astype(np.float32)
        constants[f"{name}_w"] = G.integers(-127, 128, shape).astype(np.int8)
        constants[f"{name}_ws"], constants[f"{name}_wz"] = scale, np.zeros(shape[0], np.int8)
        constants[f"{name}_b"] = G.integers(-900, 900, shape[0]).astype(np.int32)
        constants[f"{name}_bs"] = (np.float32(SCALES[before]) * scale).astype(np.float32)
        constants[f"{name}_bz"] = np.zeros(shape[0], np.int32)
        for part in ("w", "b"):
            ins = [f"{name}_{part}", f"{name}_{part}s", f"{name}_{part}z"]
            nodes.append(helper.make_node("DequantizeLinear", ins, [f"{name}_{part}dq"], axis=0))
        ins = [source, f"{name}_wdq", f"{name}_bdq"]
        nodes.append(helper.make_node(op, ins, [f"{name}_o"], **attributes))
        return f"{name}_o"

    x = pair("x", "in")
    nodes.append(
        helper.make_node("Relu", [layer("Conv", x, "one", "x", (4, 3, 3, 3), strides=[2, 2])], ["r"])
    )
    a = pair("a", "r")
    same = {"pads": [1, 1, 1, 1], "group": 4}
    nodes.append(helper.make_node("Relu", [layer("Conv", a, "two", "a", (4, 1, 3, 3), **same)], ["r2"]))
    nodes.append(helper.make_node("Add", [a, pair("d", "r2")], ["sum"]))
    nodes.append(helper.make_node("Flatten", [pair("s", "sum")], ["flat"]))
    nodes.append(
        helper.make_node(
            "Identity", [pair("y", layer("Gemm", "flat", "last", "s", (5, 36), transB=1))], ["out"]
        )
    )
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def session(payload: bytes | str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(payload, options, providers=["CPUExecutionProvider"])


def test_every_grid_is_kept() -> None:
    model: ir.Model = ir.from_proto(qdq())
    canonicalize(model)
    kept = {round(high - low, 6) for low, high in declared_ranges(model).values()}
    assert kept >= {round(255 * scale, 6) for scale in SCALES.values()}


@pytest.mark.parametrize("target", ["cpu", "arm"])
def test_the_onnx_file_answers_bit_for_bit_as_its_source(target: str, tmp_path: Path) -> None:
    path = tmp_path / "source.onnx"
    onnx.save(qdq(), path)
    data = [G.standard_normal((1, 3, 8, 8)).astype(np.float32) * 1.5 for _ in range(200)]
    done = convert(
        path,
        output=tmp_path / "made.onnx",
        calibrate=data[:40],
        evaluate=data,
        scheme="static",
        target=target,
    )
    theirs, ours = session(str(path)), session(str(done.output))
    for sample in data:
        assert np.array_equal(theirs.run(None, {"in": sample})[0], ours.run(None, {"in": sample})[0])


def test_the_tflite_file_is_within_a_step_of_its_source(tmp_path: Path) -> None:
    path = tmp_path / "source.onnx"
    onnx.save(qdq(), path)
    data = [G.standard_normal((1, 3, 8, 8)).astype(np.float32) * 1.5 for _ in range(200)]
    done = convert(path, output=tmp_path / "made.tflite", calibrate=data[:40], evaluate=data, scheme="static")
    assert done.fidelity.outputs[0].max_abs_error <= SCALES["y"] * 1.01


def layers(signed: bool, axis: int, *, clipped: bool = False) -> onnx.ModelProto:
    """conv -> relu -> dense, as other tools export it, weights s8 with a scale per output.

    Args:
        signed: activations are int8 with a zero point of 0, as for symmetric targets; else uint8.
        axis: of the dense layer's outputs in its weights: 0 as [out, in], 1 as [in, out].
        clipped: weights pass a Clip to -127..127, as Brevitas writes them.
    """
    kind, zero = (np.int8, 0) if signed else (np.uint8, 113)
    constants: dict[str, Any] = {"lo": np.int8(-127), "hi": np.int8(127)}
    nodes: list[Any] = []

    def add(op: str, ins: list[str], out: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, ins, [out], name=out, **attributes))
        return out

    def pair(name: str, source: str, zero_point: int) -> str:
        constants[f"{name}_s"], constants[f"{name}_z"] = np.float32(SCALES[name]), kind(zero_point)
        add("QuantizeLinear", [source, f"{name}_s", f"{name}_z"], f"{name}_q")
        return add("DequantizeLinear", [f"{name}_q", f"{name}_s", f"{name}_z"], f"{name}_dq")

    def weight(name: str, shape: tuple[int, ...], along: int) -> str:
        constants[f"{name}_w"] = G.integers(-127, 128, shape).astype(np.int8)
        constants[f"{name}_s"] = np.exp(G.uniform(-6, -4, shape[along])).astype(np.float32)
        constants[f"{name}_z"] = np.zeros(shape[along], np.int8)
        source = add("Clip", [f"{name}_w", "lo", "hi"], f"{name}_c") if clipped else f"{name}_w"
        return add("DequantizeLinear", [source, f"{name}_s", f"{name}_z"], f"{name}_dq", axis=along)

    x = pair("x", "in", zero)
    add("Relu", [add("Conv", [x, weight("one", (4, 3, 3, 3), 0)], "conv")], "relu")
    flat = add("Flatten", [pair("a", "relu", 0)], "flat")
    shape = (5, 144) if axis == 0 else (144, 5)
    out = add("Gemm", [flat, weight("two", shape, axis)], "gemm", transB=1 - axis)
    add("Identity", [pair("y", out, zero)], "out")
    return model_of(nodes, constants, [1, 3, 8, 8], [1, 5])


def model_of(
    nodes: list[Any], constants: dict[str, Any], given: list[int], found: list[int], opset: int = 17
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, found)],
        [
            array if isinstance(array, onnx.TensorProto) else numpy_helper.from_array(np.asarray(array), name)
            for name, array in constants.items()
        ],
    )  # fmt: skip
    domains = sorted({"", *(node.domain for node in nodes)})
    opsets = [helper.make_opsetid(each, 1 if each else opset) for each in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10 if opset > 20 else 8)


def drawn(shape: tuple[int, ...], count: int) -> list[Any]:
    return [G.standard_normal(shape).astype(np.float32) for _ in range(count)]


def scales_in(path: Path) -> list[float]:
    """Of all the tensors of a written file that have one scale."""
    if path.suffix == ".onnx":
        model = onnx.load(path)
        held = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        scales = [held[node.input[1]] for node in model.graph.node if node.op_type == "QuantizeLinear"]
        return [float(each.reshape(-1)[0]) for each in scales]
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="reading .tflite needs LiteRT")
    details = litert.Interpreter(str(path)).get_tensor_details()
    return [float(each["quantization"][0]) for each in details]


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize(
    ("signed", "axis", "clipped"),
    [(False, 0, False), (False, 1, False), (True, 0, False), (True, 1, False), (True, 0, True)],
)
def test_scales_of_other_tools_are_in_the_file(
    signed: bool, axis: int, clipped: bool, suffix: str, tmp_path: Path
) -> None:
    source = layers(signed, axis, clipped=clipped)
    onnx.save(source, tmp_path / "source.onnx")
    data = drawn((1, 3, 8, 8), 60)
    done = convert(
        tmp_path / "source.onnx", output=tmp_path / f"made.{suffix}", calibrate=data[:20], evaluate=data,
        scheme="static",
    )  # fmt: skip
    found = np.array(scales_in(tmp_path / f"made.{suffix}"))
    for name in ("x", "a", "y"):
        assert np.isclose(found, SCALES[name], rtol=1e-6, atol=0).any(), f"{name}: {SCALES[name]} in {found}"
    assert done.fidelity.outputs[0].max_abs_error <= SCALES["y"] * 1.01
    theirs = session(source.SerializeToString())
    if suffix == "onnx":
        ours = session(str(done.output))
        far = [np.abs(theirs.run(None, {"in": x})[0] - ours.run(None, {"in": x})[0]).max() for x in data]
        assert max(far) <= SCALES["y"] * 1.01


def four_bits(domain: str, opset: int) -> onnx.ModelProto:
    """A dense layer whose weights are 4-bit integers."""
    weights = helper.make_tensor("w", TensorProto.INT4, [6, 12], G.integers(-8, 8, 72).tolist())
    zero = helper.make_tensor("wz", TensorProto.INT4, [6], [0] * 6)
    constants = {"w": weights, "ws": np.linspace(0.01, 0.03, 6).astype(np.float32), "wz": zero}
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], name="unpack", domain=domain, axis=0),
        helper.make_node("Gemm", ["in", "wd"], ["out"], name="dense", transB=1),
    ]
    return model_of(nodes, constants, [1, 12], [1, 6], opset)


def test_weights_of_4_bits_are_read_exactly(tmp_path: Path) -> None:
    onnx.save(four_bits("", 21), tmp_path / "source.onnx")
    data = drawn((1, 12), 40)
    done = convert(tmp_path / "source.onnx", output=tmp_path / "made.onnx", evaluate=data, scheme="float")
    assert done.fidelity.outputs[0].max_abs_error < 1e-5


def test_weights_of_4_bits_below_opset_21_are_refused_with_what_to_do(tmp_path: Path) -> None:
    onnx.save(four_bits("com.microsoft", 17), tmp_path / "source.onnx")
    with pytest.raises(ConversionError, match="4 and 16 bits need opset 21"):
        convert(tmp_path / "source.onnx", output=tmp_path / "made.onnx", scheme="float")
    assert not (tmp_path / "made.onnx").exists()


def test_ranges_of_16_bits_are_kept_and_their_steps_are_not(tmp_path: Path) -> None:
    constants = {
        "s": np.float32(1e-4), "z": np.uint16(30000), "w": G.standard_normal((6, 12)).astype(np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["in", "s", "z"], ["q"], name="q"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["x"], name="d"),
        helper.make_node("Gemm", ["x", "w"], ["out"], name="dense", transB=1),
    ]
    onnx.save(model_of(nodes, constants, [1, 12], [1, 6], 21), tmp_path / "source.onnx")
    data = drawn((1, 12), 40)
    done = convert(
        tmp_path / "source.onnx", output=tmp_path / "made.onnx", calibrate=data, scheme="static", gate="warn"
    )
    assert any("1 of these ranges had other than 8 bits" in note for note in done.notes)
    assert np.isclose(scales_in(done.output), 1e-4 * 65535 / 255, rtol=1e-5).any()


@pytest.mark.parametrize(
    ("domain", "op", "said"),
    [
        ("qonnx.custom_op.general", "Quant", r"Quant of domain .*export_onnx_qcdq"),
        ("onnx.brevitas", "Quant", r"Quant of domain .*export_onnx_qcdq"),
        ("org.openvinotoolkit", "FakeQuantize", r"FakeQuantize of domain .*nncf\.quantize\(onnx"),
    ],
)
def test_operators_that_tools_have_of_their_own_are_refused_with_what_to_export(
    domain: str, op: str, said: str, tmp_path: Path
) -> None:
    nodes = [helper.make_node(op, ["in", "s"], ["out"], name="rounds", domain=domain)]
    onnx.save(model_of(nodes, {"s": np.float32(0.1)}, [1, 4], [1, 4]), tmp_path / "source.onnx")
    with pytest.raises(UnsupportedOperator, match=said):
        convert(tmp_path / "source.onnx", output=tmp_path / "made.onnx", scheme="float")
    assert not (tmp_path / "made.onnx").exists()
