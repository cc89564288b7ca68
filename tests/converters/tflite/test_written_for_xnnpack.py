"""What XNNPACK runs fastest is written, computes what the source does, and splits nothing that it runs as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgemm.converters.passes.reshape import runs_of
from edgemm.converters.tflite import TfliteFile
from edgemm.converters.tflite.expand import expand_for_tflite
from edgemm.converters.tflite.lower.shape import kept_layout
from edgemm.converters.tflite.schema import enum, schema
from edgemm.errors import ConversionError
from edgemm.quantize import Reference, calibrate, make_plan
from edgemm.quantize.legality import may_be_hybrid
from edgemm.quantize.plan import Precision
from edgemm.quantize.target import target
from tests.converters.tflite.conftest import KERNELS, Network, ints, normal, operator_codes, run_tflite

WITHIN = 1e-5
"""Of the output's range: float32 sums in another order."""


def source(text: str, constants: dict[str, Any]) -> Reference:
    """As onnxruntime runs it, nothing changed."""
    proto = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()
    )
    return Reference(ir.from_proto(proto))


def same_in_float(text: str, kernels: str = "xnnpack", **constants: Any) -> TfliteFile:
    """The float file, which computes what the source does."""
    network, plain = Network(text, **constants), source(text, constants)
    expand_for_tflite(network.model)
    file = network.write(network.float_plan())
    for sample in network.samples[:3]:
        for found, expected in zip(
            run_tflite(file, sample, kernels), plain.run(sample).values(), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=0, atol=WITHIN * np.ptp(expected))
    return file


def partitions(file: TfliteFile) -> tuple[int, int]:
    """Parts that the delegate runs, and operators that it does not take."""
    interpreter = Interpreter(model_content=file.payload, num_threads=1)
    interpreter.allocate_tensors()
    names = [entry["op_name"] for entry in interpreter._get_ops_details()]
    taken = Interpreter(model_content=file.payload, experimental_op_resolver_type=KERNELS["builtin"])
    taken.allocate_tensors()
    return names.count("DELEGATE"), len(taken._get_ops_details())


def turned(file: TfliteFile) -> list[bool]:
    """Of each BATCH_MATMUL: is its right side read the other way round?"""
    model = schema().ModelT.InitFromPackedBuf(bytearray(file.payload), 0)
    kind = enum("BuiltinOptions", "BatchMatMulOptions")
    operators = [each for each in model.subgraphs[0].operators if each.builtinOptionsType == kind]
    return [bool(each.builtinOptions.adjY) for each in operators]


# products and what is added behind them


ROW = "m = MatMul(x, w)  y = Add(m, b)"


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(
    "text", [ROW, "m = MatMul(x, w)  y = Add(b, m)", f"{ROW.replace('y =', 'a =')}  y = Relu(a)"]
)
def test_a_row_behind_a_product_is_its_bias(text: str, kernels: str) -> None:
    graph = f"g (float[2,5,8] x) => (float[2,5,6] y) {{ {text} }}"
    file = same_in_float(graph, kernels, w=normal(8, 6), b=normal(6))
    assert operator_codes(file) == ["FULLY_CONNECTED"]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("m = MatMul(x, w)  y = Add(m, b)", normal(5, 6)),  # another addend in each row
        ("m = MatMul(x, w)  y = Add(m, b)", normal(5, 1)),
        ("m = MatMul(x, w)  a = Add(m, b)  y = Mul(a, m)", normal(6)),  # the product is read twice
        ("m = MatMul(x, w)  y = Sub(b, m)", normal(6)),
    ],
)
def test_what_is_no_bias_is_added_behind(text: str, row: Any) -> None:
    graph = f"g (float[2,5,8] x) => (float[2,5,6] y) {{ {text} }}"
    codes = operator_codes(same_in_float(graph, w=normal(8, 6), b=row))
    assert codes[0] == "FULLY_CONNECTED"
    assert len(codes) > 1


def test_a_column_as_long_as_a_row_is_no_bias() -> None:
    text = f"g (float[2,6,8] x) => (float[2,6,6] y) {{ {ROW} }}"
    assert operator_codes(same_in_float(text, w=normal(8, 6), b=normal(6, 1))) == ["FULLY_CONNECTED", "ADD"]


