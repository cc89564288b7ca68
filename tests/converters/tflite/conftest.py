"""Networks from ONNX text, and the runtimes that judge what was written of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgemm.converters.passes import canonicalize
from edgemm.converters.tflite import TfliteFile, check_tflite, write_tflite
from edgemm.quantize import Plan, Range, calibrate, make_plan

Array = npt.NDArray[Any]
Sample = dict[str, Array]

KERNELS = {
    "xnnpack": OpResolverType.AUTO,
    "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
}
"""The two sets of kernels that LiteRT runs a file with."""


class Network:
    """A canonical graph, what it was made from, and everything that the tests ask about it."""

    def __init__(self, text: str, seed: int = 7, **constants: Array) -> None:
        proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
        self._random = np.random.default_rng(seed)
        declared = {name: np.asarray(array) for name, array in constants.items()}
        proto.graph.initializer.extend(
            onnx.numpy_helper.from_array(array, name) for name, array in declared.items()
        )
        self.model: ir.Model = ir.from_proto(proto)
        canonicalize(self.model)
        self.samples = [self._sample() for _ in range(16)]

    def _sample(self) -> Sample:
        return {
            str(value.name): self._random.standard_normal(value.shape.numpy()).astype(np.float32)
            for value in self.model.graph.inputs
            if value.shape is not None
        }

    def float_plan(self) -> Plan:
        """Everything in float."""
        return make_plan(self.model, None, scheme="float")

    def dynamic_plan(self) -> Plan:
        """int8 weights where that has a form."""
        return make_plan(self.model, None, scheme="dynamic")

    def static_plan(self, **options: Any) -> Plan:
        """Integer, calibrated on the network's own samples."""
        ranges: dict[str, Range] | None = options.pop("input_ranges", None)
        return make_plan(
            self.model, calibrate(self.model, self.samples), scheme="static", input_ranges=ranges, **options
        )

    def write(self, plan: Plan, **options: Any) -> TfliteFile:
        """The checked file."""
        written = write_tflite(self.model, plan, **options)
        check_tflite(written.payload)
        return written


def run_tflite(file: TfliteFile, sample: Sample, kernels: str = "xnnpack") -> list[Array]:
    """What the file computes of a sample in ONNX's layout: real numbers in ONNX's layout."""
    interpreter = Interpreter(
        model_content=file.payload, num_threads=1, experimental_op_resolver_type=KERNELS[kernels]
    )
    interpreter.allocate_tensors()
    entries = {entry["name"]: entry["index"] for entry in interpreter.get_input_details()}
    for port, array in zip(file.inputs, sample.values(), strict=True):
        moved = array if port.permutation is None else array.transpose(port.permutation)
        interpreter.set_tensor(entries[port.spec.name], port.spec.quantize(moved))
    interpreter.invoke()
    found = {entry["name"]: entry["index"] for entry in interpreter.get_output_details()}
    outputs = []
    for port in file.outputs:
        real = port.spec.dequantize(interpreter.get_tensor(found[port.spec.name]))
        outputs.append(real if port.permutation is None else real.transpose(np.argsort(port.permutation)))
    return outputs


def operator_codes(file: TfliteFile) -> list[str]:
    """Names of the operators, in order."""
    interpreter = Interpreter(model_content=file.payload, experimental_op_resolver_type=KERNELS["builtin"])
    return [entry["op_name"] for entry in interpreter._get_ops_details() if entry["op_name"] != "DELEGATE"]


def normal(*shape: int, seed: int = 0, scale: float = 0.3) -> Array:
    """Seeded weights."""
    return (np.random.default_rng([seed, *shape]).standard_normal(shape) * scale).astype(np.float32)


CONV = "kernel_shape=[3,3], pads=[1,1,1,1]"
ZERO, SIX = np.float32(0), np.float32(6)


