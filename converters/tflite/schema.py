"""LiteRT's own schema module, and the one table of operator forms: version, and the oldest runtime that has it.

Versions follow TensorFlow Lite's op_version.cc, runtimes its runtime_version.cc.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any, Literal

from edgemm.dependency import load_dependency

Form = Literal[
    "float",
    "int8",
    "hybrid",
    "hybrid_per_channel",
    "dilated",
    "grouped",
    "half_pixel",
    "keep_dims",
    "per_channel",
    "wide",
    "rescaled",
]
""""wide": more than four dimensions. "rescaled": a product of scales above the output's."""

FORMS: dict[str, dict[Form, tuple[int, str]]] = {
    "ABS": {"float": (1, "1.13.0")},
    "ADD": {"float": (1, "1.5.0"), "int8": (2, "1.14.0")},
    "AVERAGE_POOL_2D": {"float": (1, "1.5.0"), "int8": (2, "1.14.0")},
    "ARG_MAX": {"float": (1, "1.9.0"), "int8": (2, "1.14.0")},
    "ARG_MIN": {"float": (1, "1.9.0"), "int8": (2, "1.14.0")},
    "ATAN2": {"float": (1, "2.10.0")},
    "BATCH_MATMUL": {"float": (1, "2.3.0"), "int8": (2, "2.3.0")},
    "BROADCAST_TO": {"float": (2, "2.5.0")},
    "CAST": {"float": (1, "1.5.0")},
    "CEIL": {"float": (1, "1.14.0")},
    "CONCATENATION": {"float": (1, "1.5.0"), "int8": (2, "1.14.0")},
    "CONV_2D": {
        "float": (1, "1.5.0"),
        "int8": (3, "1.14.0"),
        "dilated": (1, "1.5.0"),
        "grouped": (6, "2.9.0"),
        "hybrid": (2, "1.14.0"),
        "hybrid_per_channel": (5, "2.4.0"),
    },
    "COS": {"float": (1, "1.14.0")},
    "CUMSUM": {"float": (1, "2.4.0")},
    "DEPTHWISE_CONV_2D": {"float": (1, "1.5.0"), "int8": (3, "1.14.0"), "dilated": (2, "1.12.0")},
    "DEQUANTIZE": {"float": (2, "1.14.0"), "int8": (2, "1.14.0"), "per_channel": (5, "2.7.0")},
    "DIV": {"float": (1, "1.6.0")},
    "DYNAMIC_UPDATE_SLICE": {"float": (1, "2.9.0")},
    "ELU": {"float": (1, "1.14.0")},
    "EQUAL": {"float": (2, "1.14.0")},
    "EXP": {"float": (1, "1.7.0")},
    "FILL": {"float": (1, "1.13.0")},
    "FLOOR": {"float": (1, "1.9.0")},
    "FLOOR_MOD": {"float": (1, "1.13.0")},
    "FULLY_CONNECTED": {
        "float": (1, "1.5.0"),
        "int8": (4, "1.14.0"),
        "hybrid": (3, "1.14.0"),
        "hybrid_per_channel": (12, "2.17.0"),
        "keep_dims": (6, "2.1.0"),
    },
    "GATHER": {"float": (1, "1.6.0"), "int8": (2, "1.14.0")},
    "GATHER_ND": {"float": (1, "1.14.0")},
    "GELU": {"float": (1, "2.9.0")},
    "GREATER": {"float": (1, "1.14.0")},
    "GREATER_EQUAL": {"float": (1, "1.14.0")},
    "HARD_SWISH": {"float": (1, "1.15.0"), "int8": (1, "1.15.0")},
    "L2_NORMALIZATION": {"float": (1, "1.5.0")},
    "LEAKY_RELU": {"float": (1, "1.13.1"), "int8": (1, "1.13.1")},
    "LESS": {"float": (1, "1.14.0")},
    "LESS_EQUAL": {"float": (1, "1.14.0")},
    "LOCAL_RESPONSE_NORMALIZATION": {"float": (1, "1.5.0")},
    "LOG": {"float": (1, "1.14.0")},
    "LOG_SOFTMAX": {"float": (1, "1.14.0"), "int8": (2, "1.14.0")},
    "LOGICAL_AND": {"float": (1, "1.11.0")},
    "LOGICAL_NOT": {"float": (1, "1.11.0")},
    "LOGICAL_OR": {"float": (1, "1.11.0")},
    "LOGISTIC": {"float": (1, "1.14.0"), "int8": (2, "1.14.0")},
    "MAXIMUM": {"float": (1, "1.14.0"), "int8": (2, "1.14.0")},
    "MAX_POOL_2D": {"float": (1, "1.5.0"), "int8": (2, "1.14.0")},
    "MEAN": {"float": (1, "1.6.0"), "int8": (2, "1.14.0")},
    "MINIMUM": {"float": (1, "1.14.0"), "int8": (2, "1.14.0")},
    "MIRROR_PAD": {"float": (1, "1.13.1"), "int8": (2, "2.3.0")},
    "MUL": {"float": (1, "1.5.0"), "int8": (2, "1.14.0"), "rescaled": (3, "1.15.0")},
    "NEG": {"float": (1, "1.9.0")},
    "NOT_EQUAL": {"float": (2, "1.14.0")},
    "PAD": {"float": (1, "1.5.0"), "int8": (2, "1.14.0"), "wide": (4, "2.6.0")},
    "PADV2": {"float": (1, "1.9.0"), "int8": (2, "1.14.0"), "wide": (4, "2.6.0")},
    "POW": {"float": (1, "1.10.0")},
    "PRELU": {"float": (1, "1.8.0"), "int8": (1, "1.8.0")},
    "QUANTIZE": {"float": (1, "1.14.0"), "int8": (1, "1.14.0")},
    "REDUCE_MAX": {"float": (1, "1.11.0"), "int8": (2, "1.14.0")},
    "REDUCE_MIN": {"float": (1, "1.11.0"), "int8": (2, "1.14.0")},
    "REDUCE_PROD": {"float": (1, "1.11.0")},
    "RELU": {"float": (1, "1.5.0"), "int8": (2, "2.1.0")},
    "RELU6": {"float": (1, "1.5.0"), "int8": (2, "1.14.0")},
    "RELU_N1_TO_1": {"float": (1, "1.5.0"), "int8": (1, "1.5.0")},
    "RESHAPE": {"float": (1, "1.5.0"), "int8": (1, "1.5.0")},
    "RESIZE_BILINEAR": {"float": (1, "1.7.0"), "int8": (2, "1.14.0"), "half_pixel": (3, "2.2.0")},
    "RESIZE_NEAREST_NEIGHBOR": {"float": (1, "1.13.1"), "int8": (2, "1.14.0"), "half_pixel": (3, "2.3.0")},
    "REVERSE_SEQUENCE": {"float": (1, "1.14.0")},
    "ROUND": {"float": (1, "1.14.0")},
    "RSQRT": {"float": (1, "1.10.0")},
    "SCATTER_ND": {"float": (1, "2.1.0")},
    "SELECT_V2": {"float": (1, "2.2.0")},
    "SIGN": {"float": (1, "2.12.0")},
    "SIN": {"float": (1, "1.9.0")},
    "SOFTMAX": {"float": (1, "1.5.0"), "int8": (2, "1.14.0")},
    "SQRT": {"float": (1, "1.10.0")},
    "STRIDED_SLICE": {"float": (1, "1.6.0"), "int8": (2, "1.14.0"), "wide": (4, "2.2.0")},
    "SUB": {"float": (1, "1.6.0"), "int8": (2, "1.14.0")},
    "SUM": {"float": (1, "1.10.0")},
    "TILE": {"float": (1, "1.10.1"), "int8": (3, "2.8.0")},
    "TANH": {"float": (1, "1.14.0"), "int8": (2, "1.14.0")},
    "TOPK_V2": {"float": (1, "1.7.0")},
    "TRANSPOSE_CONV": {"float": (3, "2.3.0"), "int8": (3, "2.3.0")},
    "TRANSPOSE": {"float": (1, "1.6.0"), "int8": (2, "1.14.0"), "wide": (4, "2.3.0")},
    "WHILE": {"float": (1, "1.15.0")},
}

