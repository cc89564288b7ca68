"""The arithmetic of integer kernels that do not round as the plan says: half to even, of the real number.

Each function computes what a kernel stores, from the integers that it reads. The gradient stays that of the float
operator. Found by running operators by themselves in ONNX Runtime 1.31 and LiteRT 2.3 (with XNNPACK). They are equal
but for sums that fall on a half to within float32, in less than 1 of 10,000 numbers, and for two kinds of pools, which
say so. Operators that are not here round as the plan says in both; LiteRT's HardSwish is a step away in 1 of 100,000.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx_ir as ir
import torch
from torch import Tensor

from edgemm.quantize.aware.fixed_point import half_away, multiplied
from edgemm.quantize.aware.operators import Call
from edgemm.quantize.aware.operators.pooling import window_means, window_sums
from edgemm.quantize.aware.operators.resize import resized
from edgemm.quantize.aware.rounding import LOWEST
from edgemm.quantize.fusion import fused_activation

Ends = tuple[Tensor, Tensor]
"""Scale float32[] and zero point float32[] of a grid."""


@dataclass(frozen=True, slots=True, eq=False)
class Integers:
    """A node on integers."""

    call: Call
    plain: Tensor
    """Its result in float."""
    grids: tuple[Ends | None, ...]
    """Of each operand; None for what has none."""
    out: Ends
    """The grid that the result is stored on, behind a fused activation too."""

    def steps(self, index: int) -> Tensor:
        """An operand in whole steps from its zero point, float64."""
        return torch.round(self.call[index].double() / self.scale(index))

    def scale(self, index: int) -> Tensor:
        """float64[] of an operand."""
        return self._grid(index)[0].double()

    def zero_point(self, index: int) -> Tensor:
        """float64[] of an operand, -128..127."""
        return self._grid(index)[1].double()

    def _grid(self, index: int) -> Ends:
        found = self.grids[index]
        if found is None:
            raise IndexError(index)
        return found

    def ratio(self, index: int) -> Tensor:
        """Scale of an operand over the result's, divided in float32 as the kernels do it: float64[]."""
        found: Tensor = (self._grid(index)[0] / self.out[0]).double()
        return found


Kernel = Callable[[Integers], Tensor]
"""Gives the result in whole steps from its zero point, not cut off, float64."""


def _pool_onnx(node: Integers) -> Tensor:
    """QLinearAveragePool: half to even of the mean of the stored numbers, their zero point among them. With a Relu
    behind it that cuts something off, ONNX Runtime has a float pool, and the order of its sums decides where halves go:
    some 2 % of a pool of 4 x 2 are a step away."""
    zero = node.zero_point(0)
    if fused_activation(node.call.node) is not None:
        return torch.where(
            zero == LOWEST, _stored_means(node), torch.round(node.plain / node.out[0]).double()
        )
    return _stored_means(node)


def _stored_means(node: Integers) -> Tensor:
    zero = node.zero_point(0)
    return torch.round(window_means(node.call, node.steps(0)) + zero) - zero


def _pool_tflite(node: Integers) -> Tensor:
    """AVERAGE_POOL_2D, computed in float between changes of numbers: what float32 leaves of a half decides where it
    goes, so that some 4 % of a pool of 2 x 2, 1 % of one of 3 x 3, are a step away."""
    return torch.round(node.plain.float() * node.out[0].float().reciprocal()).double()


def _pool_integers(node: Integers) -> Tensor:
    """AVERAGE_POOL_2D on integers, for a target that has nothing else: sums of the stored numbers, divided with halves
    away from zero. Pads that TFLite has no word for are written as a float pool and a factor."""
    zero = node.zero_point(0)
    if _is_corrected(node.call):
        return _pool_tflite(node)
    sums, counts = window_sums(node.call, node.steps(0))
    return half_away((sums + counts * zero) / counts) - zero


