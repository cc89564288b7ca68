"""Operators that slide a window over pictures, or change their size."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.importers.tflite_graph.file import Operator
from edgemm.converters.importers.tflite_graph.sketch import Sketch, channels_first
from edgemm.converters.tflite.schema import enum_names

NCHW = channels_first(4)


def _pads(
    sketch: Sketch, op: Operator, kernel: tuple[int, int], dilations: tuple[int, int], data: int
) -> list[int]:
    """begin h, begin w, end h, end w."""
    if enum_names("Padding").get(op.option("padding")) == "VALID":
        return [0, 0, 0, 0]
    strides = op.option("strideH", 1), op.option("strideW", 1)
    begins, ends = [], []
    for size, taps, stride, dilation in zip(sketch.shape(data)[1:3], kernel, strides, dilations, strict=True):
        total = max((-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        begins.append(total // 2)
        ends.append(total - total // 2)
    return [*begins, *ends]


def _dilations(op: Operator) -> tuple[int, int]:
    return int(op.option("dilationHFactor", 1)) or 1, int(op.option("dilationWFactor", 1)) or 1


def _weights(sketch: Sketch, index: int, order: tuple[int, ...]) -> ir.Value:
    return sketch.read(index, order)


def _bias(sketch: Sketch, op: Operator, place: int) -> list[ir.Value]:
    given = len(op.inputs) > place and op.inputs[place] >= 0
    return [sketch.read(op.inputs[place])] if given else []


def _convolved(
    sketch: Sketch, op: Operator, source: int, dilations: tuple[int, int], pads: list[int]
) -> ir.Value:
    """What a CONV_2D or DEPTHWISE_CONV_2D makes of a tensor, in NCHW, its activation not included."""
    depth_wise = op.code == "DEPTHWISE_CONV_2D"
    _, height, width, depth = sketch.shape(op.inputs[1])
    channels = sketch.shape(source)[3]
    return sketch.node(
        "Conv",
        [
            sketch.read(source, NCHW),
            _weights(sketch, op.inputs[1], (3, 0, 1, 2) if depth_wise else (0, 3, 1, 2)),
            *_bias(sketch, op, 2),
        ],
        kernel_shape=[height, width],
        strides=[int(op.option("strideH", 1)), int(op.option("strideW", 1))],
        dilations=list(dilations),
        pads=pads,
        group=channels if depth_wise else channels // depth,
    )


def conv(sketch: Sketch, op: Operator) -> None:
    """CONV_2D, weights [out, h, w, in]; DEPTHWISE_CONV_2D, weights [1, h, w, channels * multiplier]."""
    source, dilations = op.inputs[0], _dilations(op)
    _, height, width, _ = sketch.shape(op.inputs[1])
    pads = _pads(sketch, op, (height, width), dilations, source)
    value = _convolved(sketch, op, source, dilations, pads)
    sketch.write(op.outputs[0], value, NCHW, activation=op.option("fusedActivationFunction"))


def transpose_conv(sketch: Sketch, op: Operator) -> None:
    """TRANSPOSE_CONV; weights [out, h, w, in]."""
    _, height, width, _ = sketch.shape(op.inputs[1])
    given, wanted = sketch.shape(op.inputs[2])[1:3], sketch.shape(op.outputs[0])[1:3]
    strides = [int(op.option("strideH", 1)), int(op.option("strideW", 1))]
    valid = enum_names("Padding").get(op.option("padding")) == "VALID"
    begins, ends, extra = [], [], []
    for size, out, taps, stride in zip(given, wanted, (height, width), strides, strict=True):
        steps = (out - taps) // stride + 1 if valid else -(-out // stride)
        begin = max((steps - 1) * stride + taps - out, 0) // 2
        rest = (size - 1) * stride + taps - begin - out
        begins.append(begin)
        ends.append(max(rest, 0))
        extra.append(max(-rest, 0))
    value = sketch.node(
        "ConvTranspose",
        [
            sketch.read(op.inputs[2], NCHW),
            _weights(sketch, op.inputs[1], (3, 0, 1, 2)),
            *_bias(sketch, op, 3),
        ],
        kernel_shape=[height, width],
        strides=strides,
        pads=[*begins, *ends],
        output_padding=extra,
    )
    sketch.write(op.outputs[0], value, NCHW, activation=op.option("fusedActivationFunction"))


def pool(sketch: Sketch, op: Operator) -> None:
    """MAX_POOL_2D, AVERAGE_POOL_2D (padding is not counted), L2_POOL_2D."""
    kernel = int(op.option("filterHeight", 1)), int(op.option("filterWidth", 1))
    value = sketch.read(op.inputs[0], NCHW)
    squares = op.code == "L2_POOL_2D"
    if squares:
        value = sketch.node("Mul", [value, value])
    more = {} if op.code == "MAX_POOL_2D" else {"count_include_pad": 0}
    value = sketch.node(
        "MaxPool" if op.code == "MAX_POOL_2D" else "AveragePool",
        [value],
        kernel_shape=list(kernel),
        strides=[int(op.option("strideH", 1)), int(op.option("strideW", 1))],
        pads=_pads(sketch, op, kernel, (1, 1), op.inputs[0]),
        **more,
    )
    if squares:
        value = sketch.node("Sqrt", [value])
    sketch.write(op.outputs[0], value, NCHW, activation=op.option("fusedActivationFunction"))


def resize(sketch: Sketch, op: Operator) -> None:
    """RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR."""
    corners, half = bool(op.option("alignCorners")), bool(op.option("halfPixelCenters"))
    linear = op.code == "RESIZE_BILINEAR"
    nearest = "round_prefer_ceil" if corners or half else "floor"
    batch, height, width, channels = sketch.shape(op.outputs[0])
    sizes = sketch.constant(np.array([batch, channels, height, width], np.int64))
    value = sketch.node(
        "Resize",
        [sketch.read(op.inputs[0], NCHW), None, None, sizes],
        mode="linear" if linear else "nearest",
        coordinate_transformation_mode="align_corners" if corners else "half_pixel" if half else "asymmetric",
        **({} if linear else {"nearest_mode": nearest}),
    )
    sketch.write(op.outputs[0], value, NCHW)


def depth(sketch: Sketch, op: Operator) -> None:
    """DEPTH_TO_SPACE, SPACE_TO_DEPTH."""
    name = "DepthToSpace" if op.code == "DEPTH_TO_SPACE" else "SpaceToDepth"
    more = {"mode": "DCR"} if name == "DepthToSpace" else {}
    value = sketch.node(
        name, [sketch.read(op.inputs[0], NCHW)], blocksize=int(op.option("blockSize", 2)), **more
    )
    sketch.write(op.outputs[0], value, NCHW)


def local_response(sketch: Sketch, op: Operator) -> None:
    """LOCAL_RESPONSE_NORMALIZATION: TFLite's alpha counts for each channel, ONNX's for all of them."""
    size = 2 * int(op.option("radius", 5)) + 1
    value = sketch.node(
        "LRN", [sketch.read(op.inputs[0], NCHW)], size=size, bias=float(op.option("bias", 1.0)),
        alpha=float(op.option("alpha", 1.0)) * size, beta=float(op.option("beta", 0.5)),
    )  # fmt: skip
    sketch.write(op.outputs[0], value, NCHW)


def space_to_batch(sketch: Sketch, op: Operator) -> None:
    """SPACE_TO_BATCH_ND of pictures."""
    sizes = sketch.numbers(op.inputs[1], "block")
    pads = np.array(sketch.numbers(op.inputs[2], "padding")).reshape(-1, 2)
    value, shape = sketch.read(op.inputs[0]), list(sketch.shape(op.inputs[0]))
    count, rank = len(sizes), len(shape)
    edges = np.zeros((rank, 2), np.int64)
    edges[1 : 1 + count] = pads
    if edges.any():
        value = sketch.node("Pad", [value, sketch.constant(edges.T.reshape(-1))])
        shape = [size + int(sum(edge)) for size, edge in zip(shape, edges, strict=True)]
    split = [shape[0]]
    for size, block in zip(shape[1 : 1 + count], sizes, strict=True):
        split += [size // block, block]
    value = sketch.reshape(value, [*split, *shape[1 + count :]])
    blocks, grid = [2 + 2 * each for each in range(count)], [1 + 2 * each for each in range(count)]
    order = [*blocks, 0, *grid, *range(1 + 2 * count, len(split) + rank - 1 - count)]
    value = sketch.node("Transpose", [value], perm=order)
    sketch.write(op.outputs[0], sketch.reshape(value, sketch.shape(op.outputs[0])))


def batch_to_space(sketch: Sketch, op: Operator) -> None:
    """BATCH_TO_SPACE_ND of pictures."""
    if _dilated(sketch, op):
        return
    sizes = sketch.numbers(op.inputs[1], "block")
    crops = np.array(sketch.numbers(op.inputs[2], "crops")).reshape(-1, 2)
    shape, count = list(sketch.shape(op.inputs[0])), len(sizes)
    batch = shape[0] // int(np.prod(sizes))
    value = sketch.reshape(sketch.read(op.inputs[0]), [*sizes, batch, *shape[1:]])
    order = [count]
    for each in range(count):
        order += [count + 1 + each, each]
    order += list(range(1 + 2 * count, len(shape) + count))
    value = sketch.node("Transpose", [value], perm=order)
    grown = [size * block for size, block in zip(shape[1 : 1 + count], sizes, strict=True)]
    value = sketch.reshape(value, [batch, *grown, *shape[1 + count :]])
    if crops.any():
        ends = [size - int(crop[1]) for size, crop in zip(grown, crops, strict=True)]
        limits = [crops[:, 0], ends, list(range(1, 1 + count))]
        value = sketch.node("Slice", [value, *(sketch.constant(np.array(each, np.int64)) for each in limits)])
    sketch.write(op.outputs[0], value)


def _dilated(sketch: Sketch, op: Operator) -> bool:
    """SPACE_TO_BATCH_ND, a convolution and BATCH_TO_SPACE_ND, which is how a dilated convolution was written before
    there were dilations: it is drawn as one. What lies between stays, and goes where nothing else reads it.

    Returns:
        False, and nothing is drawn, where it is something else.
    """
    inner = sketch.maker(op.inputs[0])
    spread = None if inner is None else sketch.maker(inner.inputs[0])
    if inner is None or spread is None or spread.code != "SPACE_TO_BATCH_ND":
        return False
    if inner.code not in ("CONV_2D", "DEPTHWISE_CONV_2D") or len(sketch.shape(spread.inputs[0])) != len(NCHW):
        return False
    valid = enum_names("Padding").get(inner.option("padding")) == "VALID"
    steps = inner.option("strideH", 1), inner.option("strideW", 1), *_dilations(inner)
    block, apart = sketch.numbers(op.inputs[1], "block"), sketch.numbers(spread.inputs[1], "block")
    crops, pads = sketch.numbers(op.inputs[2], "crops"), sketch.numbers(spread.inputs[2], "padding")
    if not valid or set(steps) != {1} or len(block) != 2 or block != apart:
        return False
    left = [pad - crop for pad, crop in zip(pads, crops, strict=True)]  # begin h, end h, begin w, end w
    if min(left) < 0:
        return False
    value = _convolved(
        sketch, inner, spread.inputs[0], (block[0], block[1]), [left[0], left[2], left[1], left[3]]
    )
    sketch.write(op.outputs[0], value, NCHW, activation=inner.option("fusedActivationFunction"))
    return True