def test_a_row_behind_a_dynamic_product_is_its_bias() -> None:
    text = f"g (float[2,5,8] x) => (float[2,5,6] y) {{ {ROW} }}"
    constants: dict[str, Any] = {"w": normal(8, 6), "b": normal(6)}
    network, plain = Network(text, **constants), source(text, constants)
    file = network.write(network.dynamic_plan())
    assert operator_codes(file) == ["FULLY_CONNECTED"]
    sample = network.samples[0]
    # 8-bit steps of weights and inputs
    np.testing.assert_allclose(run_tflite(file, sample)[0], plain.run(sample)["y"], atol=0.05)


ATTENTION = """g (float[1,10,36] x) => (float[1,10,12] y) {
    r = Reshape(x, split)  t = Transpose<perm=[2,0,3,1,4]>(r)
    q = Gather<axis=0>(t, n0)  k = Gather<axis=0>(t, n1)  v = Gather<axis=0>(t, n2)
    kt = Transpose<perm=[0,1,3,2]>(k)  s = MatMul(q, kt)  p = Softmax<axis=-1>(s)  o = MatMul(p, v)
    back = Transpose<perm=[0,2,1,3]>(o)  y = Reshape(back, joined) }"""
PARTS: dict[str, Any] = {"split": ints(1, 10, 3, 2, 6), "joined": ints(1, 10, 12), "n0": np.int64(0), "n1": np.int64(1),
         "n2": np.int64(-1)}  # fmt: skip


@pytest.mark.parametrize("kernels", KERNELS)
def test_attention_moves_each_operand_once(kernels: str) -> None:
    file = same_in_float(ATTENTION, kernels, **PARTS)
    codes = operator_codes(file)
    assert codes.count("TRANSPOSE") == 4  # queries, keys, values, and back
    assert turned(file) == [True, False]  # the keys are read as they lie
    assert "GATHER" not in codes
    assert partitions(file)[0] == 1


def test_an_integer_product_of_two_values_stays_with_the_delegate() -> None:
    text = """g (float[2,6,8] x) => (float[2,6,6] y) {
        a = MatMul(x, w)  r = Relu(a)  t = Transpose<perm=[0,2,1]>(r)  y = MatMul(a, t) }"""
    constants: dict[str, Any] = {"w": normal(8, 8)}
    network, plain = Network(text, **constants), source(text, constants)
    file = network.write(network.static_plan())
    assert operator_codes(file) == [
        "FULLY_CONNECTED",
        "DEQUANTIZE",
        "RELU",
        "QUANTIZE",
        "TRANSPOSE",
        "BATCH_MATMUL",
    ]  # nothing before the product puts its right side on another grid
    assert partitions(file)[0] == 1
    expected = np.stack([plain.run(sample)["y"] for sample in network.samples])
    found = np.stack([run_tflite(file, sample)[0] for sample in network.samples])
    assert (
        10 * np.log10(np.mean(expected**2) / np.mean((found - expected) ** 2)) > 25
    )  # three layers of 8 bits


def test_a_plan_for_another_format_is_refused() -> None:
    text = "g (float[2,6,8] x) => (float[2,6,6] y) { a = Relu(x)  t = Transpose<perm=[0,2,1]>(a)  y = MatMul(x, t) }"
    network = Network(text)
    plan = make_plan(network.model, calibrate(network.model, network.samples), target=target("cpu", "onnx"))
    with pytest.raises(ConversionError, match=r"expected a right side with zero point 0, found -128"):
        network.write(plan)


# layouts


@pytest.mark.parametrize(
    ("before", "after", "perm", "kept"),
    [
        ((1, 8, 4, 6), (1, 8, 24), (0, 2, 3, 1), (0, 2, 1)),  # pixels become a sequence
        ((1, 24, 8), (1, 4, 6, 8), (0, 2, 1), (0, 3, 1, 2)),
        ((1, 8, 4, 6), (1, 32, 6), (0, 2, 3, 1), None),  # channels and rows do not lie side by side
        ((1, 8, 4, 6), (8, 4, 6), (0, 2, 3, 1), (1, 2, 0)),
        ((8, 4), (8, 1, 4), (1, 0), (2, 0, 1)),
        ((2, 0, 3), (2, 0), (0, 2, 1), None),
    ],
)
def test_runs_of_axes_stay_where_they_are(before: Any, after: Any, perm: Any, kept: Any) -> None:
    assert kept_layout(before, after, perm) == kept
    if kept is not None:
        array = np.arange(np.prod(before)).reshape(before)
        moved = array.transpose(perm).reshape([after[axis] for axis in kept])
        np.testing.assert_array_equal(moved, array.reshape(after).transpose(kept))