def ints(*values: int) -> Array:
    """A constant of int64: a shape, axes, pads."""
    return np.array(values, np.int64)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": (
        f"""g (float[1,3,16,16] x) => (float[1,10] y) {{
            a = Conv<{CONV}>(x, w1, b1)  b = Relu(a)  c = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b)
            d = Conv<{CONV}>(c, w2, b2)  e = Relu(d)  f = Flatten(e)
            h = Gemm<transB=1>(f, w3, b3)  y = Softmax(h) }}""",
        {
            "w1": normal(8, 3, 3, 3), "b1": normal(8), "w2": normal(16, 8, 3, 3), "b2": normal(16),
            "w3": normal(10, 1024, scale=0.05), "b3": normal(10),
        },
    ),
    "mobilenet": (
        f"""g (float[1,3,16,16] x) => (float[1,5] y) {{
            a = Conv<{CONV}, strides=[2,2]>(x, w0, b0)  a6 = Clip(a, low, high)
            e = Conv<kernel_shape=[1,1]>(a6, w1, b1)  e6 = Clip(e, low, high)
            d = Conv<{CONV}, group=16>(e6, w2, b2)  d6 = Clip(d, low, high)
            p = Conv<kernel_shape=[1,1]>(d6, w3, b3)  s = Add(p, a6)
            q = GlobalAveragePool(s)  f = Flatten(q)  y = Gemm<transB=1>(f, w4, b4) }}""",
        {
            "w0": normal(8, 3, 3, 3), "b0": normal(8), "w1": normal(16, 8, 1, 1), "b1": normal(16),
            "w2": normal(16, 1, 3, 3), "b2": normal(16), "w3": normal(8, 16, 1, 1), "b3": normal(8),
            "w4": normal(5, 8), "b4": normal(5), "low": ZERO, "high": SIX,
        },
    ),
    "residual": (
        f"""g (float[1,4,8,8] x) => (float[1,4,8,8] y) {{
            a = Conv<{CONV}>(x, w1, b1)  r = Relu(a)  c = Conv<{CONV}>(r, w2, b2)
            s = Add(c, x)  y = Relu(s) }}""",
        {"w1": normal(4, 4, 3, 3), "b1": normal(4), "w2": normal(4, 4, 3, 3, seed=1), "b2": normal(4)},
    ),
    "audio": (
        """g (float[1,4,40] x) => (float[1,3] y) {
            a = Conv<kernel_shape=[5], pads=[2,2]>(x, w1, b1)  b = Relu(a)
            c = MaxPool<kernel_shape=[2], strides=[2]>(b)  d = Conv<kernel_shape=[3], pads=[1,1]>(c, w2, b2)
            s = Add(d, c)  e = Relu(s)  q = GlobalAveragePool(e)  f = Flatten(q)
            y = Gemm<transB=1>(f, w3, b3) }""",
        {
            "w1": normal(6, 4, 5), "b1": normal(6), "w2": normal(6, 6, 3), "b2": normal(6),
            "w3": normal(3, 6), "b3": normal(3),
        },
    ),
    "squeeze_excite": (
        f"""g (float[1,4,8,8] x) => (float[1,8,8,8] y) {{
            a = Conv<{CONV}>(x, w1, b1)  r = Relu(a)  q = GlobalAveragePool(r)
            c = Conv<kernel_shape=[1,1]>(q, w2, b2)  d = Relu(c)
            e = Conv<kernel_shape=[1,1]>(d, w3, b3)  s = Sigmoid(e)  y = Mul(r, s) }}""",
        {
            "w1": normal(8, 4, 3, 3), "b1": normal(8), "w2": normal(2, 8, 1, 1), "b2": normal(2),
            "w3": normal(8, 2, 1, 1), "b3": normal(8),
        },
    ),
    "shuffle": (
        f"""g (float[1,3,8,6] x) => (float[1,6,8,6] y) {{
            a = Conv<{CONV}>(x, w1, b1)  r = Reshape(a, split)  t = Transpose<perm=[0,2,1,3,4]>(r)
            u = Reshape(t, joined)  y = Conv<{CONV}>(u, w2, b2) }}""",
        {
            "w1": normal(4, 3, 3, 3), "b1": normal(4), "w2": normal(6, 4, 3, 3), "b2": normal(6),
            "split": ints(1, 2, 2, 8, 6), "joined": ints(1, 4, 8, 6),
        },
    ),
}  # fmt: skip
"""Networks of several layers."""


