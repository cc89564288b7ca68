"""Layers with weights, norms, softmaxes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from edgemm.quantize.aware.operators.call import Call


def padded(value: Tensor, pads: tuple[int, ...], fill: float = 0.0) -> Tensor:
    """ONNX's pads (all begins, then all ends) along the last dimensions."""
    rank = len(pads) // 2
    pairs = [each for axis in reversed(range(rank)) for each in (pads[axis], pads[axis + rank])]
    return functional.pad(value, pairs, value=fill) if any(pads) else value


def _conv(call: Call) -> Tensor:
    rank = call[0].dim() - 2
    kinds = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
    return kinds[rank](
        padded(call[0], call.integers("pads", (0,) * 2 * rank)),
        call[1],
        call[2] if call.has(2) else None,
        stride=call.integers("strides", (1,) * rank),
        dilation=call.integers("dilations", (1,) * rank),
        groups=call.integer("group", 1),
    )


def _conv_transpose(call: Call) -> Tensor:
    """Everything is computed, then cut or filled up to the shape that the graph has."""
    rank = call[0].dim() - 2
    kinds = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}
    whole = kinds[rank](
        call[0],
        call[1],
        None,
        stride=call.integers("strides", (1,) * rank),
        dilation=call.integers("dilations", (1,) * rank),
        groups=call.integer("group", 1),
    )
    pads = call.integers("pads", (0,) * 2 * rank)
    for axis, size in enumerate(call.shape[2:]):
        missing = max(pads[axis] + size - whole.shape[2 + axis], 0)
        ends = [0] * 2 * rank
        ends[axis + rank] = missing
        whole = padded(whole, tuple(ends)).narrow(2 + axis, pads[axis], size)
    return whole + call[2].reshape(-1, *(1,) * rank) if call.has(2) else whole


def _gemm(call: Call) -> Tensor:
    left = call[0].transpose(0, 1) if call.integer("transA", 0) else call[0]
    right = call[1].transpose(0, 1) if call.integer("transB", 0) else call[1]
    found = torch.matmul(left, right) * call.number("alpha", 1.0)
    return found + call[2] * call.number("beta", 1.0) if call.has(2) else found


def _layer_norm(call: Call) -> Tensor:
    axis = call.integer("axis", -1) % call[0].dim()
    bias = call[2] if call.has(2) else None
    return functional.layer_norm(
        call[0],
        call[0].shape[axis:],
        call[1].expand(call[0].shape[axis:]),
        bias,
        call.number("epsilon", 1e-5),
    )


def _instance_norm(call: Call) -> Tensor:
    axes = list(range(2, call[0].dim()))
    mean = call[0].mean(axes, keepdim=True)
    variance = (call[0] - mean).square().mean(axes, keepdim=True)
    shape = (-1, *(1,) * len(axes))
    plain = (call[0] - mean) / torch.sqrt(variance + call.number("epsilon", 1e-5))
    return plain * call[1].reshape(shape) + call[2].reshape(shape)


LAYERS: dict[str, Callable[[Call], Tensor]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LogSoftmax": lambda call: functional.log_softmax(call[0], call.integer("axis", -1)),
    "Softmax": lambda call: functional.softmax(call[0], call.integer("axis", -1)),
}
"""ONNX operator -> its result."""
