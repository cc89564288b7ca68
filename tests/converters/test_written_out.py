"""Operators that TFLite lacks, in forms drawn by chance: what is written computes what onnxruntime does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime as ort
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgemm.converters.prepare import prepare
from edgemm.converters.tflite import check_tflite, write_tflite
from edgemm.quantize import make_plan

Array = npt.NDArray[Any]
NEWEST = onnx.defs.onnx_opset_version()


def parsed(text: str, opset: int, constants: dict[str, Array]) -> onnx.ModelProto:
    proto = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": {opset}]>\n{text}')
    made = [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    proto.graph.initializer.extend(made)
    return proto


def both(
    text: str, feeds: dict[str, Array], opset: int = 17, **constants: Array
) -> Iterator[tuple[Array, Array]]:
    """(onnxruntime's, LiteRT's) for every output of the graph."""
    proto = parsed(text, opset, constants)
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    ready = prepare(ir.from_proto(proto), format_="tflite").model
    file = write_tflite(ready, make_plan(ready, None, scheme="float"), keep_layout=True)
    check_tflite(file.payload)
    interpreter = Interpreter(model_content=file.payload, num_threads=1)
    interpreter.allocate_tensors()
    entries = {entry["name"]: entry["index"] for entry in interpreter.get_input_details()}
    for name, array in feeds.items():
        interpreter.set_tensor(entries[name], array)
    interpreter.invoke()
    found = {entry["name"]: entry["index"] for entry in interpreter.get_output_details()}
    mine = [interpreter.get_tensor(found[port.spec.name]) for port in file.outputs]
    yield from zip(session.run(None, feeds), mine, strict=True)


def agree(text: str, feeds: dict[str, Array], opset: int = 17, **constants: Array) -> None:
    """To float32's noise of a few sums."""
    for expected, mine in both(text, feeds, opset, **constants):
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, rtol=2e-5, atol=2e-5)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("mode", "padding", "corners"),
    list(product(("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (0, 1))),
)
def test_grid_sample(mode: str, padding: str, corners: int) -> None:
    grid = normal(2, 5, 4, 2) * 1.2
    attributes = f'mode="{mode}", padding_mode="{padding}", align_corners={corners}'
    text = f"g (float[2,3,6,7] x, float[2,5,4,2] g) => (float[2,3,5,4] y) {{ y = GridSample<{attributes}>(x, g) }}"
    agree(text, {"x": normal(2, 3, 6, 7), "g": grid})


@pytest.mark.parametrize("seed", range(6))
def test_convolutions_over_volumes(seed: int) -> None:
    random = np.random.default_rng(seed)
    group = int(random.choice([1, 2]))
    kernel = tuple(random.integers(1, 4, 3).tolist())
    strides, dilations = random.integers(1, 3, 3).tolist(), random.integers(1, 3, 3).tolist()
    pads = random.integers(0, 3, 6).tolist()
    attributes = f"group={group}, strides={strides}, dilations={dilations}, pads={pads}"
    text = f"g (float[2,4,7,8,6] x) => (float[n,c,d,h,w] y) {{ y = Conv<{attributes}>(x, w, b) }}"
    weights = normal(6, 4 // group, *kernel, seed=seed)
    agree(text, {"x": normal(2, 4, 7, 8, 6)}, w=weights, b=normal(6))


@pytest.mark.parametrize("seed", range(4))
def test_transposed_convolutions_over_volumes(seed: int) -> None:
    random = np.random.default_rng(seed)
    strides, pads = random.integers(1, 4, 3).tolist(), random.integers(0, 2, 6).tolist()
    more = [int(random.integers(0, stride)) for stride in strides]
    attributes = f"strides={strides}, pads={pads}, output_padding={more}"
    text = f"g (float[1,3,4,5,3] x) => (float[n,c,d,h,w] y) {{ y = ConvTranspose<{attributes}>(x, w, b) }}"
    agree(text, {"x": normal(1, 3, 4, 5, 3)}, w=normal(3, 2, 3, 2, 3, seed=seed), b=normal(2))


@pytest.mark.parametrize(("operator", "seed"), list(product(("MaxPool", "AveragePool", "LpPool"), range(5))))
def test_pools(operator: str, seed: int) -> None:
    random = np.random.default_rng([seed, len(operator)])
    rank = 3 if seed % 2 else 2
    kernel = random.integers(2, 4, rank)
    pads = [int(random.integers(0, size)) for size in (*kernel, *kernel)]
    attributes = (
        f"kernel_shape={kernel.tolist()}, strides={random.integers(1, 3, rank).tolist()}, pads={pads}"
    )
    if operator != "LpPool":
        attributes += f", dilations={random.integers(1, 3, rank).tolist()}"
    if operator == "AveragePool":
        attributes += f", count_include_pad={seed % 2}"
    sizes = "8,9,7" if rank == 3 else "9,8"
    names = "n,c,d,h,w" if rank == 3 else "n,c,h,w"
    text = f"g (float[1,2,{sizes}] x) => (float[{names}] y) {{ y = {operator}<{attributes}>(x) }}"
    opset = 19 if operator == "AveragePool" else 17
    agree(text, {"x": normal(1, 2, *map(int, sizes.split(",")))}, opset)


@pytest.mark.parametrize(
    ("reduction", "axis"), list(product(("none", "add", "mul", "max", "min"), (0, 1, 2)))
)
def test_scattered_elements_at_known_places(reduction: str, axis: int) -> None:
    random = np.random.default_rng(axis)
    repeats = reduction != "none"
    shape = (4, 5, 3)
    numbers = np.stack([random.permutation(shape[axis])[:2] for _ in range(30)]).reshape(-1)[: 2 * 2 * 2]
    places = random.integers(-shape[axis], shape[axis], (2, 2, 2)) if repeats else _apart(numbers, axis)
    text = f"""g (float[4,5,3] x, float[2,2,2] u) => (float[4,5,3] y) {{
        y = ScatterElements<axis={axis}, reduction="{reduction}">(x, i, u) }}"""
    agree(text, {"x": normal(4, 5, 3), "u": normal(2, 2, 2)}, 18, i=places.astype(np.int64))


def _apart(numbers: Array, axis: int) -> Array:
    """Pairs of unlike numbers along the axis."""
    pairs = numbers.reshape(4, 2)
    return np.moveaxis(pairs.reshape(2, 2, 2), 2, axis)


@pytest.mark.parametrize("reduction", ["none", "add"])
def test_scattered_slices_at_computed_places(reduction: str) -> None:
    text = f"""g (float[5,3] x, int64[2,1] i, float[2,3] u) => (float[5,3] y) {{
        y = ScatterND<reduction="{reduction}">(x, i, u) }}"""
    agree(text, {"x": normal(5, 3), "i": np.array([[-1], [2]]), "u": normal(2, 3)})


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("axis", [0, -1])
def test_gathered_elements(axis: int, *, known: bool) -> None:
    places = np.random.default_rng(3).integers(-3, 3, (3, 3))
    feeds = {"x": normal(4, 3)} | ({} if known else {"i": places})
    more = "" if known else ", int64[3,3] i"
    text = f"g (float[4,3] x{more}) => (float[3,3] y) {{ y = GatherElements<axis={axis}>(x, i) }}"
    agree(text, feeds, 17, **({"i": places} if known else {}))


@pytest.mark.parametrize(("axis", "largest"), list(product((0, 1, 2), (0, 1))))
def test_the_largest_and_smallest(axis: int, largest: int) -> None:
    text = f"""g (float[4,5,3] x) => (float[n,c,d] y, int64[n,c,d] i) {{
        y, i = TopK<axis={axis}, largest={largest}>(x, k) }}"""
    agree(text, {"x": normal(4, 5, 3)}, k=np.array([2]))


@pytest.mark.parametrize("mode", ["edge", "wrap", "reflect"])
def test_pads_that_repeat(mode: str) -> None:
    pads = np.array([0, 2, 1, 1, 3, 0])
    text = f'g (float[2,4,3] x) => (float[n,c,d] y) {{ y = Pad<mode="{mode}">(x, p) }}'
    agree(text, {"x": normal(2, 4, 3)}, 19, p=pads)


def test_slices_that_run_backwards() -> None:
    text = "g (float[5,6] x) => (float[n,c] y) { y = Slice(x, s, e, a, t) }"
    limits = {"s": [4, -1], "e": [-100, 1], "a": [0, 1], "t": [-1, -2]}
    agree(text, {"x": normal(5, 6)}, 17, **{name: np.array(value) for name, value in limits.items()})


@pytest.mark.parametrize("operator", ["Acos", "Asin", "Atan"])
def test_inverse_circular_functions_to_their_ends(operator: str) -> None:
    text = f"g (float[9] x) => (float[9] y) {{ y = {operator}(x) }}"
    agree(text, {"x": np.linspace(-1, 1, 9, dtype=np.float32)})


@pytest.mark.parametrize("operator", ["BitwiseAnd", "BitwiseOr", "BitwiseXor"])
def test_bits_of_numbers_of_both_signs(operator: str) -> None:
    values = np.array([0, 1, -1, 2**31 - 1, -(2**31), 12345, -98765], np.int32)
    text = f"g (int32[7,1] a, int32[7] b) => (int32[7,7] y) {{ y = {operator}(a, b) }}"
    for expected, mine in both(text, {"a": values[:, None], "b": values[::-1].copy()}, 18):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("fmod", [0, 1])
def test_remainders_of_numbers_of_both_signs(fmod: int) -> None:
    text = f"g (int32[4] a, int32[4] b) => (int32[4] y) {{ y = Mod<fmod={fmod}>(a, b) }}"
    feeds = {"a": np.array([7, -7, 7, -7], np.int32), "b": np.array([3, 3, -3, -3], np.int32)}
    for expected, mine in both(text, feeds):
        np.testing.assert_array_equal(mine, expected)


def test_powers_of_whole_numbers_are_exact() -> None:
    text = "g (int64[3] x) => (int64[3] y) { y = Pow(x, e) }"
    for expected, mine in both(text, {"x": np.array([3, -5, 10])}, e=np.array([17, 3, 12])):
        np.testing.assert_array_equal(mine, expected)


def test_a_spectrogram_is_a_product() -> None:
    text = "g (float[2,64,1] x) => (float[n,f,b,c] y) { y = STFT<onesided=1>(x, step, window) }"
    window = np.hanning(16).astype(np.float32)
    agree(text, {"x": normal(2, 64, 1)}, step=np.array(8), window=window)


@pytest.mark.parametrize("rank", [5, 6])
def test_operands_broadcast_over_many_dimensions(rank: int) -> None:
    shape = (2, 3, 2, 4, 3, 2)[:rank]
    small = tuple(1 if axis % 3 else size for axis, size in enumerate(shape))
    text = f"""g (float[{",".join(map(str, shape))}] x, float[{",".join(map(str, small))}] z)
        => (float[{",".join(map(str, shape))}] y) {{ s = Add(x, z)  t = Greater(s, z)  y = Where(t, s, z) }}"""
    agree(text, {"x": normal(*shape), "z": normal(*small, seed=1)})


def test_an_output_that_is_a_constant_or_a_copy() -> None:
    text = """g (float[2,3] x) => (int64[2] s, float[2,3] c) { s = Shape(x)  c = Identity(x) }"""
    for expected, mine in both(text, {"x": normal(2, 3)}):
        np.testing.assert_array_equal(mine, expected)
