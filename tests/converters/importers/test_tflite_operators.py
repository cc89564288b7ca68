"""Every TFLite operator that is imported: LiteRT on the file against ONNX Runtime on the imported graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from needs import package
from tflite_operators import Given, Model, Step, constant, one

package("ai_edge_litert.interpreter")
package("onnxruntime")

from edgemm.converters.file_source import FileSource  # noqa: E402
from edgemm.converters.importers.tflite_graph import Imported, import_tflite  # noqa: E402
from edgemm.converters.importers.tflite_graph.table import OPERATORS  # noqa: E402
from edgemm.converters.passes import canonicalize  # noqa: E402
from edgemm.converters.reference import GraphSource  # noqa: E402
from edgemm.converters.samples import Samples  # noqa: E402

RNG = np.random.Generator
BOOL, INT = Given(kind="bool"), Given(kind="int32")


def real(*shape: int) -> Given:
    return Given(shape)


def ints(*content: int) -> Given:
    return constant(content, "int32")


def pick(rng: RNG, *choices: object):  # type: ignore[no-untyped-def]
    return choices[int(rng.integers(len(choices)))]


def one_hot(rng: RNG):  # type: ignore[no-untyped-def]
    shape, axis = pick(rng, ((2, 3), -1), ((2, 3), 1), ((), -1))
    values = [constant(4, "int32"), constant(np.float32(2)), constant(np.float32(-1))]
    return one("ONE_HOT", [Given(shape, "int32"), *values], ("OneHotOptions", {"axis": axis}))


def picture(rng: RNG, channels: int = 3) -> Given:
    return real(1, int(rng.integers(5, 11)), int(rng.integers(5, 11)), channels)


def normal(rng: RNG, *shape: int) -> Given:
    return constant(rng.normal(0, 0.5, shape).astype(np.float32))


def window(rng: RNG, **more: int) -> dict[str, int]:
    return {
        "padding": int(rng.integers(2)),
        "strideH": int(rng.integers(1, 4)),
        "strideW": int(rng.integers(1, 4)),
        **more,
    }


def activation(rng: RNG) -> dict[str, int]:
    return {"fusedActivationFunction": int(pick(rng, 0, 1, 2, 3))}


def conv(rng: RNG) -> Model:
    kernel = rng.integers(1, 4, 2)
    options = window(rng) | activation(rng)
    if rng.integers(2):
        options |= {"strideH": 1, "strideW": 1, "dilationHFactor": 2, "dilationWFactor": 1}
    return one(
        "CONV_2D", [picture(rng), normal(rng, 4, *kernel, 3), normal(rng, 4)], ("Conv2DOptions", options)
    )


def depthwise(rng: RNG) -> Model:
    multiplier = int(pick(rng, 1, 2, 3))
    options = window(rng, depthMultiplier=multiplier) | activation(rng)
    options["strideW"] = options["strideH"]
    weights = normal(rng, 1, *rng.integers(1, 4, 2), 3 * multiplier)
    bias = normal(rng, 3 * multiplier)  # without one, LiteRT crashes
    return one("DEPTHWISE_CONV_2D", [picture(rng), weights, bias], ("DepthwiseConv2DOptions", options))


def transpose_conv(rng: RNG) -> Model:
    options = window(rng)
    kernel = rng.integers(2, 5, 2)
    source = picture(rng)
    sizes = []
    for size, taps, stride in zip(
        source.shape[1:3], kernel, (options["strideH"], options["strideW"]), strict=True
    ):
        same = options["padding"] == 0
        sizes.append(size * stride if same else (size - 1) * stride + max(int(taps), stride))
    shape = ints(1, *map(int, sizes), 2)
    weights = normal(rng, 2, *kernel, 3)
    return one("TRANSPOSE_CONV", [shape, weights, source], ("TransposeConvOptions", options), version=2)


def pooling(code: str) -> Callable[[RNG], Model]:
    def made(rng: RNG) -> Model:
        filters = {"filterHeight": int(rng.integers(1, 4)), "filterWidth": int(rng.integers(1, 4))}
        return one(code, [picture(rng)], ("Pool2DOptions", window(rng) | filters | activation(rng)))

    return made


def resizing(code: str) -> Callable[[RNG], Model]:
    table = "ResizeBilinearOptions" if code == "RESIZE_BILINEAR" else "ResizeNearestNeighborOptions"

    def made(rng: RNG) -> Model:
        corners, half = pick(rng, (False, False), (True, False), (False, True))
        options = {"alignCorners": corners, "halfPixelCenters": half}
        return one(code, [picture(rng), ints(*map(int, rng.integers(2, 20, 2)))], (table, options))

    return made


def unary(code: str, low: float = -3.0, high: float = 3.0) -> Callable[[RNG], Model]:
    def made(rng: RNG) -> Model:
        return one(code, [picture(rng)])

    made.limits = (low, high)  # type: ignore[attr-defined]
    return made


def binary(code: str, table: str = "", output: Given | None = None) -> Callable[[RNG], Model]:
    def made(rng: RNG) -> Model:
        shape = picture(rng).shape
        other = pick(rng, shape, (1, 1, 1, shape[3]), (shape[3],), (), (1, shape[1], 1, shape[3]))
        second = Given(other) if rng.integers(2) else constant(rng.uniform(0.5, 2, other).astype(np.float32))
        options = (
            None
            if not table
            else (table, activation(rng) if table[:-7] in ("Add", "Sub", "Mul", "Div") else {})
        )
        return one(code, [Given(shape), second], options, outputs=[output or Given()])

    made.limits = (0.5, 3.0)  # type: ignore[attr-defined]
    return made


def whole(code: str, table: str) -> Callable[[RNG], Model]:
    def made(rng: RNG) -> Model:
        shape = picture(rng).shape
        return one(
            code,
            [Given(shape, "int32"), constant(rng.integers(1, 5, ()), "int32")],
            (table, {}),
            outputs=[INT],
        )

    return made


def logical(code: str, count: int, table: str) -> Callable[[RNG], Model]:
    return lambda rng: one(code, [Given((2, 5), "bool")] * count, (table, {}), outputs=[BOOL])


def reducing(code: str) -> Callable[[RNG], Model]:
    def made(rng: RNG) -> Model:
        axes = pick(rng, [1, 2], [1], [-1], [0, 3], [2])
        return one(code, [picture(rng), ints(*axes)], ("ReducerOptions", {"keepDims": bool(rng.integers(2))}))

    return made


def reducing_logical(code: str) -> Callable[[RNG], Model]:
    return lambda rng: one(
        code, [Given((2, 3, 4), "bool"), ints(int(rng.integers(3)))],
        ("ReducerOptions", {"keepDims": bool(rng.integers(2))}), outputs=[BOOL],
    )  # fmt: skip


def arg(code: str) -> Callable[[RNG], Model]:
    def made(rng: RNG) -> Model:
        wide = bool(rng.integers(2))
        table = "ArgMaxOptions" if code == "ARG_MAX" else "ArgMinOptions"
        out = Given(kind="int64" if wide else "int32")
        return one(
            code,
            [picture(rng), ints(int(pick(rng, -1, 1, 2)))],
            (table, {"outputType": 4 if wide else 2}),
            outputs=[out],
        )

    return made


def padding(code: str) -> Callable[[RNG], Model]:
    def made(rng: RNG) -> Model:
        sizes = constant(
            rng.integers(0, 3, (4, 2)) if code != "MIRROR_PAD" else [[0, 0], [1, 2], [2, 0], [0, 1]], "int32"
        )
        fill = [constant(np.float32(1.5))] if code == "PADV2" else []
        options = ("MirrorPadOptions", {"mode": int(rng.integers(2))}) if code == "MIRROR_PAD" else None
        return one(code, [picture(rng), sizes, *fill], options)

    return made


def strided(rng: RNG) -> Model:
    begin, end, steps, more = pick(
        rng,
        ([0, 1, 0, 0], [1, 4, 5, 3], [1, 1, 2, 1], {}),
        ([0, -1, 3, 0], [1, 0, 0, 3], [1, -1, -2, 1], {}),
        ([0, 1, 0, 2], [0, 4, 0, 3], [1, 2, 1, 1], {"beginMask": 1, "endMask": 5, "shrinkAxisMask": 8}),
        ([0, 0, 1], [0, 0, 3], [1, 1, 1], {"ellipsisMask": 1, "newAxisMask": 2}),
        ([0, 2], [0, 0], [1, 1], {"shrinkAxisMask": 3, "endMask": 0}),
        ([0, 4, 4, 0], [0, 0, 0, 0], [1, -1, -1, 1], {"beginMask": 15, "endMask": 15}),
    )
    return one(
        "STRIDED_SLICE",
        [picture(rng), ints(*begin), ints(*end), ints(*steps)],
        ("StridedSliceOptions", more),
        version=4,
    )


def fully_connected(rng: RNG) -> Model:
    keep = bool(rng.integers(2))
    shape = pick(rng, (2, 6), (1, 3, 6), (2, 2, 3, 6))
    bias = [normal(rng, 5)] if rng.integers(2) else []
    options = {"keepNumDims": keep} | activation(rng)
    return one(
        "FULLY_CONNECTED", [Given(shape), normal(rng, 5, 6), *bias], ("FullyConnectedOptions", options)
    )


def batch_matmul(rng: RNG) -> Model:
    x, y = bool(rng.integers(2)), bool(rng.integers(2))
    left, right = ((2, 4, 3) if x else (2, 3, 4)), ((2, 5, 4) if y else (2, 4, 5))
    return one("BATCH_MATMUL", [Given(left), Given(right)], ("BatchMatMulOptions", {"adjX": x, "adjY": y}))


def concat(rng: RNG) -> Model:
    shape = picture(rng).shape
    axis = int(pick(rng, 1, -1, 3))
    return one("CONCATENATION", [Given(shape), Given(shape)], ("ConcatenationOptions", {"axis": axis}))


def split(rng: RNG) -> Model:
    axis = int(pick(rng, 1, 3, -1))
    source = real(1, 6, 5, 6)
    return one("SPLIT", [ints(axis), source], ("SplitOptions", {"numSplits": 3}), outputs=[Given()] * 3)


def lstm(rng: RNG) -> Model:
    """As Keras writes it: no peepholes, states as variables."""
    batch, steps, into, hidden = 1, 4, 3, 5
    first = bool(rng.integers(2))
    tensors = [real(steps, batch, into) if first else real(batch, steps, into)]
    tensors += [normal(rng, hidden, into) for _ in range(4)]
    tensors += [normal(rng, hidden, hidden) for _ in range(4)]
    tensors += [normal(rng, hidden) for _ in range(4)]
    state = len(tensors)
    tensors += [Given((batch, hidden)), Given((batch, hidden)), Given()]
    inputs = [*range(9), -1, -1, -1, *range(9, 13), -1, -1, state, state + 1]
    options = {"fusedActivationFunction": 4, "timeMajor": first, "cellClip": 10.0}
    step = Step(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [state + 2], ("UnidirectionalSequenceLSTMOptions", options)
    )
    return Model(tensors, [step], [0], [state + 2], variables=(state, state + 1))


def rnn(rng: RNG) -> Model:
    batch, steps, into, hidden = 1, 4, 3, 5
    first = bool(rng.integers(2))
    tensors = [real(steps, batch, into) if first else real(batch, steps, into)]
    tensors += [
        normal(rng, hidden, into),
        normal(rng, hidden, hidden),
        normal(rng, hidden),
        Given((batch, hidden)),
        Given(),
    ]
    options = {"fusedActivationFunction": int(pick(rng, 1, 4)), "timeMajor": first}
    step = Step("UNIDIRECTIONAL_SEQUENCE_RNN", range(5), [5], ("SequenceRNNOptions", options))
    return Model(tensors, [step], [0], [5], variables=(4,))


def bidirectional_lstm(rng: RNG) -> Model:
    """One sequence: LiteRT itself mixes up several that are merged and not time-major."""
    hidden, size, merge, first = 3, 4, bool(rng.integers(2)), bool(rng.integers(2))
    time = Given((5, 1, size) if first else (1, 5, size))
    tensors, ways = [time], []
    for _ in range(2):
        own = [normal(rng, hidden, size) for _ in range(4)] + [normal(rng, hidden, hidden) for _ in range(4)]
        own += [normal(rng, hidden) for _ in range(4)]
        at = len(tensors)
        tensors += own
        ways.append([*range(at, at + 8), -1, -1, -1, *range(at + 8, at + 12), -1, -1])
    states = len(tensors)
    tensors += [Given((1, hidden)) for _ in range(4)]
    ends = len(tensors)
    tensors += [Given() for _ in range(1 if merge else 2)]
    inputs = [0, *ways[0], *ways[1], *range(states, states + 4), *[-1] * 9]
    options = ("BidirectionalSequenceLSTMOptions",
               {"fusedActivationFunction": 4, "mergeOutputs": merge, "timeMajor": first})  # fmt: skip
    outputs = list(range(ends, len(tensors)))
    step = Step("BIDIRECTIONAL_SEQUENCE_LSTM", inputs, outputs, options, 3)
    return Model(tensors, [step], [0], outputs, variables=range(states, states + 4))


def bidirectional_rnn(rng: RNG) -> Model:
    hidden, size, merge, first = 3, 4, bool(rng.integers(2)), bool(rng.integers(2))
    tensors = [Given((5, 2, size) if first else (2, 5, size))]
    for _ in range(2):
        tensors += [
            normal(rng, hidden, size),
            normal(rng, hidden, hidden),
            normal(rng, hidden),
            Given((2, hidden)),
        ]
    ends = len(tensors)
    tensors += [Given() for _ in range(1 if merge else 2)]
    options = (
        "BidirectionalSequenceRNNOptions",
        {"fusedActivationFunction": int(pick(rng, 1, 4)), "mergeOutputs": merge, "timeMajor": first},
    )
    outputs = list(range(ends, len(tensors)))
    step = Step("BIDIRECTIONAL_SEQUENCE_RNN", [*range(9), -1, -1, -1], outputs, options)
    return Model(tensors, [step], [0], outputs, variables=[4, 8])


def gather_batch(rng: RNG) -> Model:
    """Axis behind the batches, or further back; places that are computed, or known."""
    batch, axis = pick(rng, (1, 1), (1, 2), (2, 2), (1, 3), (2, 3))
    shape = (2, 3, 4, 5)
    places = rng.integers(0, 4, (*shape[:batch], *((2, 3)[: int(rng.integers(3))])))
    places = (places % shape[axis]).astype(np.int32)
    at = constant(places) if rng.integers(2) or axis == 1 else Given(places.shape, "int32")
    return one(
        "GATHER",
        [real(*shape), at],
        ("GatherOptions", {"axis": int(axis), "batchDims": int(batch)}),
        version=5,
    )


def spectrum(code: str) -> Callable[[RNG], Model]:
    def made(rng: RNG) -> Model:
        tensors = [real(2, 1, 16), ints(1, 16), Given(kind="complex64"), Given()]
        steps = [Step("RFFT2D", [0, 1], [2]), Step(code, [2], [3])]
        return Model(tensors, steps, [0], [3])

    return made


def half(rng: RNG) -> Model:
    """A constant in half precision."""
    tensors = [picture(rng), constant(rng.normal(0, 1, 3).astype(np.float16)), Given((3,)), Given()]
    return Model(
        tensors,
        [Step("DEQUANTIZE", [1], [2], None, 3), Step("ADD", [0, 2], [3], ("AddOptions", {}))],
        [0],
        [3],
    )


def gather_nd(rng: RNG) -> Model:
    return one("GATHER_ND", [real(4, 5, 3), constant(rng.integers(0, 4, (6, 2)), "int32")])


def select(rng: RNG) -> Model:
    shape = picture(rng).shape
    condition = constant(rng.integers(0, 2, (1, 1, 1, shape[3])) > 0)
    return one("SELECT_V2", [condition, Given(shape), Given((shape[3],))])


def space_to_batch(rng: RNG) -> Model:
    pads = constant([[0, 1], [1, 1]], "int32")
    return one("SPACE_TO_BATCH_ND", [real(1, 5, 4, 3), ints(2, 3), pads])


def batch_to_space(rng: RNG) -> Model:
    return one("BATCH_TO_SPACE_ND", [real(6, 3, 4, 2), ints(2, 3), constant([[0, 1], [2, 1]], "int32")])


UNARY_RANGES = {"LOG": (0.1, 3), "RSQRT": (0.1, 3), "SQRT": (0.0, 3)}
CASES: dict[str, Callable[[RNG], Model]] = {
    "CONV_2D": conv, "DEPTHWISE_CONV_2D": depthwise, "TRANSPOSE_CONV": transpose_conv,
    **{code: pooling(code) for code in ("MAX_POOL_2D", "AVERAGE_POOL_2D", "L2_POOL_2D")},
    **{code: resizing(code) for code in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")},
    **{
        code: unary(code, *UNARY_RANGES.get(code, (-3.0, 3.0)))
        for code in ("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LOG", "LOGISTIC", "NEG", "RELU",
                     "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ROUND", "RSQRT", "SIGN", "SIN", "SQRT", "SQUARE", "TANH",
                     "LOG_SOFTMAX", "ZEROS_LIKE")
    },
    **{code: binary(code, table) for code, table in {
        "ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "DIV": "DivOptions", "POW": "PowOptions",
        "MAXIMUM": "MaximumMinimumOptions", "MINIMUM": "MaximumMinimumOptions", "FLOOR_DIV": "FloorDivOptions",
        "FLOOR_MOD": "FloorModOptions", "SQUARED_DIFFERENCE": "SquaredDifferenceOptions"}.items()},
    **{code: binary(code, table, BOOL) for code, table in {
        "EQUAL": "EqualOptions", "NOT_EQUAL": "NotEqualOptions", "GREATER": "GreaterOptions", "LESS": "LessOptions",
        "GREATER_EQUAL": "GreaterEqualOptions", "LESS_EQUAL": "LessEqualOptions"}.items()},
    "FLOOR_DIV whole": whole("FLOOR_DIV", "FloorDivOptions"), "FLOOR_MOD whole": whole("FLOOR_MOD", "FloorModOptions"),
    "LOGICAL_AND": logical("LOGICAL_AND", 2, "LogicalAndOptions"),
    "LOGICAL_OR": logical("LOGICAL_OR", 2, "LogicalOrOptions"),
    "LOGICAL_NOT": logical("LOGICAL_NOT", 1, "LogicalNotOptions"),
    **{code: reducing(code) for code in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")},
    **{code: reducing_logical(code) for code in ("REDUCE_ANY", "REDUCE_ALL")},
    **{code: arg(code) for code in ("ARG_MAX", "ARG_MIN")},
    **{code: padding(code) for code in ("PAD", "PADV2", "MIRROR_PAD")},
    "PRELU": lambda rng: one("PRELU", [picture(rng), normal(rng, 1, 1, 3)]),
    "LEAKY_RELU": lambda rng: one("LEAKY_RELU", [picture(rng)], ("LeakyReluOptions", {"alpha": 0.3})),
    "GELU": lambda rng: one("GELU", [picture(rng)], ("GeluOptions", {"approximate": bool(rng.integers(2))})),
    "SOFTMAX": lambda rng: one("SOFTMAX", [picture(rng)], ("SoftmaxOptions", {"beta": float(pick(rng, 1.0, 0.5))})),
    "L2_NORMALIZATION": lambda rng: one("L2_NORMALIZATION", [picture(rng)], ("L2NormOptions", {})),
    "LOCAL_RESPONSE_NORMALIZATION": lambda rng: one(
        "LOCAL_RESPONSE_NORMALIZATION", [picture(rng, 7)],
        ("LocalResponseNormalizationOptions", {"radius": 2, "bias": 1.5, "alpha": 0.3, "beta": 0.75})),
    "DEPTH_TO_SPACE": lambda rng: one("DEPTH_TO_SPACE", [real(1, 3, 4, 12)], ("DepthToSpaceOptions", {"blockSize": 2})),
    "SPACE_TO_DEPTH": lambda rng: one("SPACE_TO_DEPTH", [real(1, 4, 6, 3)], ("SpaceToDepthOptions", {"blockSize": 2})),
    "SPACE_TO_BATCH_ND": space_to_batch, "BATCH_TO_SPACE_ND": batch_to_space,
    "RESHAPE": lambda rng: one("RESHAPE", [real(1, 4, 6, 3), ints(2, -1)], ("ReshapeOptions", {"newShape": [2, -1]})),
    "SQUEEZE": lambda rng: one("SQUEEZE", [real(1, 4, 1, 3)], ("SqueezeOptions", {"squeezeDims": [2]})),
    "EXPAND_DIMS": lambda rng: one("EXPAND_DIMS", [real(4, 3), ints(1)], ("ExpandDimsOptions", {})),
    "TRANSPOSE": lambda rng: one("TRANSPOSE", [real(2, 4, 5, 3), ints(*map(int, rng.permutation(4)))]),
    "CONCATENATION": concat, "SPLIT": split,
    "SPLIT_V": lambda rng: one("SPLIT_V", [real(1, 6, 5), ints(1, 3, 2), ints(1)], ("SplitVOptions", {"numSplits": 3}),
                               outputs=[Given()] * 3),
    "PACK": lambda rng: one("PACK", [real(4, 3)] * 3,
                            ("PackOptions", {"axis": int(pick(rng, 0, 1, -1)), "valuesCount": 3})),
    "UNPACK": lambda rng: one("UNPACK", [real(4, 3, 2)],
                              ("UnpackOptions", {"axis": 1, "num": 3}), outputs=[Given()] * 3),
    "SLICE": lambda rng: one("SLICE", [real(1, 6, 5, 3), ints(0, 2, 1, 0), ints(1, 3, -1, 2)]),
    "STRIDED_SLICE": strided,
    "DYNAMIC_UPDATE_SLICE": lambda rng: one(
        "DYNAMIC_UPDATE_SLICE", [real(4, 5, 3), real(*map(int, rng.integers(1, (5, 6, 4)))),
                                 constant(rng.integers(-1, 5, 3), "int32")]),
    "GATHER": lambda rng: one("GATHER", [real(4, 5, 3), constant(rng.integers(0, 3, (2, 2)), "int32")],
                              ("GatherOptions", {"axis": int(pick(rng, 0, 1, -1))})),
    "GATHER batch": gather_batch,
    "GATHER_ND": gather_nd,
    "EMBEDDING_LOOKUP": lambda rng: one("EMBEDDING_LOOKUP", [constant([3, 0, 2], "int32"), real(4, 5)]),
    "SCATTER_ND": lambda rng: one("SCATTER_ND", [constant([[1], [3], [1]], "int32"), real(3, 4), ints(5, 4)]),
    "FULLY_CONNECTED": fully_connected, "BATCH_MATMUL": batch_matmul,
    "SELECT_V2": select,
    "SELECT": lambda rng: one("SELECT", [constant(rng.integers(0, 2, 4) > 0), real(4, 3), real(4, 3)]),
    "CAST": lambda rng: one("CAST", [picture(rng)],
                            ("CastOptions", {"inDataType": 0, "outDataType": 2}), outputs=[INT]),
    "TILE": lambda rng: one("TILE", [real(2, 3, 2), ints(2, 1, 3)]),
    "BROADCAST_TO": lambda rng: one("BROADCAST_TO", [real(1, 3, 1), ints(2, 3, 4)], version=2),
    "REVERSE_V2": lambda rng: one("REVERSE_V2", [real(2, 5, 3), ints(1)]),
    "TOPK_V2": lambda rng: one("TOPK_V2", [real(3, 8), constant(3, "int32")], outputs=[Given(), INT]),
    "CUMSUM": lambda rng: one("CUMSUM", [real(3, 8), constant(1, "int32")],
                              ("CumsumOptions", {"exclusive": bool(rng.integers(2)),
                                                 "reverse": bool(rng.integers(2))})),
    "ONE_HOT": one_hot,
    "ADD_N": lambda rng: one("ADD_N", [real(2, 3)] * 3, ("AddNOptions", {})),
    "FILL": lambda rng: one("FILL", [ints(2, 3), real()]),
    "BIDIRECTIONAL_SEQUENCE_LSTM": bidirectional_lstm, "BIDIRECTIONAL_SEQUENCE_RNN": bidirectional_rnn,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm, "UNIDIRECTIONAL_SEQUENCE_RNN": rnn,
    "COMPLEX_ABS": spectrum("COMPLEX_ABS"), "REAL": spectrum("REAL"), "IMAG": spectrum("IMAG"),
    "DEQUANTIZE": half,
}  # fmt: skip
ELSEWHERE = {"RFFT2D", "QUANTIZE", "DENSIFY", "SHAPE", "RANK"}
"""Operators that other cases or tests have."""


def fed(imported: Imported, rng: RNG, low: float = -3.0, high: float = 3.0) -> Samples:
    """One sample of random numbers, of the types that the inputs have."""

    def numbers(kind: str, shape: tuple[int, ...]) -> np.ndarray:
        if kind == "bool":
            return rng.integers(0, 2, shape) > 0
        if kind == "int32":
            return rng.integers(0, 4, shape).astype(np.int32)
        return rng.uniform(low, high, shape).astype(np.float32)

    return Samples(({port.name: numbers(port.spec.dtype, port.spec.shape) for port in imported.file.inputs},))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", CASES)
def test_the_imported_graph_computes_what_litert_does(case: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    imported = import_tflite(CASES[case](rng).payload(), case)
    samples = fed(imported, rng, *getattr(CASES[case], "limits", (-3.0, 3.0)))
    canonical = imported.model.clone()
    (expected,) = FileSource(imported.file).answers(samples)
    graphs = [imported.model]
    if case not in ("ZEROS_LIKE",):
        canonicalize(canonical)
        graphs.append(canonical)
    for graph in graphs:
        (found,) = GraphSource(graph).answers(samples)
        for name, array in expected.items():
            assert found[name].shape == array.shape
            # LiteRT's kernels approximate exponentials and tanh to some 1e-6 of their range
            np.testing.assert_allclose(found[name], array, rtol=2e-4, atol=2e-5)


def test_every_operator_of_the_table_has_a_case() -> None:
    assert OPERATORS.keys() - {case.split()[0] for case in CASES} == ELSEWHERE
