"""Whole numbers of 64 bits: quotients, remainders, bits and shifts, against Python's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

LOW, HIGH = -(2**63), 2**63 - 1


def _wide(rng: np.random.Generator, count: int) -> Any:
    return rng.integers(-(2**62), 2**62, count) >> rng.integers(0, 62, count)


def _pairs(rng: np.random.Generator) -> tuple[Any, Any]:
    a = np.array([HIGH, LOW, HIGH, LOW, 0, 1, -1, 7, -7, 7, -7, 2**53 + 1, *_wide(rng, 300)], np.int64)
    b = np.array([1, 1, HIGH, HIGH, 5, -1, 1, 2, 2, -2, -2, 3, *_wide(rng, 300)], np.int64)
    return a, np.where(b == 0, 3, b)


def _cut(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


OPERATORS: dict[str, Callable[[int, int], int]] = {
    "y = Div(a, b)": _cut,
    "y = Mod(a, b)": lambda a, b: a % b,
}


@pytest.mark.parametrize("node", OPERATORS)
def test_every_bit_of_a_quotient_is_right(agree: Any, graph: Any, rng: Any, node: str) -> None:
    a, b = _pairs(rng)
    truth = np.array([OPERATORS[node](int(x), int(y)) for x, y in zip(a, b, strict=False)], np.int64)
    proto = graph(f"g (int64[{len(a)}] a, int64[{len(a)}] b) => (int64[{len(a)}] y) {{ {node} }}")
    agree(proto, {"a": a, "b": b}, [truth])


def test_a_quotient_is_broadcast(agree: Any, graph: Any, rng: Any) -> None:
    a, _ = _pairs(rng)
    truth = np.array([[_cut(int(x), y) for y in (3, -7, 2**40)] for x in a], np.int64)
    proto = graph(
        f"g (int64[{len(a)},1] a) => (int64[{len(a)},3] y) {{ y = Div(a, b) }}", b=np.array([3, -7, 2**40])
    )
    agree(proto, {"a": a[:, None]}, [truth])


@pytest.mark.parametrize("kind", ["int64", "int32", "float"])
def test_a_remainder_has_the_sign_of_the_dividend(agree: Any, graph: Any, rng: Any, kind: str) -> None:
    dtype = np.dtype("float32" if kind == "float" else kind)
    a, b = (rng.integers(-1000, 1000, 200).astype(dtype) for _ in range(2))
    b[b == 0] = 7
    if kind == "float":
        a, b = a * dtype.type(0.37), b * dtype.type(0.013)
    proto = graph(f"g ({kind}[200] a, {kind}[200] b) => ({kind}[200] y) {{ y = Mod<fmod=1>(a, b) }}")
    agree(proto, {"a": a, "b": b}, [np.fmod(a, b)])


BITS = {"And": np.bitwise_and, "Or": np.bitwise_or, "Xor": np.bitwise_xor}


@pytest.mark.parametrize("kind", ["int64", "int32", "int8", "uint8"])
@pytest.mark.parametrize("name", BITS)
def test_bits_are_pythons(agree: Any, graph: Any, rng: Any, name: str, kind: str) -> None:
    info = np.iinfo(kind)
    a, b = (rng.integers(info.min, info.max, 40, dtype=kind, endpoint=True) for _ in range(2))
    a[:3], b[:3] = (info.min, info.max, info.min), (info.max, info.max, info.min)
    proto = graph(f"g ({kind}[40] a, {kind}[40] b) => ({kind}[40] y) {{ y = Bitwise{name}(a, b) }}", 18)
    agree(proto, {"a": a, "b": b}, [BITS[name](a, b)])


@pytest.mark.parametrize("kind", ["int64", "int32", "int8", "uint8"])
def test_not_is_pythons(agree: Any, graph: Any, rng: Any, kind: str) -> None:
    info = np.iinfo(kind)
    a = rng.integers(info.min, info.max, 40, dtype=kind, endpoint=True)
    agree(graph(f"g ({kind}[40] a) => ({kind}[40] y) {{ y = BitwiseNot(a) }}", 18), {"a": a}, [~a])


@pytest.mark.parametrize("computed", [True, False])
@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("bits", [64, 32])
def test_words_without_a_sign_are_shifted(
    agree: Any, graph: Any, rng: Any, bits: int, direction: str, computed: bool
) -> None:
    signed, unsigned = np.dtype(f"int{bits}"), np.dtype(f"uint{bits}")
    info = np.iinfo(signed)
    by = np.array([*range(bits), *rng.integers(0, bits, 40)]).astype(signed)
    a = rng.integers(info.min, info.max, len(by), dtype=signed, endpoint=True)
    a[:4] = (info.min, info.max, -1, 1)
    words = a.view(unsigned)
    truth = words << by.view(unsigned) if direction == "LEFT" else words >> by.view(unsigned)
    kind, number = f"int{bits}[{len(by)}]", {64: (13, 7), 32: (12, 6)}[bits]
    proto = graph(
        f"""g ({kind} a{f", {kind} by" if computed else ""}) => ({kind} y) {{
            u = Cast<to={number[0]}>(a) v = Cast<to={number[0]}>(by) s = BitShift<direction="{direction}">(u, v)
            y = Cast<to={number[1]}>(s) }}""",
        **({} if computed else {"by": by}),
    )
    agree(proto, {"a": a, "by": by}, [truth.view(signed)])


def test_the_sign_of_whole_numbers(agree: Any, graph: Any) -> None:
    a = np.array([LOW, -3, 0, 5, HIGH])
    agree(graph("g (int64[5] a) => (int64[5] y) { y = Sign(a) }"), {"a": a}, [np.sign(a)])


def test_a_choice_of_small_numbers(agree: Any, graph: Any) -> None:
    proto = graph("g (bool[3] c, int8[3] a, int8[3] b) => (int8[3] y) { y = Where(c, a, b) }")
    a, b = np.array([-128, 1, 2], np.int8), np.array([3, 127, -4], np.int8)
    agree(proto, {"c": np.array([True, False, True]), "a": a, "b": b}, [np.array([-128, 127, 2], np.int8)])


def test_real_numbers_become_small_ones_over_large_ones(agree: Any, graph: Any) -> None:
    proto = graph("g (float[4] a) => (uint8[4] y) { y = Cast<to=2>(a) }")
    agree(
        proto, {"a": np.array([0.0, 1.9, 254.5, 255.0], np.float32)}, [np.array([0, 1, 254, 255], np.uint8)]
    )


def test_a_scalar_that_is_clipped_stays_one(agree: Any, graph: Any) -> None:
    proto = graph("g (float[3] a) => (float y) { m = ReduceMax<keepdims=0>(a) y = Clip(m, low, high) }",
                  low=np.float32(-2), high=np.float32(0.5))  # fmt: skip
    agree(proto, {"a": np.array([0.0, 1.9, -3], np.float32)})


@pytest.mark.skipif(onnx.defs.onnx_opset_version() < 28, reason="this onnx shifts no numbers with a sign")
@pytest.mark.parametrize("kind", ["int8", "int32", "int64"])
@pytest.mark.parametrize("computed", [True, False])
def test_a_sign_comes_after_what_is_shifted_out(agree: Any, graph: Any, kind: str, computed: bool) -> None:
    bits = np.iinfo(kind).bits
    a = np.array([-8, 4, -1, 100, -100, -8, -8, 5, -128], kind)
    by = np.array([1, 1, 3, 2, 2, bits, bits + 3, -1, bits - 1], kind)
    given = (a, by) if computed else (a,)
    truth = np.array(
        [int(x) >> (int(k) if 0 <= k < bits else bits) for x, k in zip(a, by, strict=True)], kind
    )
    proto = graph(
        f"""g ({kind}[9] a{f", {kind}[9] by" if computed else ""}) => ({kind}[9] y) {{
            y = BitShift<direction="RIGHT">(a, by) }}""",
        28,
        **({} if computed else {"by": by}),
    )
    agree(proto, dict(zip(("a", "by"), given, strict=False)), [truth])
