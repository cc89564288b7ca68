"""Single weights set to zero: the file is smaller once it is compressed, and no runtime here runs it faster."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from edgemm.errors import InputError
from edgemm.quantize.prune.graph.trace import WEIGHTED, is_constant


@dataclass(frozen=True, slots=True, eq=False)
class Zeroed:
    """A copy of a graph with zeros, and how many of the weights of its layers are zero now."""

    model: ir.Model
    zeros: int
    weights: int


def check_fraction(fraction: float) -> float:
    """A fraction of weights to be set to zero.

    Raises:
        InputError: it is not above 0 and below 1.
    """
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise InputError(
            f"zeros (--zeros): expected the fraction of weights to set to zero, above 0 and below 1, such as 0.5, "
            f"found {fraction!r}"
        )
    return float(fraction)


def zeroed(model: ir.Model, fraction: float) -> Zeroed:
    """The smallest weights of each convolution and fully connected layer, by magnitude, become zero.

    Biases and all other constants stay. The graph given is left as it is.

    Raises:
        InputError: the fraction is not above 0 and below 1.
    """
    check_fraction(fraction)
    copy = model.clone()
    values = {
        str(node.inputs[1].name): node.inputs[1]
        for node in copy.graph
        if node.op_type in WEIGHTED and is_constant(node.inputs[1]) and node.inputs[1] is not None
    }
    zeros = weights = 0
    for name, value in values.items():
        array = np.array(value.const_value.numpy())  # type: ignore[union-attr]
        smallest = np.argsort(np.abs(array), axis=None, kind="stable")[: int(array.size * fraction)]
        array.reshape(-1)[smallest] = 0.0
        value.const_value = ir.tensor(array, name=name)
        zeros, weights = zeros + int((array == 0).sum()), weights + array.size
    return Zeroed(copy, zeros, weights)


def download_bytes(payload: bytes) -> int:
    """The size of a file compressed as for a download (deflate)."""
    return len(zlib.compress(payload, 9))
