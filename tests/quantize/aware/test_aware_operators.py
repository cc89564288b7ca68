"""Every operator in torch against onnxruntime, for one sample and for several at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper, parser

from edgemm.errors import UnsupportedOperator
from edgemm.quantize.plan import Plan
from edgemm.quantize.target import TARGETS

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from edgemm.quantize.aware import QuantizedNetwork  # noqa: E402
from edgemm.quantize.aware.operators import OPERATORS  # noqa: E402

G = np.random.default_rng(5)


def drawn(*shape: int) -> Any:
    return G.standard_normal(shape).astype(np.float32) * 0.5


IMAGE, ROWS = (1, 4, 6, 8), (5, 1, 3)
LSTM = {
    "w": drawn(2, 16, 3),
    "r": drawn(2, 16, 4),
    "b": drawn(2, 32),
    "h": drawn(2, 1, 4),
    "c": drawn(2, 1, 4),
}
GRU = {"w": drawn(1, 12, 3), "r": drawn(1, 12, 4), "b": drawn(1, 24)}
RNN = {"w": drawn(1, 4, 3), "r": drawn(1, 4, 4), "b": drawn(1, 8)}
CASES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    *((f"y = {op}(x)", IMAGE, {}) for op in (
        "Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "HardSwish", "Neg", "Relu", "Round", "Sigmoid", "Sign", "Sin",
        "Softplus", "Softsign", "Tan", "Tanh", "GlobalAveragePool", "GlobalMaxPool", "Identity", "Reciprocal",
    )),
    *((f"a = Abs(x) y = {op}(a)", IMAGE, {}) for op in ("Log", "Sqrt")),
    *((f"y = {op}(x, k)", IMAGE, {"k": drawn(4, 1, 8)}) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu")),
    *((f"a = {op}(x, k) y = Cast<to=1>(a)", IMAGE, {"k": drawn(8)}) for op in (
        "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
    )),
    ("a = Less(x, k) b = Greater(x, n) c = And(a, b) d = Or(a, c) e = Not(d) y = Where(e, x, k)", IMAGE,
     {"k": drawn(8), "n": drawn(8)}),
    ("y = Pow(x, k)", IMAGE, {"k": np.float32(2)}),
    ("y = Sum(x, k, x)", IMAGE, {"k": drawn(8)}),
    ("y = Clip(x, a, b)", IMAGE, {"a": np.float32(-0.1), "b": np.float32(0.3)}),
    ("y = Clip(x, , b)", IMAGE, {"b": np.float32(0.3)}),
    ("y = Elu<alpha=0.7>(x)", IMAGE, {}),
    ("y = LeakyRelu<alpha=0.3>(x)", IMAGE, {}),
    ("y = HardSigmoid<alpha=0.3, beta=0.4>(x)", IMAGE, {}),
    ("y = Softmax<axis=1>(x)", IMAGE, {}),
    ("y = LogSoftmax(x)", IMAGE, {}),
    ("y = Conv<pads=[1,0,2,1], strides=[2,1], dilations=[1,2]>(x, w, b)", IMAGE,
     {"w": drawn(6, 4, 3, 2), "b": drawn(6)}),
    ("y = Conv<group=4>(x, w)", IMAGE, {"w": drawn(8, 1, 3, 3)}),
    ("y = Conv<pads=[2,0]>(x, w)", (1, 4, 9), {"w": drawn(3, 4, 3)}),
    ("y = ConvTranspose<pads=[1,0,0,1], strides=[2,2], output_padding=[1,0]>(x, w, b)", IMAGE,
     {"w": drawn(4, 3, 3, 3), "b": drawn(3)}),
    ("y = ConvTranspose<group=2, dilations=[2,1]>(x, w)", IMAGE, {"w": drawn(4, 3, 3, 3)}),
    ("y = Gemm<transB=1>(x, w, b)", (1, 8), {"w": drawn(5, 8), "b": drawn(5)}),
    ("y = Gemm<alpha=0.5, beta=2.0>(x, w, b)", (1, 8), {"w": drawn(8, 5), "b": drawn(5)}),
    ("y = MatMul(x, w)", IMAGE, {"w": drawn(8, 5)}),
    ("a = Transpose<perm=[0,1,3,2]>(x) y = MatMul(x, a)", IMAGE, {}),
    ("y = LayerNormalization<axis=-1, epsilon=0.01>(x, w, b)", IMAGE, {"w": drawn(8), "b": drawn(8)}),
    ("y = InstanceNormalization(x, w, b)", IMAGE, {"w": drawn(4), "b": drawn(4)}),
    ("y = MaxPool<kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,1], dilations=[1,2]>(x)", IMAGE, {}),
    ("y = AveragePool<kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,1]>(x)", IMAGE, {}),
    ("y = AveragePool<kernel_shape=[3,2], pads=[1,0,1,1], count_include_pad=1>(x)", IMAGE, {}),
    *((f"y = {op}<axes=[1,3], keepdims=0>(x)", IMAGE, {}) for op in ("ReduceMax", "ReduceMean", "ReduceMin")),
    ("y = ReduceSum(x, a)", IMAGE, {"a": np.array([-1])}),
    ("a = ArgMax<axis=1>(x) y = Cast<to=1>(a)", IMAGE, {}),
    ("a = ArgMin<axis=2, keepdims=0>(x) y = Cast<to=1>(a)", IMAGE, {}),
    ("y = Concat<axis=-1>(x, k, x)", IMAGE, {"k": drawn(1, 4, 6, 2)}),
    *((f'y = DepthToSpace<blocksize=2, mode="{mode}">(x)', IMAGE, {}) for mode in ("CRD", "DCR")),
    ("y = SpaceToDepth<blocksize=2>(x)", IMAGE, {}),
    ("y = Expand(x, s)", (1, 1, 6, 1), {"s": np.array([1, 4, 1, 3])}),
    ("y = Flatten(x)", IMAGE, {}),
    ("y = Gather<axis=1>(x, i)", IMAGE, {"i": np.array([[0, -1], [2, 1]])}),
    *((f'y = Pad<mode="{mode}">(x, p)', IMAGE, {"p": np.array([0, 1, 2, 0, 0, 0, 1, 3])}) for mode in (
        "constant", "reflect", "edge",
    )),
    ("y = Pad(x, p, k)", IMAGE, {"p": np.array([0, 1, 2, 0, 0, 0, 1, 3]), "k": np.float32(0.5)}),
    ("y = Reshape(x, s)", IMAGE, {"s": np.array([1, 24, -1])}),
    ("y = Slice(x, a, b, d, e)", IMAGE,
     {"a": np.array([1, -1]), "b": np.array([3, -99]), "d": np.array([1, 3]), "e": np.array([1, -2])}),
    ("a, b = Split<axis=3>(x, s) y = Sub(a, b)", IMAGE, {"s": np.array([4, 4])}),
    ("y = Squeeze(x, a)", (1, 1, 5), {"a": np.array([1])}),
    ("y = Unsqueeze(x, a)", (1, 5), {"a": np.array([2])}),
    ("y = Tile(x, r)", IMAGE, {"r": np.array([1, 2, 1, 3])}),
    ("y = Transpose<perm=[0,2,3,1]>(x)", IMAGE, {}),
    *((f'y = Resize<mode="{mode}", coordinate_transformation_mode="{where}"{more}>(x, , s)', IMAGE,
       {"s": np.array([1, 1, *by], np.float32)})
      for by in ((2.0, 1.5), (0.5, 0.75))
      for mode, more in (("linear", ""), ("nearest", ', nearest_mode="floor"'), ("nearest", ', nearest_mode="ceil"'),
                         ("nearest", ', nearest_mode="round_prefer_ceil"'), ("nearest", ""))
      for where in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")),
    ('y, hh, cc = LSTM<hidden_size=4, direction="bidirectional">(x, w, r, b, , h, c)', ROWS, LSTM),
    ('a, y, c2 = LSTM<hidden_size=4, direction="reverse">(x, w, r, b)', ROWS,
     {key: LSTM[key][:1] for key in ("w", "r", "b")}),
    ("y, h = GRU<hidden_size=4, linear_before_reset=1>(x, w, r, b)", ROWS, GRU),
    ("a, y = GRU<hidden_size=4>(x, w, r)", ROWS, GRU),
    ('y, h = RNN<hidden_size=4, activations=["Relu"]>(x, w, r, b)', ROWS, RNN),
]  # fmt: skip


def graph(nodes: str, shape: tuple[int, ...], constants: dict[str, Any]) -> Any:
    size = ",".join(map(str, shape))
    text = f'<ir_version: 8, opset_import: ["": 17]> g (float[{size}] x) => (float y) {{ {nodes} }}'
    proto = parser.parse_model(text)
    for node in proto.graph.node:
        node.name = f"n_{node.output[0]}"
    used = {name for node in proto.graph.node for name in node.input}
    for name, value in constants.items():
        if name in used:
            proto.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    return proto


def network(proto: Any) -> Any:
    from edgemm.converters.passes.shapes import infer_shapes

    model: ir.Model = ir.from_proto(proto)
    infer_shapes(model)
    return QuantizedNetwork(model, Plan(TARGETS["cpu"], "float"))


@pytest.mark.parametrize(("nodes", "shape", "constants"), CASES, ids=[case[0][:70] for case in CASES])
def test_an_operator_computes_what_onnxruntime_does(
    nodes: str, shape: tuple[int, ...], constants: dict[str, Any]
) -> None:
    proto = graph(nodes, shape, constants)
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    samples = [drawn(*shape) for _ in range(3)]
    truth = [session.run(["y"], {"x": sample})[0] for sample in samples]
    net = network(proto)
    for sample, expected in zip(samples, truth, strict=True):
        found = net(torch.from_numpy(sample)).detach().numpy()
        assert found.shape == expected.shape
        assert np.allclose(found, expected, rtol=1e-4, atol=2e-6)
    if shape[0] == 1:
        together = net(torch.from_numpy(np.concatenate(samples))).detach().numpy()
        whole = np.stack(truth).reshape(together.shape)
        assert np.allclose(together, whole, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("function", ["Gelu", "FastGelu"])
def test_functions_compute_what_onnxruntime_does(function: str) -> None:
    proto = graph("y = Abs(x)", (1, 40), {})
    proto.graph.node[0].op_type, proto.graph.node[0].domain = function, "com.microsoft"
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    sample = 3 * drawn(1, 40)
    found = network(proto)(torch.from_numpy(sample)).detach().numpy()
    assert np.allclose(found, session.run(["y"], {"x": sample})[0], rtol=1e-4, atol=2e-6)


def test_every_operator_is_tried() -> None:
    tried = {node.op_type for case in CASES for node in graph(*case).graph.node}
    assert set(OPERATORS) - tried == {"Gelu", "FastGelu"}, "they are tried by themselves"


def test_operators_without_a_form_are_named_together() -> None:
    proto = graph("a = Hardmax(x) b = Det(x) c = Add(a, b) y = Mod<fmod=1>(c, x)", (1, 3, 3), {})
    with pytest.raises(UnsupportedOperator, match=r"Hardmax \(n_a\), Det \(n_b\), Mod \(n_y\)"):
        network(proto)


@pytest.mark.parametrize(
    "nodes",
    [
        'y = Resize<mode="cubic">(x, , s)',
        "y, h, c = LSTM<hidden_size=4, clip=1.0>(x, w, r, b)",
        "y, i = MaxPool<kernel_shape=[2,2]>(x)",
    ],
)
def test_forms_that_are_not_written_are_refused(nodes: str) -> None:
    shape = ROWS if "LSTM" in nodes else IMAGE
    constants = {"s": np.array([1, 1, 2, 2], np.float32), **{key: LSTM[key][:1] for key in ("w", "r", "b")}}
    with pytest.raises(UnsupportedOperator, match="no form in torch"):
        network(graph(nodes, shape, constants))