def after_conv(shape: str, node: str) -> str:
    """A convolution from 3 channels to 4 over 8x6, and one operator behind it."""
    return f"g (float[1,3,8,6] x) => (float[{shape}] y) {{ a = Conv<{CONV}>(x, w, b)  {node} }}"


def with_conv(**constants: Any) -> dict[str, Any]:
    """Its weights, and the operator's constants."""
    return {"w": normal(4, 3, 3, 3), "b": normal(4), **constants}


def conv(inputs: str, outputs: str, attributes: str, *kernel: int) -> tuple[str, dict[str, Any]]:
    """One convolution."""
    text = f"g (float[{inputs}] x) => (float[{outputs}] y) {{ y = Conv<{attributes}>(x, w, b) }}"
    return text, {"w": normal(*kernel), "b": normal(kernel[0])}


def pool(node: str, size: int = 10, out: int = 5) -> tuple[str, dict[str, Any]]:
    """One pool over a square of 3 channels."""
    return f"g (float[1,3,{size},{size}] x) => (float[1,3,{out},{out}] y) {{ y = {node}(x) }}", {}


S2 = "kernel_shape=[3,3], strides=[2,2]"
D2 = "kernel_shape=[3,3], pads=[2,2,2,2], dilations=[2,2]"
CASES |= {
    "conv_same": conv("1,4,12,12", "1,8,6,6", f"{S2}, pads=[0,0,1,1], group=4", 8, 1, 3, 3),
    "conv_padded_both_sides": conv("1,4,12,12", "1,4,6,6", f"{S2}, pads=[1,1,1,1], group=4", 4, 1, 3, 3),
    "conv_odd_pads": conv("1,3,10,9", "1,4,12,9", "kernel_shape=[3,2], pads=[3,0,1,1]", 4, 3, 3, 2),
    "conv_dilated": conv("1,3,14,14", "1,5,14,14", D2, 5, 3, 3, 3),
    "depthwise_dilated": conv("1,6,14,14", "1,6,14,14", f"{D2}, group=6", 6, 1, 3, 3),
    "depthwise_unequal_strides": conv(
        "1,4,11,13", "1,4,9,6", "kernel_shape=[3,3], strides=[1,2], group=4", 4, 1, 3, 3
    ),
    "conv_grouped": conv("1,6,10,10", "1,8,10,10", f"{CONV}, group=2", 8, 3, 3, 3),
    "max_pool_padded": pool(f"MaxPool<{S2}, pads=[1,1,1,1]>"),
    "max_pool_ceil": pool(f"MaxPool<{S2}, ceil_mode=1>"),
    "average_pool_same": pool(f"AveragePool<{CONV}>", 9, 9),
    "average_pool_ceil": pool(f"AveragePool<{S2}, ceil_mode=1>"),
    "average_pool_corrected": pool(f"AveragePool<{S2}, pads=[1,1,1,1]>"),
    "average_pool_counting": pool(f"AveragePool<{S2}, pads=[1,1,1,1], count_include_pad=1>"),
    "global_max": (after_conv("1,4,1,1", "y = GlobalMaxPool(a)"), with_conv()),
    "concat": (after_conv("1,7,8,6", "r = Relu(a)  y = Concat<axis=1>(r, x)"), with_conv()),
    "softmax_channels": (after_conv("1,4,8,6", "y = Softmax<axis=1>(a)"), with_conv()),
    "softmax_height": (after_conv("1,4,8,6", "y = Softmax<axis=2>(a)"), with_conv()),
    "softmax_width": (after_conv("1,4,8,6", "y = Softmax<axis=3>(a)"), with_conv()),
    "leaky_relu": (after_conv("1,4,8,6", "y = LeakyRelu<alpha=0.1>(a)"), with_conv()),
    "prelu": (after_conv("1,4,8,6", "y = PRelu(a, s)"), with_conv(s=np.abs(normal(4, 1, 1)))),
    "tanh": (after_conv("1,4,8,6", "y = Tanh(a)"), with_conv()),
    "hard_swish": (after_conv("1,4,8,6", "y = HardSwish(a)"), with_conv()),
    "clip": (after_conv("1,4,8,6", "y = Clip(a, l, h)"), with_conv(l=np.float32(-0.4), h=np.float32(0.7))),
    "scaled": (after_conv("1,4,8,6", "r = Relu(a)  y = Mul(r, c)"), with_conv(c=normal(4, 1, 1))),
    "pad_value": (
        "g (float[1,3,8,8] x) => (float[1,3,9,10] y) { y = Pad(x, p, v) }",
        {"p": ints(0, 0, 1, 0, 0, 0, 0, 2), "v": np.float32(1.5)},
    ),
    "slice": (
        after_conv("1,2,8,3", "y = Slice(a, s, e, d, t)"),
        with_conv(s=ints(1, 0), e=ints(3, 6), d=ints(1, 3), t=ints(1, 2)),
    ),
    "mean_of_width": (after_conv("1,4,8", "y = ReduceMean<axes=[3], keepdims=0>(a)"), with_conv()),
    "mean_of_channels": (after_conv("1,8,6", "y = ReduceMean<axes=[1], keepdims=0>(a)"), with_conv()),
    "transpose": (after_conv("1,6,4,8", "y = Transpose<perm=[0,3,1,2]>(a)"), with_conv()),
    "reshape": (after_conv("1,2,2,48", "y = Reshape(a, s)"), with_conv(s=ints(1, 2, 2, 48))),
    "flatten_tanh_dense": (
        after_conv("1,5", "f = Flatten(a)  t = Tanh(f)  y = Gemm<transB=1>(t, w2, b2)"),
        with_conv(w2=normal(5, 192), b2=normal(5)),
    ),
    "lower_rank_addend": (
        """g (float[1,4,6,6] x, float[6] z) => (float[1,4,6,6] y) {
            a = Conv<kernel_shape=[1,1]>(x, w, b)  y = Add(a, z) }""",
        {"w": normal(4, 4, 1, 1), "b": normal(4)},
    ),
    "subtract": ("g (float[1,4,6,6] x, float[1,4,6,6] z) => (float[1,4,6,6] y) { y = Sub(x, z) }", {}),
    "divide": ("g (float[1,4,6,6] x) => (float[1,4,6,6] y) { y = Div(x, c) }", {"c": np.float32(1.5)}),
    "matmul_constant": ("g (float[1,6,8] x) => (float[1,6,4] y) { y = MatMul(x, w) }", {"w": normal(8, 4)}),
    "matmul_relu": (
        "g (float[1,2,6,8] x, float[1,2,8,5] z) => (float[1,2,6,5] y) { a = MatMul(x, z)  y = Relu(a) }",
        {},
    ),
    "functions": (
        "g (float[1,3,8] x) => (float[1,3,8] y) { a = Abs(x)  b = Sqrt(a)  c = Neg(b)  y = Exp(c) }",
        {},
    ),
    "sum": ("g (float[1,3,8] x) => (float[1,8] y) { y = ReduceSum<keepdims=0>(x, a) }", {"a": ints(1)}),
}
"""One operator each, in the forms that are easy to get wrong."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `case` runs on every network."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", sorted(CASES))


@pytest.fixture
def named() -> Callable[[str], Network]:
    """The network of that name."""
    return lambda name: Network(CASES[name][0], **CASES[name][1])


@pytest.fixture
def network() -> Callable[..., Network]:
    return Network


@pytest.fixture
def run() -> Callable[..., list[Array]]:
    return run_tflite


@pytest.fixture
def codes() -> Callable[[TfliteFile], list[str]]:
    return operator_codes


@pytest.fixture
def weights() -> Callable[..., Array]:
    return normal


@pytest.fixture(params=sorted(KERNELS))
def kernels(request: pytest.FixtureRequest) -> str:
    return str(request.param)
