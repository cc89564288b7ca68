"""Models that onnxruntime quantized already: what comes out answers as they do.

Truth is the source in onnxruntime, optimizations off, and the float model that it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from sweep import swept

import edgemm
from edgemm.converters import convert
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.quantized import is_quantized, rounded, rounding_error
from edgemm.converters.prepare import prepare
from edgemm.inspection import inspect
from edgemm.quantize.reference import Reference
from edgemm.results import Tensors

Array = npt.NDArray[Any]
Sample = dict[str, Array]


class Network:
    """A small graph from x to y, its nodes as (operator, inputs, output, attributes)."""

    def __init__(self, shape: Sequence[int], *nodes: tuple[Any, ...], **constants: Any) -> None:
        made = [helper.make_node(op, ins, [out], **attributes) for op, ins, out, attributes in nodes]
        graph = helper.make_graph(
            made,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
        )
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        generator = np.random.default_rng(1)
        self.samples = [{"x": generator.standard_normal(shape).astype(np.float32)} for _ in range(12)]


def weights(*shape: int, seed: int = 0) -> Array:
    """Of a size that keeps what passes through them around 1."""
    drawn = np.random.default_rng(seed + len(shape) * 10 + shape[0]).standard_normal(shape)
    return np.asarray(drawn * 2 / np.sqrt(np.prod(shape[1:])), np.float32)


PICTURE = (1, 3, 8, 8)
FIRST = ("Conv", ["x", "w1", "b1"], "c", {"pads": [1] * 4})
FIRST_WEIGHTS = {"w1": weights(6, 3, 3, 3), "b1": weights(6) / 3}
HEAD: list[tuple[Any, ...]] = [
    ("GlobalAveragePool", ["p"], "g", {}),
    ("Flatten", ["g"], "f", {}),
]
NETWORKS: dict[str, Callable[[], Network]] = {
    "relu": lambda: Network(
        PICTURE,
        FIRST,
        ("Relu", ["c"], "r", {}),
        ("Conv", ["r", "w2"], "y", {}),
        w2=weights(4, 6, 1, 1),
        **FIRST_WEIGHTS,
    ),
    "clip": lambda: Network(
        PICTURE,
        FIRST,
        ("Clip", ["c", "low", "high"], "r", {}),
        ("Conv", ["r", "w2"], "y", {}),
        w2=weights(4, 6, 1, 1),
        low=np.float32(-0.5),
        high=np.float32(1.0),
        **FIRST_WEIGHTS,
    ),
    "transposed": lambda: Network(
        PICTURE,
        FIRST,
        ("Relu", ["c"], "r", {}),
        ("ConvTranspose", ["r", "w2"], "t", {"strides": [2, 2]}),
        ("Relu", ["t"], "u", {}),
        ("Conv", ["u", "w3"], "y", {}),
        w2=weights(6, 4, 3, 3),
        w3=weights(3, 4, 1, 1),
        **FIRST_WEIGHTS,
    ),
    "residual": lambda: Network(
        PICTURE,
        FIRST,
        ("Relu", ["c"], "r", {}),
        ("Conv", ["r", "w2"], "d", {"pads": [1] * 4}),
        ("Add", ["d", "r"], "a", {}),
        ("Relu", ["a"], "p", {}),
        *HEAD,
        ("Gemm", ["f", "w3", "b3"], "y", {"transB": 1}),
        w2=weights(6, 6, 3, 3),
        w3=weights(5, 6),
        b3=weights(5),
        **FIRST_WEIGHTS,
    ),
    "gemm": lambda: Network(
        (1, 16),
        ("Gemm", ["x", "w1", "b1"], "c", {}),
        ("Relu", ["c"], "r", {}),
        ("Gemm", ["r", "w2", "b2"], "y", {"transB": 1}),
        w1=weights(16, 24),
        b1=weights(24),
        w2=weights(5, 24),
        b2=weights(5),
    ),
    "matmul": lambda: Network(
        (1, 16),
        ("MatMul", ["x", "w1"], "m", {}),
        ("Relu", ["m"], "r", {}),
        ("MatMul", ["r", "w2"], "y", {}),
        w1=weights(16, 24),
        w2=weights(24, 5),
    ),
    "pools": lambda: Network(
        PICTURE,
        FIRST,
        ("Relu", ["c"], "r", {}),
        ("MaxPool", ["r"], "p", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Conv", ["p", "w2"], "d", {}),
        ("LeakyRelu", ["d"], "l", {"alpha": 0.1}),
        ("AveragePool", ["l"], "v", {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Reshape", ["v", "sizes"], "f", {}),
        ("Gemm", ["f", "w3", "b3"], "y", {"transB": 1}),
        w2=weights(6, 6, 1, 1),
        sizes=np.array([1, 24]),
        w3=weights(5, 24),
        b3=weights(5),
        **FIRST_WEIGHTS,
    ),
    "dense": lambda: Network(
        PICTURE,
        FIRST,
        ("Relu", ["c"], "r", {}),
        ("Conv", ["r", "w2"], "d", {}),
        ("Concat", ["r", "d"], "k", {"axis": 1}),
        ("Conv", ["k", "w3"], "y", {}),
        w2=weights(6, 6, 1, 1) * 3,
        w3=weights(4, 12, 1, 1),
        **FIRST_WEIGHTS,
    ),
    "gates": lambda: Network(
        PICTURE,
        FIRST,
        ("Sigmoid", ["c"], "s", {}),
        ("Mul", ["c", "s"], "m", {}),
        ("Conv", ["m", "w2"], "d", {}),
        ("Concat", ["d", "s"], "k", {"axis": 1}),
        ("Conv", ["k", "w3"], "y", {}),
        w2=weights(6, 6, 1, 1),
        w3=weights(4, 12, 1, 1),
        **FIRST_WEIGHTS,
    ),
}  # fmt: skip

ON_OTHER_GRIDS = {"pools", "gates", ("transposed", "QOperator")}
"""A pool and a Concat have one grid in and out here, a sigmoid a prescribed one; onnxruntime has no ConvTranspose of
its own on integers. The source's grids cannot all be kept, and what is on two grids is rounded twice."""


class Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, samples: Sequence[Sample]) -> None:
        self._left = iter(samples)

    def get_next(self) -> Sample | None:
        return next(self._left, None)


def answers(path: Path, samples: Sequence[Sample]) -> Array:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, sample)[0] for sample in samples])


def converted(source: Path, output: Path, samples: Sequence[Sample], scheme: Any, like: Array) -> Array:
    """What the file answers, read as anybody reads it, in the layout of the source."""
    convert(source, output=output, calibrate=samples, scheme=scheme, gate="off", repair="off")
    model = edgemm.load(output)
    found = []
    for sample in samples:
        x = sample["x"]
        if model.inputs[0].shape != x.shape:
            x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        result = model({model.inputs[0].name: x})
        assert isinstance(result, Tensors)
        y = result.values["y"]
        found.append(y if y.shape == (1, *like.shape[1:]) else y.transpose(0, 3, 1, 2))
    return np.concatenate(found)


def decibels(truth: Array, found: Array) -> float:
    noise = float(np.square(truth - found, dtype=np.float64).sum())
    return 10 * float(np.log10(np.square(truth, dtype=np.float64).sum() / max(noise, 1e-12)))


def output_step(source: Path) -> float:
    """The scale of the source's last grid; QGemm may end without one."""
    model = onnx.load(source)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    last = next(node for node in model.graph.node if node.output[0] == "y")
    return float(constants[last.input[1]])


FORMS = ((QuantFormat.QDQ, QuantType.QInt8), (QuantFormat.QOperator, QuantType.QUInt8))


@pytest.fixture(params=FORMS)
def quantized(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Network], tuple[Path, Path, str]]:
    """Writes a network and what onnxruntime's quantizer makes of it."""
    form, activations = request.param

    def write(network: Network) -> tuple[Path, Path, str]:
        plain, path = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
        onnx.save(network.model, plain)
        quantize_static(
            plain,
            path,
            Reader(network.samples),
            quant_format=form,
            activation_type=activations,
            weight_type=QuantType.QInt8,
            per_channel=form is QuantFormat.QDQ,
        )
        return plain, path, form.name

    return write


