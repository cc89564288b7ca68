"""What callers hand to a model, brought to the forms that the rest works with."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.media import AudioBlock, Frame
from edgemm.tensors import TensorSpec


def as_frame(x: Any) -> Frame:
    """A `Frame`, or a bare array: uint8[h, w, 3] is RGB, uint8[h, w] is grey.

    Raises:
        InputError: neither.
    """
    if isinstance(x, Frame):
        return x
    if not isinstance(x, np.ndarray) or x.ndim not in (2, 3):
        raise InputError(
            "the model takes pictures: expected a Frame, uint8[height, width, 3] RGB or uint8[height, width], "
            f"found {_describe(x)}"
        )
    return Frame(x, time.monotonic_ns(), 0, "rgb" if x.ndim == 3 else "gray")


def as_block(x: Any, sample_rate: int | None) -> AudioBlock:
    """An `AudioBlock`, or bare samples and their rate.

    Raises:
        InputError: neither, or the rate is not said.
    """
    if isinstance(x, AudioBlock):
        return x
    if not isinstance(x, np.ndarray) or x.ndim != 1:
        raise InputError(
            f"the model takes sound: expected an AudioBlock, or samples[n] and sample_rate, found {_describe(x)}"
        )
    if sample_rate is None:
        raise InputError("bare samples: expected their rate in hertz too: model(samples, sample_rate=16000)")
    return AudioBlock(x, sample_rate, time.monotonic_ns(), 0)


def as_stored(x: Any, spec: TensorSpec) -> npt.NDArray[Any]:
    """A tensor as the file stores it: real numbers are quantized where it is; what is stored already stays.

    Raises:
        InputError: not an array of the tensor's shape, or of a type that does not become the tensor's.
    """
    if not isinstance(x, np.ndarray) or x.shape != spec.shape:
        raise InputError(
            f"input {spec.name!r}: expected {spec.dtype}{list(spec.shape)}, found {_describe(x)}"
        )
    if x.dtype == spec.dtype:
        return x
    if x.dtype.kind == "f" and (spec.quantized or spec.dtype.startswith("float")):
        return spec.quantize(x)
    raise InputError(
        f"input {spec.name!r}: expected {spec.dtype}{' or float32' if spec.quantized else ''}, found {x.dtype.name}"
    )


def _describe(x: Any) -> str:
    return f"{x.dtype.name}{list(x.shape)}" if isinstance(x, np.ndarray) else type(x).__name__
