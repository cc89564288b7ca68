"""Depthwise convolutions with large kernels as sums of smaller ones.

XNNPACK's depthwise kernels have up to 25 taps; a larger one takes ten times as long for each tap. Every m-th row of a
kernel is a kernel of its own with m times the dilation, so 7 x 7 taps become 3 x 7, 2 x 7 and 2 x 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from edgemm.converters.tflite.lower.padding import Windows

TAPS = 25
"""Of XNNPACK's largest kernel for depthwise convolutions."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows or columns of a kernel."""

    windows: Windows
    rows: slice
    columns: slice


def parts_of(windows: Windows) -> list[Part]:
    """The kernel in parts of at most TAPS taps; one part where it is small, or its pads are too narrow to part it."""
    whole = [Part(windows, slice(None), slice(None))]
    if windows.kernel[0] * windows.kernel[1] <= TAPS:
        return whole
    found = [parts for axis in (0, 1) if (parts := list(_along(windows, axis)))]
    return min(found, key=len, default=whole)


def _along(windows: Windows, axis: int) -> Iterator[Part]:
    """Parts of every m-th row (axis 0) or column (axis 1); none where that is not possible."""
    size, across = windows.kernel[axis], windows.kernel[1 - axis]
    if across > TAPS:
        return
    step = ceil(size / (TAPS // across))
    dilation, begin, end = windows.dilations[axis], windows.pads[axis], windows.pads[axis + 2]
    if min(begin, end) < (step - 1) * dilation:
        return
    for first in range(step):
        taken = slice(first, None, step)
        count = len(range(first, size, step))
        last = first + (count - 1) * step
        pads = list(windows.pads)
        pads[axis], pads[axis + 2] = begin - first * dilation, end - (size - 1 - last) * dilation
        part = replace(
            windows,
            kernel=_with(windows.kernel, axis, count),
            dilations=_with(windows.dilations, axis, dilation * step),
            pads=(pads[0], pads[1], pads[2], pads[3]),
        )
        yield Part(part, taken if axis == 0 else slice(None), taken if axis == 1 else slice(None))


def _with(pair: tuple[int, int], axis: int, value: int) -> tuple[int, int]:
    return (value, pair[1]) if axis == 0 else (pair[0], value)
