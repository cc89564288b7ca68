"""Tables of processors that were not at hand: those of another, with the speed of integers put right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edgemm.costs.point import DYNAMIC_UNSIGNED, FLOAT, INT8_UNSIGNED, Point

PRODUCTS = frozenset(
    {"conv", "conv_thin", "conv_1x1", "conv_grouped", "conv_grouped_wide", "conv_transpose", "gemm", "matmul"}
)
"""Kinds whose time is mostly products that a dot-product instruction computes."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """What is slower or faster than on x86 with VNNI and AVX-512, as the kernels of XNNPACK and MLAS are written."""

    instructions: str
    products: float
    """Times the time of integer products, over that of float ones."""
    unsigned: float
    """Times the same for u8 weights in ONNX Runtime."""
    words: str


RATIOS = {
    "avx2": Ratio(
        "AVX2", 2.2, 1.0,
        "derived from x86 with VNNI: without it a product of 8 bits takes a multiplication, a widening and an addition",
    ),
    "dotprod": Ratio(
        "NEON DOTPROD", 1.0, 0.5,
        "derived from x86 with VNNI: SDOT has four products a lane, as VPDPBUSD, and u8 weights cost nothing more",
    ),
    "i8mm": Ratio(
        "NEON DOTPROD I8MM", 0.65, 0.33,
        "derived from x86 with VNNI: SMMLA has twice the products of SDOT",
    ),
}  # fmt: skip


def derived(points: Iterable[Point], ratio: Ratio) -> tuple[Point, ...]:
    """The points of another processor out of those of x86 with VNNI."""
    return tuple(_scaled(each, ratio) for each in points)


def _scaled(point: Point, ratio: Ratio) -> Point:
    if point.kind not in PRODUCTS or point.precision == FLOAT:
        return point
    unsigned = point.precision in (INT8_UNSIGNED, DYNAMIC_UNSIGNED)
    return replace(point, us=point.us * (ratio.unsigned if unsigned else ratio.products))
