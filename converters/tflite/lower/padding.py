"""Pads of windows: TFLite knows SAME and VALID; everything else is an explicit PAD before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgemm.converters.tflite.graph import Tensor
from edgemm.converters.tflite.lowering import Lowering
from edgemm.converters.tflite.schema import Form, enum

LOWEST = np.float32(np.finfo(np.float32).min)
"""What a maximum ignores, in float."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Sliding windows over two spatial dimensions."""

    sizes: tuple[int, int]
    """Of the input: height, width."""
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    """Top, left, bottom, right."""

    @staticmethod
    def of(
        sizes: Sequence[int],
        kernel: Sequence[int],
        strides: Sequence[int],
        dilations: Sequence[int],
        pads: Sequence[int],
    ) -> Windows:
        """Of one or two spatial dimensions; one becomes the width of a picture one pixel high."""
        if len(sizes) == 2:
            return Windows(tuple(sizes), tuple(kernel), tuple(strides), tuple(dilations), tuple(pads))  # type: ignore[arg-type]
        return Windows(
            (1, sizes[0]), (1, kernel[0]), (1, strides[0]), (1, dilations[0]), (0, pads[0], 0, pads[1])
        )

    @property
    def out(self) -> tuple[int, int]:
        """Size of the output: height, width."""
        height, width = (
            (size + begin + end - (kernel - 1) * dilation - 1) // stride + 1
            for size, kernel, stride, dilation, begin, end in zip(
                self.sizes,
                self.kernel,
                self.strides,
                self.dilations,
                self.pads[:2],
                self.pads[2:],
                strict=True,
            )
        )
        return height, width

    @property
    def is_same(self) -> bool:
        """True when the pads are those of TensorFlow's SAME: half of what is needed first, the larger half last."""
        for size, kernel, stride, dilation, begin, end in zip(
            self.sizes, self.kernel, self.strides, self.dilations, self.pads[:2], self.pads[2:], strict=True
        ):
            total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
            if (begin, end) != (total // 2, total - total // 2):
                return False
        return True

    @property
    def is_valid(self) -> bool:
        """True when there are no pads."""
        return not any(self.pads)


def padded(ctx: Lowering, tensor: Tensor, windows: Windows, *, lowest: bool = False) -> tuple[Tensor, int]:
    """The NHWC tensor, padded where neither SAME nor VALID says it, and the padding of the operator.

    Args:
        lowest: pad with the smallest number instead of zero, for a maximum.
    """
    if windows.is_valid:
        return tensor, enum("Padding", "VALID")
    if windows.is_same:
        return tensor, enum("Padding", "SAME")
    top, left, bottom, right = windows.pads
    return pad(ctx, tensor, [(0, 0), (top, bottom), (left, right), (0, 0)], lowest=lowest), enum(
        "Padding", "VALID"
    )


def pad(ctx: Lowering, tensor: Tensor, pads: Sequence[tuple[int, int]], *, lowest: bool = False) -> Tensor:
    """PAD with zeros, or PADV2 with the smallest number, of a tensor in any layout."""
    shape = tuple(size + before + after for size, (before, after) in zip(tensor.shape, pads, strict=True))
    made = ctx.graph.tensor(f"{tensor.name}_padded", shape, tensor.dtype, tensor.grid)
    sizes = ctx.graph.constant(f"{made.name}_pads", np.array(pads, np.int32))
    form: Form = "int8" if tensor.is_int8 else "float"
    if not lowest:
        ctx.op("PAD", [tensor, sizes], [made], form=form)
        return made
    fill = np.int8(-128) if tensor.is_int8 else LOWEST
    value = ctx.graph.constant(f"{made.name}_fill", np.array([fill]), tensor.grid)
    ctx.op("PADV2", [tensor, sizes, value], [made], form=form)
    return made