OPTIONS: dict[str, str] = {
    "ADD": "AddOptions",
    "ARG_MAX": "ArgMaxOptions",
    "ARG_MIN": "ArgMinOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "CUMSUM": "CumsumOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DIV": "DivOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GATHER": "GatherOptions",
    "GELU": "GeluOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "LOCAL_RESPONSE_NORMALIZATION": "LocalResponseNormalizationOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "MUL": "MulOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "REVERSE_SEQUENCE": "ReverseSequenceOptions",
    "SOFTMAX": "SoftmaxOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "WHILE": "WhileOptions",
}
"""Operator -> its table of options in the schema; the others have none that matters."""

TYPES = {
    "float32": "FLOAT32",
    "float16": "FLOAT16",
    "int8": "INT8",
    "uint8": "UINT8",
    "int32": "INT32",
    "int64": "INT64",
    "bool": "BOOL",
}
"""numpy name -> TensorType."""


@cache
def schema() -> ModuleType:
    """The generated module with the whole TFLite schema.

    Raises:
        MissingDependency: LiteRT is not installed.
    """
    feature = "LiteRT, with whose schema .tflite files are written,"
    module: ModuleType = load_dependency("ai_edge_litert.schema_py_generated", feature, "litert")
    return module


def enum(group: str, name: str) -> int:
    """The number of a name in one of the schema's enumerations."""
    return int(getattr(getattr(schema(), group), name))


@cache
def enum_names(group: str) -> dict[int, str]:
    """Number -> name of one of the schema's enumerations."""
    members = vars(getattr(schema(), group))
    return {value: name for name, value in members.items() if isinstance(value, int)}


def options(code: str, values: dict[str, Any]) -> tuple[int, Any]:
    """The options object of an operator, and its kind; (0, None) where it has none."""
    kind = OPTIONS.get(code)
    if kind is None:
        return 0, None
    made = getattr(schema(), kind + "T")()
    for name, value in values.items():
        setattr(made, name, value)
    return enum("BuiltinOptions", kind), made
