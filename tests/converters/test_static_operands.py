"""Static files of operators whose operands are not all data, against the source in onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgemm.converters.onnx_writer import check_onnx, write_onnx
from edgemm.converters.passes import canonicalize
from edgemm.converters.tflite import check_tflite, write_tflite
from edgemm.converters.tflite.expand import expand_for_tflite
from edgemm.quantize import calibrate, check_plan, make_plan

Array = npt.NDArray[Any]


def normal(*shape: int, seed: int = 0, scale: float = 0.4) -> Array:
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def points(size: int, *more: Array) -> Array:
    """The places of a picture's pixels, x before y, -1 to 1."""
    line = np.linspace(-1, 1, size)
    return np.stack([*np.meshgrid(line, line), *more], -1).astype(np.float32)


HEAD = {"wt": normal(6, 4, scale=0.3), "bt": np.array([0.9, 0, 0.1, 0, 1.1, -0.1], np.float32)}
WARP = """q = GlobalAveragePool(a)  f = Flatten(q)  t = Gemm<transB=1>(f, wt, bt)  m = Reshape(t, turn)
    p = MatMul(at, m)  g = Reshape(p, picture)  s = GridSample(a, g)  y = Conv(s, v)"""
FLOW = """o = Conv<pads=[1,1,1,1]>(a, wo)  u = Transpose<perm=[0,2,3,1]>(o)  g = Add(u, at)
    s = GridSample(a, g)  y = Conv(s, v)"""
LAST = {"v": normal(5, 4, 1, 1, seed=3)}

CASES: dict[str, tuple[int, str, dict[str, Any], float]] = {
    "places by a small head": (
        17,
        f"(float[1,5,16,16] y) {WARP}",
        {
            **HEAD, **LAST, "turn": ints(1, 3, 2), "picture": ints(1, 16, 16, 2),
            "at": points(16, np.ones((16, 16))).reshape(1, 256, 3),
        },
        30.0,
    ),
    "places by a convolution": (
        17,
        f"(float[1,5,16,16] y) {FLOW}",
        {**LAST, "wo": normal(2, 4, 3, 3, scale=0.05), "at": points(16)[None]},
        28.0,
    ),
    "offsets of a kernel": (
        19,
        """(float[1,4,16,16] y) o = Conv<pads=[1,1,1,1]>(a, wo)
            y = DeformConv<kernel_shape=[3,3], pads=[1,1,1,1]>(a, wd, o)""",
        {"wo": normal(18, 4, 3, 3, scale=0.2), "wd": normal(4, 4, 3, 3)},
        26.0,
    ),
    "rows of a table": (
        17,
        """(float[1,1,8] y) q = GlobalAveragePool(a)  f = Flatten(q)  h = Gemm<transB=1>(f, w1, b1)  s = Sigmoid(h)
            n = Mul(s, last)  i = Cast<to=7>(n)  y = Gather(table, i)""",
        {
            "w1": normal(1, 4, scale=3), "b1": np.array([-0.5], np.float32), "last": np.float32(999),
            "table": np.cumsum(normal(1000, 8, scale=0.1), 0),
        },
        24.0,
    ),
    "a remainder": (
        17,
        "(float[1,5,16,16] y) s = Mod<fmod=1>(a, c)  y = Conv(s, v)",
        {**LAST, "c": np.float32(50)},
        30.0,
    ),
    "the variance of a norm": (
        17,
        "(float[1,5,16,16] y) s = LayerNormalization<axis=-1>(a, f)  y = Conv(s, v)",
        {**LAST, "f": np.ones(16, np.float32)},
        27.0,
    ),
    "the length of a vector": (
        17,
        "(float[1,5,16,16] y) s = LpNormalization<axis=1>(a)  y = Conv(s, v)",
        LAST,
        22.0,  # also in .onnx, whose norm is float: some vectors are short
    ),
    "a norm written out": (
        17,
        """(float[1,5,16,16] y) u = Mul(a, a)  m = ReduceMean<axes=[3]>(u)  n = Add(m, small)  r = Sqrt(n)
            s = Div(a, r)  y = Conv(s, v)""",
        {**LAST, "small": np.float32(1e-5)},
        27.0,
    ),
    "a logarithm": (
        17,
        "(float[1,5,16,16] y) u = Mul(a, c)  w = Softmax<axis=1>(u)  s = Log(w)  y = Conv(s, v)",
        {**LAST, "c": np.float32(8)},
        30.0,
    ),
    "limits, a fill, scales": (
        17,
        """(float[1,5,34,34] y) c = Clip(a, low, high)  r = Resize<mode="nearest">(c, none, scales)
            p = Pad(r, pads, fill)  y = Conv(p, v)""",
        {
            **LAST, "low": np.float32(-100), "high": np.float32(0.8), "none": np.zeros(0, np.float32),
            "scales": np.array([1, 1, 2, 2], np.float32), "pads": ints(0, 0, 1, 1, 0, 0, 1, 1),
            "fill": np.float32(-0.5),
        },
        30.0,
    ),
}  # fmt: skip
"""Opset, what stands behind a convolution `a` of a picture, constants, and the least signal to noise in dB: what int8
convolutions leave, less 3 to 6; a place off by a step of its range leaves 1 to 20."""


def network(name: str) -> onnx.ModelProto:
    opset, text, constants, _ = CASES[name]
    output, body = text.split(" y) ", 1)
    proto = onnx.parser.parse_model(f"""<ir_version: 8, opset_import: ["": {opset}]>
        g (float[1,3,16,16] x) => {output} y) {{ c0 = Conv<pads=[1,1,1,1]>(x, w0, b0)  a = Relu(c0)  {body} }}""")
    arrays = {"w0": normal(4, 3, 3, 3), "b0": normal(4), **constants}
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items())
    return proto


def samples() -> list[dict[str, Array]]:
    random = np.random.default_rng(5)
    return [{"x": random.uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)} for _ in range(12)]


def run_onnx(payload: bytes) -> list[Array]:
    session = ort.InferenceSession(payload, providers=["CPUExecutionProvider"])
    return [session.run(None, sample)[0] for sample in samples()]


def run_tflite(file: Any) -> list[Array]:
    interpreter = Interpreter(model_content=file.payload, num_threads=1)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for sample in samples():
        interpreter.set_tensor(source, file.inputs[0].spec.quantize(sample["x"].transpose(0, 2, 3, 1)))
        interpreter.invoke()
        real = file.outputs[0].spec.dequantize(interpreter.get_tensor(result))
        order = file.outputs[0].permutation
        found.append(real if order is None else real.transpose(np.argsort(order)))
    return found


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
@pytest.mark.parametrize("name", CASES)
def test_a_static_file_reads_them_as_they_are(name: str, format_: str) -> None:
    proto = network(name)
    model: ir.Model = ir.from_proto(proto)
    canonicalize(model)
    if format_ == "tflite":
        expand_for_tflite(model)
    plan = make_plan(model, calibrate(model, samples()), scheme="static")
    check_plan(model, plan)
    if format_ == "onnx":
        payload = write_onnx(model, plan).payload
        check_onnx(payload)
        found = run_onnx(payload)
    else:
        file = write_tflite(model, plan)
        check_tflite(file.payload)
        found = run_tflite(file)
    truth = np.stack(run_onnx(proto.SerializeToString())).astype(np.float64)
    noise = np.square(truth - np.stack(found)).sum()
    assert 10 * np.log10(np.square(truth).sum() / noise) > CASES[name][3]
