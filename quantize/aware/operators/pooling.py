"""Pools and reductions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgemm.quantize.aware.operators.call import Call, axes_of
from edgemm.quantize.aware.operators.layers import padded

MAXIMA = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
MEANS = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}


def _windows(call: Call) -> tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Dimensions, kernel, strides, pads."""
    kernel = call.integers("kernel_shape", ())
    rank = len(kernel)
    return rank, kernel, call.integers("strides", (1,) * rank), call.integers("pads", (0,) * 2 * rank)


def _max_pool(call: Call) -> Tensor:
    rank, kernel, strides, pads = _windows(call)
    source = padded(call[0], pads, float("-inf"))
    return MAXIMA[rank](source, kernel, strides, dilation=call.integers("dilations", (1,) * rank))


def window_sums(call: Call, source: Tensor) -> tuple[Tensor, Tensor]:
    """Of each window: the sum, and how many numbers it has; padding counts, or does not, as the node says."""
    rank, kernel, strides, pads = _windows(call)
    size = float(np.prod(kernel))
    sums = MEANS[rank](padded(source, pads), kernel, strides) * size
    ones = torch.ones((1, 1, *source.shape[2:]), dtype=source.dtype, device=source.device)
    if any(pads) and not call.integer("count_include_pad", 0):
        counts = MEANS[rank](padded(ones, pads), kernel, strides) * size
    else:
        counts = torch.full_like(ones.reshape(-1)[:1], size)
    if source.dtype == torch.float64:
        sums, counts = torch.round(sums), torch.round(counts)
    return sums, counts


def window_means(call: Call, source: Tensor) -> Tensor:
    """The mean of each window."""
    sums, counts = window_sums(call, source)
    return sums / counts


def _over_space(function: Callable[..., Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: function(call[0], dim=list(range(2, call[0].dim())), keepdim=True)


def _reduced(function: Callable[..., Tensor]) -> Callable[[Call], Tensor]:
    def reduce(call: Call) -> Tensor:
        axes = axes_of(call, call[0].dim())
        return function(call[0], dim=axes, keepdim=bool(call.integer("keepdims", 1))) if axes else call[0]

    return reduce


def _index(function: Callable[..., Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: function(
        call[0], dim=call.integer("axis", 0), keepdim=bool(call.integer("keepdims", 1))
    )


POOLING: dict[str, Callable[[Call], Tensor]] = {
    "ArgMax": _index(torch.argmax),
    "ArgMin": _index(torch.argmin),
    "AveragePool": lambda call: window_means(call, call[0]),
    "GlobalAveragePool": _over_space(torch.mean),
    "GlobalMaxPool": _over_space(torch.amax),
    "MaxPool": _max_pool,
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceMin": _reduced(torch.amin),
    "ReduceSum": _reduced(torch.sum),
}
"""ONNX operator -> its result."""
