"""What callers hand to a model, brought to the forms that the rest works with."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.media import AudioBlock, Frame, PointSet, Text
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
    """An `AudioBlock`, or bare samples and their rate: a whole recording.

    Raises:
        InputError: neither, no sample at all, or the rate is not said, or is no number.
    """
    if isinstance(x, AudioBlock):
        _require_samples(x.samples)
        return x
    if not isinstance(x, np.ndarray) or x.ndim != 1:
        raise InputError(
            f"the model takes sound: expected an AudioBlock, or samples[n] and sample_rate, found {_describe(x)}"
        )
    if sample_rate is None:
        raise InputError("bare samples: expected their rate in hertz too: model(samples, sample_rate=16000)")
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, int | float | np.integer | np.floating):
        raise InputError(f"sample_rate: expected a number of hertz, found {sample_rate!r}")
    _require_samples(x)
    return AudioBlock(x, sample_rate, time.monotonic_ns(), 0)


def as_text(x: Any) -> Text:
    """A `Text`, a str, or two of them that belong together.

    Raises:
        InputError: something else.
    """
    if isinstance(x, Text):
        return x
    if isinstance(x, str):
        return Text(x, time.monotonic_ns(), 0)
    if isinstance(x, tuple | list) and len(x) == 2 and all(isinstance(each, str) for each in x):
        return Text(x[0], time.monotonic_ns(), 0, x[1])
    raise InputError(
        f"the model takes text: expected a str, or two that belong together, found {_describe(x)}"
    )


def as_points(x: Any, source_wh: tuple[int, int] | None) -> tuple[PointSet, ...]:
    """A `PointSet`, `Landmarks`, float[k, 2] in pixels of a picture, or several of one of these, the oldest first.

    Raises:
        InputError: something else, or the picture's size is no two numbers above 0.
    """
    if source_wh is not None and not (
        isinstance(source_wh, tuple | list)
        and len(source_wh) == 2
        and all(isinstance(side, int | np.integer) and side > 0 for side in source_wh)
    ):
        raise InputError(
            f"source_wh: expected width and height of the picture in pixels, found {source_wh!r}"
        )
    several = isinstance(x, tuple | list) or (isinstance(x, np.ndarray) and x.ndim == 3)
    return tuple(_as_points(each, source_wh) for each in (x if several else (x,)))


def _as_points(x: Any, source_wh: tuple[int, int] | None) -> PointSet:
    if isinstance(x, PointSet):
        return x
    from edgemm.results.landmarks import Landmarks

    points = x.points_xy if isinstance(x, Landmarks) else x
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.dtype.kind not in "fiu":
        raise InputError(
            "the model takes points: expected a PointSet, Landmarks, or float[k, 2] in pixels of the picture, "
            f"found {_describe(x)}"
        )
    width, height = source_wh or (0, 0)
    return PointSet(points, time.monotonic_ns(), 0, (int(width), int(height)))


def _require_samples(samples: npt.NDArray[Any]) -> None:
    if not len(samples):
        raise InputError("the model takes sound: expected at least one sample, found an empty recording")


def as_stored(x: Any, spec: TensorSpec) -> npt.NDArray[Any]:
    """A tensor as the file stores it: real numbers are quantized where it is; what is stored already stays.

    Raises:
        InputError: not an array of the tensor's shape, or of a type that does not become the tensor's; or it holds NaN
            or infinity.
    """
    if spec.shape == () and isinstance(x, bool | int | float | np.generic):
        x = _number(x, spec)
    if not isinstance(x, np.ndarray) or not spec.takes(x.shape):
        sizes = ", ".join("any" if size == -1 else str(size) for size in spec.shape)
        raise InputError(f"input {spec.name!r}: expected {spec.dtype}[{sizes}], found {_describe(x)}")
    stored = x
    if x.dtype != spec.dtype:
        if x.dtype.kind != "f" or not (spec.quantized or spec.dtype.startswith("float")):
            raise InputError(
                f"input {spec.name!r}: expected {spec.dtype}{' or float32' if spec.quantized else ''}, "
                f"found {x.dtype.name}"
            )
        if spec.quantized:
            require_finite(x, spec)
        stored = spec.quantize(x)
    require_finite(stored, spec)
    return stored


def _number(x: Any, spec: TensorSpec) -> npt.NDArray[Any]:
    """A number for a tensor without dimensions; one of Python's takes the tensor's type."""
    if isinstance(x, np.generic):
        return np.asarray(x)
    if spec.quantized or spec.dtype.startswith("float"):
        return np.asarray(float(x))
    if np.dtype(spec.dtype).kind in "iu" and not float(x).is_integer():
        raise InputError(f"input {spec.name!r}: expected a whole number for {spec.dtype}, found {x!r}")
    return spec.quantize(np.asarray(float(x)))


def require_finite(x: npt.NDArray[Any], spec: TensorSpec) -> None:
    """Refuses NaN and infinity, without new memory of the tensor's size: a stream of tensors comes through here.

    Raises:
        InputError: one is in it.
    """
    if x.dtype.kind != "f" or not x.size:
        return
    with np.errstate(invalid="ignore"):
        low, high = x.min(), x.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(
            f"input {spec.name!r}: expected finite numbers, found NaN or infinity (or more than {spec.dtype} holds). "
            "Replace them, or hand the tensor to model.run(...), which takes numbers as they are"
        )


def _describe(x: Any) -> str:
    return f"{x.dtype.name}{list(x.shape)}" if isinstance(x, np.ndarray) else type(x).__name__
