"""Quantized .tflite operators: LiteRT's integers against the imported graph, which rounds where the file does."""

from __future__ import annotations

import numpy as np
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant, one

package("ai_edge_litert.interpreter")
package("onnxruntime")

from edgemm.converters.file_source import FileSource  # noqa: E402
from edgemm.converters.importers.tflite_graph import import_tflite  # noqa: E402
from edgemm.converters.passes import canonicalize  # noqa: E402
from edgemm.converters.passes.quantized import declared_ranges  # noqa: E402
from edgemm.converters.reference import GraphSource  # noqa: E402
from edgemm.converters.samples import Samples  # noqa: E402

KINDS = ("int8", "uint8")
ZERO = {"int8": -3, "uint8": 125}
IN, OUT = 4 / 255, 6 / 255


def data(kind: str, *shape: int) -> Given:
    return Given(shape, kind, None, [IN], [ZERO[kind]])


def result(kind: str, scale: float = OUT, zero: int | None = None) -> Given:
    return Given((), kind, None, [scale], [ZERO[kind] if zero is None else zero])


def weights(kind: str, shape: tuple[int, ...], axis: int, rng: np.random.Generator) -> tuple[Given, Given]:
    """int8 by channel or uint8 for the whole, and their bias."""
    channels = shape[axis]
    scales = rng.uniform(0.005, 0.02, channels) if kind == "int8" else [0.01]
    low, high = (-127, 128) if kind == "int8" else (1, 256)
    content = rng.integers(low, high, shape).astype(kind)
    made = constant(content, scales=scales, zeros=[0 if kind == "int8" else 120] * len(scales), axis=axis)
    steps = np.float32(IN) * np.asarray(scales, np.float32)
    bias = constant(rng.integers(-2000, 2000, channels), "int32", scales=steps, zeros=[0] * len(steps))
    return made, bias


def conv(kind: str, rng: np.random.Generator) -> Model:
    options = ("Conv2DOptions", {"strideH": 2, "strideW": 1, "fusedActivationFunction": 1})
    return one(
        "CONV_2D",
        [data(kind, 1, 7, 8, 3), *weights(kind, (4, 3, 2, 3), 0, rng)],
        options,
        outputs=[result(kind)],
        version=3,
    )


def depthwise(kind: str, rng: np.random.Generator) -> Model:
    options = (
        "DepthwiseConv2DOptions",
        {"strideH": 1, "strideW": 1, "depthMultiplier": 2, "fusedActivationFunction": 3},
    )
    return one("DEPTHWISE_CONV_2D", [data(kind, 1, 7, 8, 3), *weights(kind, (1, 3, 3, 6), 3, rng)], options,
               outputs=[result(kind)], version=3)  # fmt: skip


def dense(kind: str, rng: np.random.Generator) -> Model:
    made, bias = weights(kind, (5, 12), 0, rng)
    if kind == "int8":
        made.scales, made.zeros = [0.01], [0]
        bias.scales, bias.zeros = [IN * 0.01], [0]
    return one(
        "FULLY_CONNECTED",
        [data(kind, 2, 12), made, bias],
        ("FullyConnectedOptions", {}),
        outputs=[result(kind)],
        version=4,
    )


def joined(kind: str, rng: np.random.Generator) -> Model:
    return one("ADD", [data(kind, 1, 4, 5, 3)] * 2, ("AddOptions", {}), outputs=[result(kind)], version=2)


def product(kind: str, rng: np.random.Generator) -> Model:
    return one("MUL", [data(kind, 1, 4, 5, 3)] * 2, ("MulOptions", {}), outputs=[result(kind)], version=2)


def pool(kind: str, rng: np.random.Generator) -> Model:
    options = (
        "Pool2DOptions",
        {"filterHeight": 2, "filterWidth": 3, "strideH": 2, "strideW": 2, "padding": 1},
    )
    return one("AVERAGE_POOL_2D", [data(kind, 1, 6, 7, 3)], options, outputs=[result(kind, IN)], version=2)


def mean(kind: str, rng: np.random.Generator) -> Model:
    axes = constant([1, 2], "int32")
    return one(
        "MEAN", [data(kind, 1, 6, 7, 3), axes], ("ReducerOptions", {}), outputs=[result(kind)], version=2
    )


def sigmoid(kind: str, rng: np.random.Generator) -> Model:
    return one(
        "LOGISTIC",
        [data(kind, 2, 9)],
        outputs=[result(kind, 1 / 256, -128 if kind == "int8" else 0)],
        version=2,
    )


def softmax(kind: str, rng: np.random.Generator) -> Model:
    end = result(kind, 1 / 256, -128 if kind == "int8" else 0)
    return one("SOFTMAX", [data(kind, 2, 9)], ("SoftmaxOptions", {"beta": 1.0}), outputs=[end], version=2)


def concat(kind: str, rng: np.random.Generator) -> Model:
    options = ("ConcatenationOptions", {"axis": 3})
    return one("CONCATENATION", [data(kind, 1, 4, 5, 3)] * 2, options, outputs=[result(kind, IN)], version=2)


def requantized(kind: str, rng: np.random.Generator) -> Model:
    """QUANTIZE of real numbers, QUANTIZE to another grid, DEQUANTIZE."""
    first, second = result(kind, IN), result(kind, OUT)
    first.shape = second.shape = (2, 9)
    steps = [Step("QUANTIZE", [0], [1]), Step("QUANTIZE", [1], [2]), Step("DEQUANTIZE", [2], [3], None, 2)]
    return Model([Given((2, 9)), first, second, Given((2, 9))], steps, [0], [3])