def test_runs_pair_the_axes_that_become_each_other() -> None:
    assert runs_of((2, 3, 4, 1, 5), (6, 4, 1, 5)) == [([0, 1], [0]), ([2], [1]), ([4], [3])]


def test_pixels_become_a_sequence_without_a_move() -> None:
    text = """g (float[1,3,8,8] x) => (float[1,5] y) {
        a = Conv<kernel_shape=[2,2], strides=[2,2]>(x, w, b)  r = Reshape(a, flat)  t = Transpose<perm=[0,2,1]>(r)
        m = MatMul(t, v)  y = ReduceMean<axes=[1], keepdims=0>(m) }"""
    constants: dict[str, Any] = {
        "w": normal(6, 3, 2, 2),
        "b": normal(6),
        "flat": ints(1, 6, 16),
        "v": normal(6, 5),
    }
    assert "TRANSPOSE" not in operator_codes(same_in_float(text, **constants))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(
    ("numbers", "shape", "code"),
    [
        (np.int64(2), "1,8,6", "STRIDED_SLICE"),
        (np.int64(-1), "1,8,6", "STRIDED_SLICE"),
        (ints(1), "1,1,8,6", "STRIDED_SLICE"),
        (ints(1, 2), "1,2,8,6", "STRIDED_SLICE"),
        (ints(-2, -1), "1,2,8,6", "STRIDED_SLICE"),
        (ints(2, 1), "1,2,8,6", "GATHER"),
        (ints(0, 2), "1,2,8,6", "GATHER"),
    ],
)
def test_neighbours_are_a_slice(numbers: Any, shape: str, code: str, kernels: str) -> None:
    text = f"""g (float[1,3,8,6] x) => (float[{shape}] y) {{
        a = Conv<kernel_shape=[1,1]>(x, w, b)  c = Gather<axis=1>(a, n)  y = Exp(c) }}"""
    codes = operator_codes(same_in_float(text, kernels, w=normal(4, 3, 1, 1), b=normal(4), n=numbers))
    assert ({"STRIDED_SLICE", "GATHER"} & set(codes)) == {code}


# large depthwise kernels


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(
    ("attributes", "kernel", "sizes", "parts"),
    [
        ("kernel_shape=[7,7], pads=[3,3,3,3]", (7, 7), (9, 11), 3),
        ("kernel_shape=[7,7], pads=[3,3,3,3], strides=[2,2]", (7, 7), (9, 11), 3),
        ("kernel_shape=[9,3], pads=[4,1,4,1]", (9, 3), (9, 11), 2),
        ("kernel_shape=[3,9], pads=[1,4,1,4]", (3, 9), (9, 11), 2),
        ("kernel_shape=[5,7], pads=[2,3,2,3]", (5, 7), (9, 11), 2),
        ("kernel_shape=[6,6], pads=[2,2,3,3]", (6, 6), (9, 11), 2),
        ("kernel_shape=[7,7], pads=[6,6,6,6], dilations=[2,2]", (7, 7), (9, 11), 3),
        ("kernel_shape=[7,7], pads=[4,4,4,4], dilations=[2,2]", (7, 7), (9, 11), 3),
        ("kernel_shape=[7,7], pads=[3,3,3,3], dilations=[2,2]", (7, 7), (9, 11), 1),
        ("kernel_shape=[5,5], pads=[2,2,2,2]", (5, 5), (9, 11), 1),
        ("kernel_shape=[7,7]", (7, 7), (9, 11), 1),  # no pads: its parts would begin outside
    ],
)
def test_a_large_kernel_is_a_sum_of_small_ones(
    attributes: str, kernel: Any, sizes: Any, parts: int, kernels: str
) -> None:
    height, width = sizes
    text = f"""g (float[1,4,{height},{width}] x) => (float[1,4,h,w] y) {{
        c = Conv<{attributes}, group=4>(x, k, b)  y = Relu(c) }}"""
    file = same_in_float(text, kernels, k=normal(4, 1, *kernel), b=normal(4))
    assert operator_codes(file).count("DEPTHWISE_CONV_2D") == parts
    assert "RELU" not in operator_codes(file)


def test_a_long_kernel_over_time_is_a_sum_too() -> None:
    text = "g (float[1,4,40] x) => (float[1,4,40] y) { y = Conv<kernel_shape=[31], pads=[15,15], group=4>(x, k, b) }"
    file = same_in_float(text, k=normal(4, 1, 31), b=normal(4))
    assert operator_codes(file).count("DEPTHWISE_CONV_2D") == 2