# Every network in one of the forms, the forms by turns.
IN_FORMS = [(name, FORMS[(at + turn) % 2]) for turn in range(2) for at, name in enumerate(NETWORKS)]


@pytest.mark.parametrize(("name", "quantized"), swept(IN_FORMS, slice(len(NETWORKS))), indirect=["quantized"])
def test_a_quantized_source_keeps_what_its_grids_clip(name: str, quantized: Any, tmp_path: Path) -> None:
    network = NETWORKS[name]()
    plain, source, form = quantized(network)
    truth, wanted = answers(plain, network.samples), answers(source, network.samples)
    of_the_source = decibels(truth, wanted)
    for scheme in ("float", "static", "dynamic"):
        for format_ in ("tflite", "onnx"):
            found = converted(source, tmp_path / f"out.{format_}", network.samples, scheme, truth)
            # XNNPACK changes a grid by a factor of 8 bits: one step more
            kept = not {name, (name, form)} & ON_OTHER_GRIDS
            least = of_the_source - (3.0 if name == "pools" else 1.0)  # AveragePool has one grid in and out
            assert decibels(truth, found) >= least, (scheme, format_)
            assert decibels(wanted, found) >= of_the_source - 3.0, (scheme, format_)  # as noisy as itself
            if scheme == "static" and kept and (name, format_) != ("dense", "tflite"):
                worst = float(np.abs(found - wanted).max())
                assert worst <= output_step(source) * 1.001, format_


def operators(path: Path) -> list[str]:
    return [each.name for each in inspect(path).operators]


@pytest.mark.parametrize("name", ["relu", "clip", "transposed", "residual", "dense"])
def test_what_a_grid_cuts_off_costs_no_operator(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]()
    plain, source = tmp_path / "float.onnx", tmp_path / "quantized.onnx"
    onnx.save(network.model, plain)
    quantize_static(plain, source, Reader(network.samples), per_channel=True)
    for format_ in ("tflite", "onnx"):
        output = tmp_path / f"out.{format_}"
        convert(source, output=output, calibrate=network.samples, scheme="static", gate="off", repair="off")
        assert {"Clip", "MAXIMUM", "MINIMUM", "RELU"} & set(operators(output)) == set()
        assert b"edgemm.grid" not in output.read_bytes()


def pair(value: str, name: str, point: str = "point") -> list[tuple[Any, ...]]:
    """A value on a grid: QuantizeLinear and DequantizeLinear, by the scale NAME_s."""
    return [
        ("QuantizeLinear", [value, f"{name}_s", point], f"{name}_q", {}),
        ("DequantizeLinear", [f"{name}_q", f"{name}_s", point], name, {}),
    ]


