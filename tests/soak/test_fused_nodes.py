"""Fused operators of random shapes and attributes, against ONNX Runtime's own kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fused_nodes import Fused, error_of

EXACT = 1e-5
RNG = np.random.Generator


def real(rng: RNG, *shape: int) -> np.ndarray[Any, Any]:
    return (rng.normal(size=shape) * 10 ** rng.uniform(-1, 0.5)).astype(np.float32)


def some(rng: RNG, given: Any) -> Any:
    """The operand, or none."""
    return given if rng.random() < 0.5 else None


def mask(rng: RNG, batch: int, queries: int, keys: int, causal: int) -> Any:
    """In one of its forms; every query sees a key."""
    form = rng.integers(0, 5)
    if form == 0:
        return None
    if form == 1:
        return "x", rng.integers(1, keys + 1, batch).astype(np.int32)
    if form == 2 and not causal:
        begins = rng.integers(0, keys, batch)
        return "x", np.concatenate([rng.integers(begins + 1, keys + 1), begins]).astype(np.int32)
    shape = (batch, queries, keys) if form == 3 else (batch, keys)
    seen = rng.integers(0, 2, shape).astype(np.int32)
    seen[..., 0] = 1
    return "x", seen


def attention(rng: RNG) -> Fused:
    batch, tokens, width, heads = (int(rng.integers(1, n)) for n in (4, 7, 13, 5))
    size, values = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    causal, past = int(rng.integers(0, 2)), int(rng.integers(0, 4))
    sizes = [heads * size, heads * size, heads * (size if past else values)]
    keys = tokens + past
    first = rng.choice([(1, 1), (batch, 1), (1, heads), (batch, heads)])
    operands = [
        ("x", real(rng, batch, tokens, width)),
        ("c", real(rng, width, sum(sizes))),
        ("c", real(rng, sum(sizes))),
        mask(rng, batch, tokens, keys, causal),
        ("x", real(rng, 2, batch, heads, past, size)) if past else None,
        None if past else some(rng, ("x", real(rng, *first, tokens, keys))),
    ]
    attributes = {"num_heads": heads, "unidirectional": causal, "qkv_hidden_sizes": sizes}
    if rng.random() < 0.5:
        attributes |= {"scale": float(rng.uniform(0.1, 1)), "mask_filter_value": -float(rng.uniform(1, 1e4))}
    return Fused("Attention", operands, attributes, (True,) * (1 + bool(past)))


def multi_head(rng: RNG) -> Fused:
    batch, tokens, heads, size, values, keys = (int(rng.integers(1, n)) for n in (4, 7, 5, 6, 6, 8))
    causal = int(rng.integers(0, 2))
    width, wide = heads * size, heads * values
    operands = [
        ("x", real(rng, batch, tokens, width)),
        ("x", real(rng, batch, keys, width)),
        ("x", real(rng, batch, keys, wide)),
        some(rng, ("c", real(rng, 2 * width + wide))),
        mask(rng, batch, tokens, keys, 1),
        some(rng, ("x", real(rng, 1, heads, tokens, keys))),
    ]
    return Fused("MultiHeadAttention", operands, {"num_heads": heads, "unidirectional": causal})


def norm(rng: RNG) -> Fused:
    batch, tokens, width = (int(rng.integers(1, n)) for n in (4, 6, 20))
    data = [("x", real(rng, batch, tokens, width)) for _ in range(2)]
    scales: list[Any] = [("c", real(rng, width)) for _ in range(3)]
    epsilon = {"epsilon": float(10 ** rng.uniform(-6, -1))}
    opset = int(rng.choice([11, 13, 17, 18, 21]))
    if rng.random() < 0.5:
        operands = [*data, scales[0], some(rng, scales[1]), some(rng, scales[2])]
        return Fused("SkipLayerNormalization", operands, epsilon, opset=opset)
    return Fused(
        "SkipSimplifiedLayerNormalization", [*data, scales[0], some(rng, scales[1])], epsilon, opset=opset
    )


def product(rng: RNG) -> Fused:
    rows, columns, inner = (int(rng.integers(1, 6)) for _ in range(3))
    ways = {f"trans{each}": int(rng.integers(0, 2)) for each in "AB"}
    left = (inner, rows) if ways["transA"] else (rows, inner)
    right = (columns, inner) if ways["transB"] else (inner, columns)
    batch = tuple(int(size) for size in rng.integers(1, 4, rng.integers(0, 3)))
    operands = [("x", real(rng, *batch, *left)), (rng.choice(["x", "c"]), real(rng, *batch, *right))]
    return Fused("FusedMatMul", operands, {"alpha": float(rng.uniform(-2, 2)), **ways})


KINDS: tuple[Callable[[RNG], Fused], ...] = (attention, multi_head, norm, product)


def test_random_fused_nodes(rounds: Callable[[int, int], int]) -> None:
    for seed in range(rounds(3000, 40)):
        case = KINDS[seed % len(KINDS)](np.random.default_rng(seed))
        assert error_of(case) < EXACT, f"seed {seed}: {case.op_type} {case.attributes}"