def test_weights_alone_are_parted_on_one_grid() -> None:
    text = """g (float[1,4,9,9] x) => (float[1,4,9,9] y) {
        y = Conv<kernel_shape=[7,7], pads=[3,3,3,3], group=4>(x, k, b) }"""
    constants: dict[str, Any] = {"k": normal(4, 1, 7, 7), "b": normal(4)}
    network, plain = Network(text, **constants), source(text, constants)
    file = network.write(network.dynamic_plan())
    assert operator_codes(file).count("DEQUANTIZE") == 3
    sample = network.samples[0]
    # half a step of the largest weight of some 1.0 / 127, times 49 taps that mostly cancel
    np.testing.assert_allclose(run_tflite(file, sample)[0], plain.run(sample)["y"], atol=0.06)


# convolutions that quantize what they read


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(
    ("attributes", "weights"),
    [
        ("kernel_shape=[3,3], pads=[1,1,1,1]", normal(8, 16, 3, 3)),
        ("kernel_shape=[1,1]", normal(8, 16, 1, 1)),
        ("kernel_shape=[3,3], pads=[1,1,1,1], strides=[2,2]", normal(8, 16, 3, 3)),
        ("kernel_shape=[3,3], pads=[2,2,2,2], dilations=[2,2]", normal(8, 16, 3, 3)),
        ("kernel_shape=[3,3], pads=[1,1,1,1], group=4", normal(8, 4, 3, 3)),
    ],
)
def test_a_hybrid_convolution_multiplies_integers(attributes: str, weights: Any, kernels: str) -> None:
    text = f"g (float[1,16,10,10] x) => (float[1,8,h,w] y) {{ c = Conv<{attributes}>(x, k, b)  y = Relu(c) }}"
    constants: dict[str, Any] = {"k": weights, "b": normal(8)}
    network, plain = Network(text, **constants), source(text, constants)
    plan = network.dynamic_plan()
    layers = {str(node.name): Precision.HYBRID for node in network.model.graph if may_be_hybrid(node)}
    file = network.write(replace(plan, precision={**plan.precision, **layers}))
    assert "DEQUANTIZE" not in operator_codes(file)
    assert partitions(file)[0] == 1
    found, expected = (
        np.stack([run_tflite(file, sample, kernels)[0] for sample in network.samples[:4]]),
        np.stack([plain.run(sample)["y"] for sample in network.samples[:4]]),
    )
    noise = 10 * np.log10(np.mean(expected**2) / np.mean((found - expected) ** 2))
    assert noise > 35  # 8 bits of both give some 40
    assert noise < 70  # weights alone would give more, or the plan was not followed


# integer operators that the delegate lacks


@pytest.mark.parametrize("node", ["HardSwish(a)", "Softmax<axis=1>(a)", "Max(a, half)", "Min(a, half)",
                                  "AveragePool<kernel_shape=[2,2]>(a)"])  # fmt: skip
def test_what_the_delegate_lacks_in_integers_is_float_between(node: str) -> None:
    text = f"""g (float[1,3,8,8] x) => (float[1,5,h,w] y) {{
        a = Conv<kernel_shape=[1,1]>(x, w, b)  f = {node}  y = Conv<kernel_shape=[1,1]>(f, v, c) }}"""
    constants: dict[str, Any] = {
        "w": normal(4, 3, 1, 1, scale=1.0),
        "b": normal(4),
        "v": normal(5, 4, 1, 1),
        "c": normal(5),
    }
    constants |= {"half": np.float32(0.5)} if "half" in node else {}
    network, plain = Network(text, **constants), source(text, constants)
    expand_for_tflite(network.model)
    file = network.write(network.static_plan())
    assert partitions(file)[0] == 1
    expected = np.stack([plain.run(sample)["y"] for sample in network.samples])
    found = np.stack([run_tflite(file, sample)[0] for sample in network.samples])
    assert (
        10 * np.log10(np.mean(expected**2) / np.mean((found - expected) ** 2)) > 28
    )  # two layers of 8 bits: some 35


def test_an_accelerator_for_integers_alone_keeps_them() -> None:
    text = """g (float[1,3,8,8] x) => (float[1,4,8,8] y) {
        a = Conv<kernel_shape=[1,1]>(x, w, b)  y = Softmax<axis=1>(a) }"""
    network = Network(text, w=normal(4, 3, 1, 1), b=normal(4))
    assert "DEQUANTIZE" not in operator_codes(network.write(network.static_plan(target="coral")))


