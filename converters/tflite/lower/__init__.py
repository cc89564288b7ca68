"""One lowering per ONNX operator. To add one: a function in the file of its family, and a line here."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from edgemm.converters.tflite.lower.activation import (
    UNARY,
    lower_atan,
    lower_clip,
    lower_elu,
    lower_gelu,
    lower_leaky_relu,
    lower_length,
    lower_local_response,
    lower_softmax,
    lower_unary,
)
from edgemm.converters.tflite.lower.arithmetic import BINARY, lower_binary, lower_prelu
from edgemm.converters.tflite.lower.conv import lower_conv
from edgemm.converters.tflite.lower.gather import lower_gather
from edgemm.converters.tflite.lower.linear import lower_gemm, lower_matmul
from edgemm.converters.tflite.lower.logic import (
    COMPARISONS,
    lower_cast,
    lower_comparison,
    lower_not,
    lower_where,
)
from edgemm.converters.tflite.lower.pick import lower_arg, lower_expand, lower_split, lower_tile
from edgemm.converters.tflite.lower.pool import (
    lower_average_pool,
    lower_global_average_pool,
    lower_global_max_pool,
    lower_max_pool,
)
from edgemm.converters.tflite.lower.recurrent import lower_recurrent
from edgemm.converters.tflite.lower.reduce import REDUCTIONS, lower_reduce
from edgemm.converters.tflite.lower.resize import lower_resize
from edgemm.converters.tflite.lower.scattered import (
    lower_cumsum,
    lower_gather_nd,
    lower_reverse_sequence,
    lower_scatter_nd,
    lower_top_k,
)
from edgemm.converters.tflite.lower.shape import (
    lower_concat,
    lower_pad,
    lower_reshape,
    lower_slice,
    lower_transpose,
)
from edgemm.converters.tflite.lower.transposed import lower_conv_transpose
from edgemm.converters.tflite.lowering import Lowering

LOWERINGS: dict[str, Callable[[Lowering, ir.Node], None]] = {
    "Atan": lower_atan,
    "AveragePool": lower_average_pool,
    "Clip": lower_clip,
    "Concat": lower_concat,
    "Conv": lower_conv,
    "ConvTranspose": lower_conv_transpose,
    "Elu": lower_elu,
    "FastGelu": lower_gelu,
    "GRU": lower_recurrent,
    "Gather": lower_gather,
    "Gelu": lower_gelu,
    "Gemm": lower_gemm,
    "GlobalAveragePool": lower_global_average_pool,
    "GlobalMaxPool": lower_global_max_pool,
    "LRN": lower_local_response,
    "LSTM": lower_recurrent,
    "LeakyRelu": lower_leaky_relu,
    "LogSoftmax": lower_softmax,
    "LpNormalization": lower_length,
    "MatMul": lower_matmul,
    "MaxPool": lower_max_pool,
    "PRelu": lower_prelu,
    "Pad": lower_pad,
    "RNN": lower_recurrent,
    "Reshape": lower_reshape,
    "Resize": lower_resize,
    "Slice": lower_slice,
    "Softmax": lower_softmax,
    "Transpose": lower_transpose,
    "ArgMax": lower_arg,
    "ArgMin": lower_arg,
    "Cast": lower_cast,
    "CumSum": lower_cumsum,
    "Expand": lower_expand,
    "GatherND": lower_gather_nd,
    "Not": lower_not,
    "ReverseSequence": lower_reverse_sequence,
    "ScatterND": lower_scatter_nd,
    "Split": lower_split,
    "Tile": lower_tile,
    "TopK": lower_top_k,
    "Where": lower_where,
    **dict.fromkeys(BINARY, lower_binary),
    **dict.fromkeys(COMPARISONS, lower_comparison),
    **dict.fromkeys(REDUCTIONS, lower_reduce),
    **dict.fromkeys(UNARY, lower_unary),
}
"""ONNX operator (default domain) -> what turns a node of it into TFLite operators."""
