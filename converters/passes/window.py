"""The arithmetic of sliding windows: convolution and pooling along one dimension."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.errors import ConversionError


@dataclass(frozen=True, slots=True)
class Window:
    """How a window slides along one dimension."""

    size: int
    """Of the input."""
    kernel: int
    stride: int = 1
    dilation: int = 1
    begin: int = 0
    """Padding before the first element."""
    end: int = 0
    """Padding after the last."""

    @property
    def extent(self) -> int:
        """From the window's first tap to its last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def steps(self) -> int:
        """How many windows there are, counting whole ones only."""
        return (self.size + self.begin + self.end - self.extent) // self.stride + 1

    def same(self, *, upper: bool) -> Window:
        """Padded so that there are ceil(size / stride) windows; the odd element goes to the end, or the begin."""
        steps = -(-self.size // self.stride)
        total = max((steps - 1) * self.stride + self.extent - self.size, 0)
        small, large = total // 2, total - total // 2
        return replace(self, begin=small, end=large) if upper else replace(self, begin=large, end=small)

    def rounded_up(self) -> Window:
        """The padding at the end that `ceil_mode` implies: a last window may reach beyond the padded input
        but must start inside it or in the padding before it."""
        spare = self.size + self.begin + self.end - self.extent
        steps = -(-spare // self.stride) + 1
        if (steps - 1) * self.stride >= self.size + self.begin:
            steps -= 1
        reach = (steps - 1) * self.stride + self.extent
        return replace(self, end=max(self.end, reach - self.size - self.begin))

    def counts(self, padded_end: int) -> npt.NDArray[np.float64]:
        """Per window, how many taps lie inside the input with its padding, `padded_end` at the end."""
        starts = np.arange(self.steps)[:, None] * self.stride
        taps = starts + np.arange(self.kernel)[None, :] * self.dilation
        counts: npt.NDArray[np.float64] = (
            (taps < self.size + self.begin + padded_end).sum(axis=1).astype(np.float64)
        )
        return counts


def windows_of(node: ir.Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[Window, ...]:
    """The windows of a Conv or a pool, `auto_pad` resolved; `ceil_mode` is not applied.

    Args:
        sizes: spatial sizes of the input.
        kernel: spatial sizes of the kernel.

    Raises:
        ConversionError: an attribute has the wrong number of entries, or the padding is negative.
    """
    rank = len(sizes)
    strides = _ints(node, "strides", (1,) * rank)
    dilations = _ints(node, "dilations", (1,) * rank)
    pads = _ints(node, "pads", (0,) * 2 * rank)
    mode = node.attributes.get_string("auto_pad", "NOTSET")
    found = tuple(
        Window(sizes[d], kernel[d], strides[d], dilations[d], pads[d], pads[d + rank])
        if mode == "NOTSET"
        else Window(sizes[d], kernel[d], strides[d], dilations[d])
        for d in range(rank)
    )
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        found = tuple(window.same(upper=mode == "SAME_UPPER") for window in found)
    for window in found:
        if min(window.begin, window.end) < 0 or min(window.kernel, window.stride, window.dilation) < 1:
            raise ConversionError(
                f"node {node.name!r} ({node.op_type}): expected pads >= 0 and kernel, strides, dilations >= 1, "
                f"found {window}. Crop with Slice instead of a negative padding"
            )
    return found


def pads_of(windows: tuple[Window, ...]) -> tuple[int, ...]:
    """ONNX order: every begin, then every end."""
    return (*(window.begin for window in windows), *(window.end for window in windows))


def _ints(node: ir.Node, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    found = tuple(node.attributes.get_ints(name) or default)
    if len(found) != len(default):
        raise ConversionError(
            f"node {node.name!r} ({node.op_type}): {name} has {len(found)} entries, expected {len(default)}"
        )
    return found