def _learned(last: str, *, signed: bool) -> Network:
    """Grids that are narrower than the values, weights that do not fill theirs, as training leaves them."""
    kind, zero = (np.int8, -128) if signed else (np.uint8, 0)
    middle = kind(128 + zero)
    generator = np.random.default_rng(5)

    def layer(name: str, *shape: int) -> dict[str, Any]:
        return {
            f"{name}_i": generator.integers(-90, 91, shape).astype(np.int8),
            f"{name}_s": np.linspace(
                0.003, 0.006, shape[0 if name == "w" or last == "Conv" else 1], dtype="f"
            ),
        }

    axis = 0 if last == "Conv" else 1
    shape = (4, 6, 2, 2) if last == "Conv" else (6, 4, 2, 2)
    constants = {**layer("w", 6, 3, 3, 3), **layer("v", *shape)}
    constants |= {"w_z": np.zeros(6, np.int8), "v_z": np.zeros(4, np.int8)}
    constants |= {"d_s": np.float32(0.02), "e_s": np.float32(1.5 / 255), "y_s": np.float32(0.021)}
    return Network(
        PICTURE,
        *pair("x", "d", "middle"),
        ("DequantizeLinear", ["w_i", "w_s", "w_z"], "wr", {"axis": 0}),
        ("Conv", ["d", "wr"], "c", {"pads": [1] * 4}),
        *pair("c", "e", "zero"),
        ("DequantizeLinear", ["v_i", "v_s", "v_z"], "vr", {"axis": axis}),
        (last, ["e", "vr"], "u", {"strides": [2, 2]} if last == "ConvTranspose" else {}),
        *pair("u", "y", "middle"),
        middle=middle,
        zero=kind(zero),
        **constants,
    )


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_a_reader_in_float_sees_what_the_grid_left(format_: str, tmp_path: Path) -> None:
    """exp(x) is cut off at 2.55, for the convolution and for the cosine behind it."""
    network = Network(
        PICTURE,
        ("Exp", ["x"], "e", {}),
        *pair("e", "d"),
        ("Conv", ["d", "w"], "c", {}),
        ("Cos", ["d"], "f", {}),
        ("Add", ["c", "f"], "y", {}),
        point=np.uint8(0),
        d_s=np.float32(0.01),
        w=weights(3, 3, 1, 1),
    )
    source = tmp_path / "source.onnx"
    onnx.save(network.model, source)
    wanted = answers(source, network.samples)
    found = converted(source, tmp_path / f"out.{format_}", network.samples, "static", wanted)
    assert decibels(wanted, found) > 35  # two more roundings to 8 bits: 40 and more


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_a_value_that_is_joined_on_a_wider_grid_changes_to_it(format_: str, tmp_path: Path) -> None:
    """It saturates on its own grid as it is stored; a convolution reads it too, and adds a bias."""
    network = Network(
        PICTURE,
        *pair("x", "a"),
        ("Conv", ["a", "w"], "c", {}),
        *pair("c", "b"),
        ("Conv", ["b", "w", "bias"], "d", {}),
        *pair("d", "e"),
        ("Concat", ["b", "e"], "k", {"axis": 1}),
        ("Conv", ["k", "v"], "y", {}),
        point=np.uint8(128),
        a_s=np.float32(0.03),
        b_s=np.float32(0.01),
        e_s=np.float32(0.06),
        w=weights(3, 3, 1, 1),
        v=weights(2, 6, 1, 1),
        bias=np.array([3, -3, 2], np.float32),
    )
    source = tmp_path / "source.onnx"
    onnx.save(network.model, source)
    wanted = answers(source, network.samples)
    found = converted(source, tmp_path / f"out.{format_}", network.samples, "static", wanted)
    assert decibels(wanted, found) > 30
    assert not {"MAXIMUM", "MINIMUM"} & set(operators(tmp_path / f"out.{format_}"))


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_limits_at_the_ends_of_no_grid_are_kept_by_operators(format_: str, tmp_path: Path) -> None:
    """A sigmoid has a grid to 1, a Concat without one of its own that of all its inputs, here to 5; the source cuts
    the sigmoid off at a half."""
    network = Network(
        PICTURE,
        *pair("x", "a", "middle"),
        ("Conv", ["a", "w"], "c", {}),
        *pair("c", "b", "middle"),
        ("Sigmoid", ["b"], "s", {}),
        *pair("s", "d", "point"),
        ("Concat", ["b", "d"], "k", {"axis": 1}),
        ("Conv", ["k", "v"], "y", {}),
        point=np.uint8(0),
        middle=np.uint8(128),
        a_s=np.float32(0.03),
        b_s=np.float32(0.04),
        d_s=np.float32(0.5 / 255),
        w=weights(3, 3, 1, 1),
        v=np.array([0.1, 0.1, 0.1, 5, 5, 5], np.float32).reshape(1, 6, 1, 1),
    )
    source = tmp_path / "source.onnx"
    onnx.save(network.model, source)
    wanted = answers(source, network.samples)
    found = converted(source, tmp_path / f"out.{format_}", network.samples, "static", wanted)
    assert decibels(wanted, found) > 25  # steps of 0.04 on numbers of a half


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("last", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_learned_grids_are_kept_to_the_last_bit(
    format_: str, last: str, signed: bool, tmp_path: Path
) -> None:
    """Kernels round products of scales where the source divides real numbers: one step, here and there."""
    network = _learned(last, signed=signed)
    source = tmp_path / "learned.onnx"
    onnx.save(network.model, source)
    wanted = answers(source, network.samples)
    found = converted(source, tmp_path / f"out.{format_}", network.samples, "static", wanted)
    off = np.abs(found - wanted) / output_step(source)
    assert off.max() <= 1.001
    assert (off > 0.5).mean() < 0.001


def test_the_graph_with_its_rounding_put_back_is_the_source(quantized: Any) -> None:
    network = NETWORKS["residual"]()
    _, source, _ = quantized(network)
    model = ir.load(source)
    assert is_quantized(model)
    canonicalize(model)
    again = Reference(rounded(model), optimize=False)
    found = np.concatenate([again.run(sample)["y"] for sample in network.samples])
    np.testing.assert_allclose(found, answers(source, network.samples), atol=1e-6)
    plain = Reference(model, optimize=False)
    far = max(float(np.abs(plain.run(s)["y"] - again.run(s)["y"]).max()) for s in network.samples)
    assert rounding_error(model, network.samples) == {"y": pytest.approx(far)}


def test_rounding_while_running_is_put_back_as_well(tmp_path: Path) -> None:
    network = NETWORKS["matmul"]()
    onnx.save(network.model, tmp_path / "float.onnx")
    quantize_dynamic(tmp_path / "float.onnx", tmp_path / "dynamic.onnx")
    model = ir.load(tmp_path / "dynamic.onnx")
    canonicalize(model)
    again = Reference(rounded(model), optimize=False)
    found = np.concatenate([again.run(sample)["y"] for sample in network.samples])
    np.testing.assert_allclose(found, answers(tmp_path / "dynamic.onnx", network.samples), atol=1e-5)
    assert rounding_error(model, network.samples)["y"] > 1e-3


def test_a_float_model_rounds_nowhere() -> None:
    network = NETWORKS["gemm"]()
    model: ir.Model = ir.from_proto(network.model)
    model.graph.outputs[0].shape = ir.Shape((1, 5))
    assert not is_quantized(model)
    canonicalize(model)
    assert rounding_error(model, network.samples) == {"y": 0.0}


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_a_float_file_of_a_source_that_rounds_coarsely_holds_no_gate(format_: str, tmp_path: Path) -> None:
    """Grids of 0.5 are 17 dB of noise that a float file does not have."""
    text = (
        '<ir_version: 8, opset_import: ["": 17]> g (float[1,64] x) => (float[1,64] y) <float s = {0.5}, int8 z = {0}>'
        "{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = Neg(d) }"
    )
    onnx.save(onnx.parser.parse_model(text), tmp_path / "coarse.onnx")
    done = convert(tmp_path / "coarse.onnx", output=tmp_path / f"made.{format_}", scheme="float")
    assert 10 < done.fidelity.worst_db < 20
    assert any("the source rounds to integers" in note for note in done.notes)
    x = np.linspace(-3, 3, 64, dtype=np.float32)[None]
    with edgemm.load(done.output) as model:
        np.testing.assert_allclose(model.run({"x": x})["y"], -x, rtol=1e-6)


def test_half_precision_is_no_rounding_to_integers(tmp_path: Path) -> None:
    """So a float file of such a source holds its gate."""
    half = (
        '<ir_version: 8, opset_import: ["": 17]> g (float16[1,4] x) => (float16[1,4] y) <float16 k = {3}>'
        "{ y = Mul(x, k) }"
    )
    onnx.save(onnx.parser.parse_model(half), tmp_path / "half.onnx")
    found = prepare(tmp_path / "half.onnx")
    assert (found.rounds, found.quantized) == (True, False)


def test_a_gate_that_warns_says_what_is_missed_and_nothing_else(tmp_path: Path) -> None:
    text = (
        '<ir_version: 8, opset_import: ["": 17]> g (float[1,64] x) => (float[1,64] y) <float s = {0.5}, int8 z = {0}>'
        "{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = Neg(d) }"
    )
    onnx.save(onnx.parser.parse_model(text), tmp_path / "coarse.onnx")
    done = convert(tmp_path / "coarse.onnx", output=tmp_path / "made.onnx", scheme="float", gate="warn")
    assert any("gate missed" in note for note in done.notes)
    assert not any("No gate is held" in note for note in done.notes)
