"""TFLite operator -> the function that draws it."""

from __future__ import annotations

from collections.abc import Callable

from edgemm.converters.importers.tflite_graph import (
    arrange,
    elementwise,
    recurrent,
    reductions,
    spectrum,
    windows,
)
from edgemm.converters.importers.tflite_graph.file import Operator
from edgemm.converters.importers.tflite_graph.sketch import Sketch

Draw = Callable[[Sketch, Operator], None]

OPERATORS: dict[str, Draw] = {
    **dict.fromkeys(elementwise.UNARY, elementwise.unary),
    **dict.fromkeys(elementwise.BINARY, elementwise.binary),
    **dict.fromkeys(reductions.REDUCED, reductions.reduce),
    "ADD_N": elementwise.add_n,
    "ARG_MAX": reductions.arg,
    "ARG_MIN": reductions.arg,
    "AVERAGE_POOL_2D": windows.pool,
    "BATCH_MATMUL": reductions.batch_matmul,
    "BATCH_TO_SPACE_ND": windows.batch_to_space,
    "BIDIRECTIONAL_SEQUENCE_LSTM": recurrent.bidirectional_lstm,
    "BIDIRECTIONAL_SEQUENCE_RNN": recurrent.bidirectional_rnn,
    "BROADCAST_TO": arrange.broadcast_to,
    "CAST": elementwise.cast,
    "COMPLEX_ABS": spectrum.magnitude,
    "CONCATENATION": arrange.concat,
    "CONV_2D": windows.conv,
    "CUMSUM": reductions.cumsum,
    "DENSIFY": elementwise.same,
    "DEPTHWISE_CONV_2D": windows.conv,
    "DEPTH_TO_SPACE": windows.depth,
    "DEQUANTIZE": elementwise.same,
    "DYNAMIC_UPDATE_SLICE": arrange.update_slice,
    "EMBEDDING_LOOKUP": reductions.embedding,
    "EXPAND_DIMS": arrange.reshape,
    "FILL": arrange.fill,
    "FLOOR_DIV": elementwise.floor_div,
    "FLOOR_MOD": elementwise.floor_div,
    "FULLY_CONNECTED": reductions.fully_connected,
    "GATHER": reductions.gather,
    "GATHER_ND": reductions.gather_nd,
    "GELU": elementwise.gelu,
    "IMAG": spectrum.part,
    "L2_NORMALIZATION": elementwise.l2_normalize,
    "L2_POOL_2D": windows.pool,
    "LEAKY_RELU": elementwise.leaky_relu,
    "LOCAL_RESPONSE_NORMALIZATION": windows.local_response,
    "LOG_SOFTMAX": elementwise.softmax,
    "MAX_POOL_2D": windows.pool,
    "MIRROR_PAD": arrange.pad,
    "NOT_EQUAL": elementwise.not_equal,
    "ONE_HOT": reductions.one_hot,
    "PACK": arrange.pack,
    "PAD": arrange.pad,
    "PADV2": arrange.pad,
    "QUANTIZE": elementwise.same,
    "RANK": arrange.shape_of,
    "REAL": spectrum.part,
    "REDUCE_ALL": reductions.reduce_logical,
    "REDUCE_ANY": reductions.reduce_logical,
    "RELU6": elementwise.clip,
    "RELU_0_TO_1": elementwise.clip,
    "RELU_N1_TO_1": elementwise.clip,
    "RESHAPE": arrange.reshape,
    "RESIZE_BILINEAR": windows.resize,
    "RESIZE_NEAREST_NEIGHBOR": windows.resize,
    "REVERSE_V2": arrange.reverse,
    "RFFT2D": spectrum.rfft,
    "RSQRT": elementwise.rsqrt,
    "SCATTER_ND": reductions.scatter_nd,
    "SELECT": elementwise.select,
    "SELECT_V2": elementwise.select,
    "SHAPE": arrange.shape_of,
    "SLICE": arrange.slice_,
    "SOFTMAX": elementwise.softmax,
    "SPACE_TO_BATCH_ND": windows.space_to_batch,
    "SPACE_TO_DEPTH": windows.depth,
    "SPLIT": arrange.split,
    "SPLIT_V": arrange.split,
    "SQUARE": elementwise.square,
    "SQUARED_DIFFERENCE": elementwise.squared_difference,
    "SQUEEZE": arrange.reshape,
    "STRIDED_SLICE": arrange.strided_slice,
    "TILE": arrange.tile,
    "TOPK_V2": reductions.topk,
    "TRANSPOSE": arrange.transpose,
    "TRANSPOSE_CONV": windows.transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": recurrent.lstm,
    "UNIDIRECTIONAL_SEQUENCE_RNN": recurrent.rnn,
    "UNPACK": arrange.unpack,
    "ZEROS_LIKE": arrange.fill,
}
COMPLEX: dict[str, Draw] = {"RESHAPE": spectrum.same_complex, "SQUEEZE": spectrum.same_complex}
"""The same for operators that read complex numbers."""
REMEDY = "Convert from the ONNX or torch model, or export the model without it"
LOOPS = (
    "Export the model with its loops unrolled (Keras: unroll=True), or convert from the ONNX or torch model"
)
REMEDIES = {"STABLEHLO_WHILE": LOOPS}
"""Operator -> what to do instead, where more can be said."""