CASES = (conv, depthwise, dense, joined, product, pool, mean, sigmoid, softmax, concat, requantized)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=lambda each: each.__name__)
def test_within_one_step_of_litert(case, kind: str) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    imported = import_tflite(case(kind, rng).payload(), case.__name__)
    assert imported.rounds
    samples = Samples(
        (
            {
                port.name: rng.uniform(-2, 2, port.spec.shape).astype(np.float32)
                for port in imported.file.inputs
            },
        )
    )
    (expected,) = FileSource(imported.file).answers(samples)
    (found,) = GraphSource(imported.model).answers(samples)
    step = imported.file.outputs[0].spec.scale or OUT
    for name, array in expected.items():
        assert np.abs(found[name] - array).max() <= 1.01 * step
        assert np.ptp(array) > 4 * step  # there is something to be seen


def test_grids_stay_with_their_values() -> None:
    imported = import_tflite(joined("int8", np.random.default_rng(0)).payload(), "add")
    canonicalize(imported.model)
    ends = sorted(declared_ranges(imported.model).values())
    assert ends[0] == pytest.approx(((-128 + 3) * OUT, (127 + 3) * OUT))


def test_weights_of_a_layer_that_quantizes_while_it_runs_are_real_numbers() -> None:
    rng = np.random.default_rng(1)
    made = constant(rng.integers(-127, 128, (32, 64)).astype(np.int8), scales=[0.02], zeros=[0])
    bias = constant(rng.normal(0, 1, 32).astype(np.float32))
    options = ("FullyConnectedOptions", {"asymmetricQuantizeInputs": True})
    imported = import_tflite(
        one("FULLY_CONNECTED", [Given((2, 64)), made, bias], options, version=9).payload(), "hybrid"
    )
    assert imported.rounds
    samples = Samples(({"t0": rng.uniform(-2, 2, (2, 64)).astype(np.float32)},))
    (expected,) = FileSource(imported.file).answers(samples)
    (found,) = GraphSource(imported.model).answers(samples)
    error = np.abs(found["t3"] - expected["t3"]).max()
    assert 0 < error < 0.01 * np.ptp(expected["t3"])  # it rounds its input to 8 bits, the graph does not


def test_int16_activations_become_real_numbers() -> None:
    tensors = [Given((2, 9), "int16", None, [1 / 8192], [0])] * 2 + [
        Given((2, 9), "int16", None, [1 / 4096], [0])
    ]
    file = Model(
        tensors, [Step("ADD", [0, 1], [2], ("AddOptions", {"potScaleInt16": False}), 2)], [0, 1], [2]
    )
    imported = import_tflite(file.payload(), "wide")
    rng = np.random.default_rng(1)
    samples = Samples(({name: rng.uniform(-2, 2, (2, 9)).astype(np.float32) for name in ("t0", "t1")},))
    (expected,) = FileSource(imported.file).answers(samples)
    (found,) = GraphSource(imported.model).answers(samples)
    assert np.abs(found["t2"] - expected["t2"]).max() <= 2 / 4096


def test_int16_layers_saturate_where_their_grids_end() -> None:
    """As a layer of 16-bit activations, 8-bit weights and a 64-bit bias."""
    rng = np.random.default_rng(2)
    weight = constant(rng.integers(-127, 128, (4, 64)), "int8", scales=[0.01], zeros=[0])
    bias = constant(rng.integers(-2000, 2000, 4), "int64", scales=[0.03 / 32767], zeros=[0])
    file = one(
        "FULLY_CONNECTED",
        [Given((8, 64), "int16", None, [3 / 32767], [0]), weight, bias],
        ("FullyConnectedOptions", {}),
        outputs=[Given((), "int16", None, [4 / 32767], [0])],
        version=7,
    )
    imported = import_tflite(file.payload(), "wide")
    samples = Samples(({"t0": rng.uniform(-4, 4, (8, 64)).astype(np.float32)},))
    (expected,) = FileSource(imported.file).answers(samples)
    (found,) = GraphSource(imported.model).answers(samples)
    assert 0.1 < np.mean(np.abs(expected["t3"]) >= 3.999) < 0.9  # some are cut off, some are not
    # Its input is rounded to 3 / 32767, of which 64 add up with weights of at most 1.27.
    assert np.abs(found["t3"] - expected["t3"]).max() <= 8 * 4 / 32767


def test_what_a_quantized_file_computes_in_float_is_known() -> None:
    tensors = [Given((2, 9)), Given((2, 9)), result("int8", IN), result("int8"), Given((2, 9))]
    for each in tensors[2:4]:
        each.shape = (2, 9)
    steps = [
        Step("ABS", [0], [1]),
        Step("QUANTIZE", [1], [2]),
        Step("ADD", [2, 2], [3], ("AddOptions", {}), 2),
        Step("DEQUANTIZE", [3], [4], None, 2),
    ]
    assert import_tflite(Model(tensors, steps, [0], [4]).payload(), "mixed").float_operators == ("ABS_0_",)
    assert import_tflite(one("ABS", [Given((2, 3))]).payload(), "float").float_operators == ()