def _is_corrected(call: Call) -> bool:
    """True for pads that are neither none nor those of TensorFlow's SAME."""
    rank = len(call.integers("kernel_shape", ()))
    pads = call.integers("pads", (0,) * 2 * rank)
    if not any(pads):
        return False
    strides = call.integers("strides", (1,) * rank)
    for axis, (kernel, stride) in enumerate(zip(call.integers("kernel_shape", ()), strides, strict=True)):
        size = call[0].shape[2 + axis]
        whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        if (pads[axis], pads[axis + rank]) != (whole // 2, whole - whole // 2):
            return True
    return False


def _sum(sign: int) -> Kernel:
    """ADD and SUB in XNNPACK: factors of 20 to 21 bits, one shift, halves upwards."""

    def kernel(node: Integers) -> Tensor:
        first, second = node.ratio(0), node.ratio(1)
        shift = 21 - torch.frexp(torch.maximum(first, second))[1]
        factors = [torch.round(torch.ldexp(each, shift)) for each in (first, second)]
        whole = node.steps(0) * factors[0] + sign * node.steps(1) * factors[1]
        return torch.floor(torch.ldexp(whole, -shift) + 0.5)

    return kernel


def _leaky_relu(node: Integers) -> Tensor:
    """LEAKY_RELU in XNNPACK: factors in 256ths, halves upwards."""
    slope = torch.tensor(node.call.number("alpha", 0.01), dtype=torch.float32)
    above = node.ratio(0)
    below = (above.float() * slope.to(above.device)).double()
    steps = node.steps(0)
    factor = torch.where(steps >= 0, torch.round(above * 256), torch.round(below * 256))
    return torch.floor(steps * factor / 256 + 0.5)


def _prelu(node: Integers) -> Tensor:
    """PRELU in LiteRT: two fixed-point factors, each of which rounds twice."""
    above = node.scale(0) / node.out[0].double()
    below = node.scale(0) * node.scale(1) / node.out[0].double()
    steps = node.steps(0)
    return torch.where(steps >= 0, multiplied(steps, above), multiplied(steps * node.steps(1), below))


def _matmul(node: Integers) -> Tensor:
    """BATCH_MATMUL in XNNPACK, both sides computed: half to even of a product in float32."""
    factor = (node.scale(0).float() * node.scale(1).float() / node.out[0].float()).double()
    return torch.round(torch.matmul(node.steps(0), node.steps(1)) * factor)


def _resize(node: Integers) -> Tensor:
    """RESIZE_BILINEAR in XNNPACK: halves upwards, which a picture of twice the size has many of. Shares have 11 bits,
    which is all that they have in whole multiples; else some 1 % are a step away."""
    return torch.floor(resized(node.call, node.steps(0)) + 0.5)


KERNELS: Mapping[str | None, Mapping[str, Kernel]] = {
    None: {"AveragePool": _pool_onnx},
    "onnx": {"AveragePool": _pool_onnx},
    "tflite": {
        "Add": _sum(1),
        "AveragePool": _pool_tflite,
        "LeakyRelu": _leaky_relu,
        "MatMul": _matmul,
        "PRelu": _prelu,
        "Resize": _resize,
        "Sub": _sum(-1),
    },
}
"""Format (None: both) -> ONNX operator -> its kernel, where that does not round as the plan says."""


def kernel_of(node: ir.Node, format_: str | None, *, integer_only: bool = False) -> Kernel | None:
    """The kernel of an integer node; None where it rounds as the plan says.

    Args:
        integer_only: the target computes nothing in float.
    """
    if integer_only and format_ == "tflite" and node.op_type == "AveragePool":
        return _pool_integers
    if node.op_type == "MatMul" and node.inputs[1] is not None and node.inputs[1].const_value is not None:
        return None
    return KERNELS[format_].get(node.op_type)


def stored_by(kernel: Kernel, node: Integers) -> Tensor:
    """The real numbers that a kernel's integers stand for, with the gradient of the float operator."""
    with torch.no_grad():
        exact = (kernel(node) * node.out[0].double()).to(node.plain.dtype)
    return node.plain + (exact - node.plain).detach()