# scale and bias of a layer norm


NORM = "LayerNormalization<axis=-1>(x, s, t)"
SCALED: dict[str, Any] = {"s": normal(8, scale=1.0), "t": normal(8)}


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(
    ("readers", "constants"),
    [
        ("y = MatMul(n, w)", {"w": normal(8, 5)}),
        ("m = MatMul(n, w)  y = Add(m, b)", {"w": normal(8, 5), "b": normal(5)}),
        ("m = MatMul(n, w)  o = MatMul(n, v)  y = Mul(m, o)", {"w": normal(8, 5), "v": normal(8, 5, seed=1)}),
        ("r = Reshape(n, flat)  g1 = Gemm<transB=1>(r, w, b)  y = Reshape(g1, back)",
         {"w": normal(5, 8), "b": normal(5), "flat": ints(12, 8), "back": ints(2, 6, 5)}),
        ("t1 = Transpose<perm=[0,2,1]>(n)  c = Conv<kernel_shape=[1]>(t1, w, b)  y = Transpose<perm=[0,2,1]>(c)",
         {"w": normal(5, 8, 1), "b": normal(5)}),
    ],
)  # fmt: skip
def test_scale_and_bias_of_a_norm_go_into_its_readers(readers: str, constants: Any, kernels: str) -> None:
    text = f"g (float[2,6,8] x) => (float[2,6,5] y) {{ n = {NORM}  {readers} }}"
    codes = operator_codes(same_in_float(text, kernels, **SCALED, **constants))
    assert codes[:7] == ["MEAN", "SUB", "MUL", "MEAN", "ADD", "RSQRT", "MUL"]
    assert {"MUL", "ADD"} & set(codes[7:]) <= ({"MUL"} if "Mul" in readers else set())


@pytest.mark.parametrize(
    ("shape", "readers", "constants"),
    [
        ("2,6,8", "y = Relu(n)", {}),
        ("2,6,8", "m = MatMul(n, w)  y = Mul(m, n)", {"w": normal(8, 8)}),  # one reader needs it as it is
        ("2,6,6", "t1 = Transpose<perm=[0,2,1]>(n)  y = MatMul(n, t1)", {}),
        ("2,5,6", "t1 = Transpose<perm=[0,2,1]>(n)  y = Conv<kernel_shape=[3], pads=[1,1]>(t1, w, b)",
         {"w": normal(5, 8, 3), "b": normal(5)}),  # the pads are zeros, not the bias
        ("2,5", "r = Reshape(n, flat)  y = Gemm<transB=1>(r, w, b)",
         {"flat": ints(2, 48), "w": normal(5, 48), "b": normal(5)}),  # channels and places are one axis there
        ("2,6,5", "r = Reshape(n, halves)  m = MatMul(r, w)  y = Reshape(m, back)",
         {"halves": ints(2, 12, 4), "w": normal(4, 5), "back": ints(2, 12, 5)}),
    ],
)  # fmt: skip
def test_scale_and_bias_stay_where_a_reader_cannot_take_them(
    shape: str, readers: str, constants: Any
) -> None:
    shape = "2,12,5" if "halves" in constants else shape
    text = f"g (float[2,6,8] x) => (float[{shape}] y) {{ n = {NORM}  {readers} }}"
    codes = operator_codes(same_in_float(text, **SCALED, **constants))
    assert codes[:9] == ["MEAN", "SUB", "MUL", "MEAN", "ADD", "RSQRT", "MUL", "MUL", "ADD"]


def test_a_norm_that_is_an_output_keeps_its_numbers() -> None:
    text = f"g (float[2,6,8] x) => (float[2,6,8] n, float[2,6,5] y) {{ n = {NORM}  y = MatMul(n, w) }}"
    same_in_float(text, **SCALED, w=normal(8, 5))


def test_a_scale_of_one_is_not_multiplied_with() -> None:
    text = f"g (float[2,6,8] x) => (float[2,6,8] y) {{ n = {NORM}  y = Relu(n) }}"
    file = same_in_float(text, s=np.ones(8, np.float32), t=np.zeros(8, np.float32))
    assert operator_codes(file) == [
        "MEAN",
        "SUB",
        "MUL",
        "MEAN",
        "ADD",
        "RSQRT",
        "MUL",
    ]  # the last one has the Relu
