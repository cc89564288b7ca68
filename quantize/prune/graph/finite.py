"""Numbers that nothing can be fitted to: NaN, infinite, or so large that their squares are infinite."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.errors import InputError
from edgemm.quantize.cost import RECURRENT, WEIGHTED

LARGEST = 1e15
"""Sums of squares of float32 numbers up to this are finite in float32."""


def check_weights(model: ir.Model) -> None:
    """Weights and biases of layers are numbers.

    Raises:
        InputError: one holds NaN, or what is infinite or beyond 1e15; the tensor and the layer are named.
    """
    for node in model.graph:
        if node.op_type not in WEIGHTED and node.op_type not in RECURRENT:
            continue
        for value in node.inputs:
            if value is not None and value.const_value is not None:
                wrong = fault(value.const_value.numpy())
                if wrong:
                    raise InputError(
                        f"the weight {value.name!r} of layer {node.name!r} ({node.op_type}) {wrong}: such a network "
                        "answers nothing that could be kept. Train or export it again"
                    )


def check_values(name: str, array: npt.NDArray[np.generic], sample: int) -> None:
    """What the network computes of one calibration sample are numbers.

    Args:
        name: of the tensor.
        sample: its number, from 0.

    Raises:
        InputError: NaN, infinite or beyond 1e15.
    """
    wrong = fault(array)
    if wrong:
        raise InputError(
            f"the tensor {name!r} {wrong} on calibration sample {sample}: nothing can be fitted to that. Check the "
            "data (--calibrate), and the preprocessing that the card tells of"
        )


def fault(array: npt.NDArray[np.generic]) -> str:
    """What is wrong, as "holds NaN"; "" where nothing is."""
    if array.dtype.kind != "f" or not array.size:
        return ""
    low, high = float(array.min()), float(array.max())
    if np.isnan(low) or np.isnan(high):
        return "holds NaN"
    if not np.isfinite([low, high]).all():
        return "holds infinite numbers"
    most = max(-low, high)
    return f"reaches {most:.3g}" if most > LARGEST else ""
