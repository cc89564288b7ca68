"""Tables of processors that were not at hand: those of another, with the speed of integers put right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from edgemm.costs.point import DYNAMIC, DYNAMIC_UNSIGNED, FLOAT, INT8_UNSIGNED, Point

PRODUCTS = frozenset(
    {"conv", "conv_thin", "conv_1x1", "conv_grouped", "conv_grouped_wide", "conv_transpose", "gemm", "matmul"}
)
"""Kinds whose time is mostly products that a dot-product instruction computes."""


DYNAMIC_PRODUCTS = frozenset({"gemm"})
"""Those of them that multiply integers where only the weights are stored as such; convolutions make them float."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How long integer products take compared with x86 with VNNI, where float ones take as long."""

    instructions: str
    products: Mapping[str, float]
    """Format -> times the time of integer products."""
    unsigned: float
    """Times the time of those with u8 weights, which only ONNX has."""
    words: str


RATIOS = {
    "avx2": Ratio(
        "AVX2", {"tflite": 2.5, "onnx": 2.0}, 1.1,
        "derived from x86 with VNNI: without it a product of 8 bits takes a multiplication, a widening and an addition "
        "(held against one network in ONNX Runtime on a processor with AVX2)",
    ),
    "dotprod": Ratio(
        "NEON DOTPROD", {"tflite": 1.0, "onnx": 1.0}, 0.37,
        "derived from x86 with VNNI: SDOT has four products a lane, as VPDPBUSD, and u8 weights take no longer",
    ),
    "i8mm": Ratio(
        "NEON DOTPROD I8MM", {"tflite": 0.65, "onnx": 0.65}, 0.24,
        "derived from x86 with VNNI: SMMLA has twice the products of SDOT",
    ),
}  # fmt: skip


def derived(points: Iterable[Point], format_: str, ratio: Ratio) -> tuple[Point, ...]:
    """The points of a format for another processor out of those of x86 with VNNI."""
    return tuple(_scaled(each, format_, ratio) for each in points)


def _scaled(point: Point, format_: str, ratio: Ratio) -> Point:
    if point.kind not in PRODUCTS or point.precision == FLOAT:
        return point
    if point.precision in (DYNAMIC, DYNAMIC_UNSIGNED) and point.kind not in DYNAMIC_PRODUCTS:
        return point
    unsigned = point.precision in (INT8_UNSIGNED, DYNAMIC_UNSIGNED)
    return replace(point, us=point.us * (ratio.unsigned if unsigned else ratio.products[format_]))
