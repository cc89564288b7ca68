"""Fused attention with its masks, caches and forms of operands, against ONNX Runtime's own kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fused_nodes import Array, Fused, error_of, in_runtime, model_of, worst, written_out

from edgemm.errors import UnsupportedOperator

RNG = np.random.default_rng(1)
EXACT = 1e-5
BATCH, TOKENS, WIDTH, HEADS, PAST, KEYS = 2, 5, 12, 3, 4, 7


def x(*shape: int) -> tuple[str, Array]:
    return "x", RNG.normal(size=shape).astype(np.float32)


def c(*shape: int) -> tuple[str, Array]:
    return "c", RNG.normal(size=shape).astype(np.float32)


def i32(*numbers: Any) -> tuple[str, Array]:
    return "x", np.array(numbers, np.int32)


def seen(*shape: int) -> tuple[str, Array]:
    """A mask of which every row sees its first token."""
    mask = RNG.integers(0, 2, shape).astype(np.int32)
    mask[..., 0] = 1
    return "x", mask


def attention(mask: Any = None, past: Any = None, added: Any = None, outputs: int = 1, **more: Any) -> Fused:
    operands = [x(BATCH, TOKENS, WIDTH), c(WIDTH, 3 * WIDTH), c(3 * WIDTH), mask, past, added]
    return Fused("Attention", operands, {"num_heads": HEADS, **more}, (True,) * outputs)


def masks(tokens: int, keys: int) -> dict[str, Any]:
    return {
        "none": None,
        "lengths": i32(keys - 2, keys),
        "ends and beginnings": i32(keys - 1, keys, 1, 0),
        "lengths and offsets": i32(keys - 2, keys, 0, 3, 8, 0, 3, 8),
        "by token": seen(BATCH, keys),
        "by query and token": seen(BATCH, tokens, keys),
        "all hidden": ("x", np.zeros((BATCH, keys), np.int32)),
        "no mask, one number a row": i32([0], [0]),
    }


def cache(*shape: int) -> tuple[str, Array]:
    return x(2, BATCH, HEADS, PAST, WIDTH // HEADS, *shape)


ATTENTION: dict[str, Fused] = {
    **{
        f"mask {name}, unidirectional {way}, past {past}": attention(
            mask, cache() if past else None, outputs=1 + past, unidirectional=way
        )
        for past in (0, 1)
        for way in (0, 1)
        for name, mask in masks(TOKENS, TOKENS + PAST * past).items()
    },
    **{
        f"added scores {shape}": attention(seen(BATCH, TOKENS), None, x(*shape, TOKENS, TOKENS))
        for shape in ((BATCH, HEADS), (1, HEADS), (1, 1), (BATCH, 1))
    },
    "a present without a past": attention(outputs=2),
    "another filter": attention(seen(BATCH, TOKENS), mask_filter_value=-3.0),
    "another factor": attention(scale=0.2),
    "other widths": Fused(
        "Attention",
        [x(BATCH, TOKENS, WIDTH), c(WIDTH, 33), c(33)],
        {"num_heads": HEADS, "qkv_hidden_sizes": [9, 9, 15]},
    ),
    "weights that are computed": Fused(
        "Attention",
        [x(BATCH, TOKENS, WIDTH), x(WIDTH, 36), x(36)],
        {"num_heads": HEADS},
    ),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name: str) -> None:
    assert error_of(ATTENTION[name]) < EXACT


def heads(*operands: Any, outputs: int = 1, **more: Any) -> Fused:
    return Fused("MultiHeadAttention", operands, {"num_heads": HEADS, **more}, (True,) * outputs)


def projected(values: int = WIDTH, keys: int = KEYS) -> list[Any]:
    return [x(BATCH, TOKENS, WIDTH), x(BATCH, keys, WIDTH), x(BATCH, keys, values)]


def kept() -> list[Any]:
    return [x(BATCH, HEADS, PAST, WIDTH // HEADS), x(BATCH, HEADS, PAST, WIDTH // HEADS)]


MULTI_HEAD: dict[str, Fused] = {
    **{
        f"mask {name}, unidirectional {way}": heads(
            *projected(15), c(2 * WIDTH + 15), mask, unidirectional=way, mask_filter_value=-5.0
        )
        for way in (0, 1)
        for name, mask in masks(TOKENS, KEYS).items()
        if name not in ("ends and beginnings", "no mask, one number a row")
    },
    "all outputs, added scores": heads(
        *projected(), None, None, x(1, HEADS, TOKENS, KEYS), outputs=4, scale=0.3
    ),
    "a cross attention's cache": heads(
        x(BATCH, TOKENS, WIDTH), x(BATCH, HEADS, KEYS, 4), x(BATCH, HEADS, KEYS, 4)
    ),
    "a cross attention's cache, a bias": heads(
        x(BATCH, TOKENS, WIDTH), x(BATCH, HEADS, KEYS, 4), x(BATCH, HEADS, KEYS, 4), c(36)
    ),
    **{
        f"a past, unidirectional {way}": heads(
            *projected(keys=TOKENS),
            c(36),
            seen(BATCH, TOKENS + PAST),
            None,
            *kept(),
            outputs=3,
            unidirectional=way,
        )
        for way in (0, 1)
    },
    "a past, added scores": heads(
        *projected(keys=TOKENS), None, None, x(BATCH, HEADS, TOKENS, TOKENS + PAST), *kept(), outputs=4
    ),
}


@pytest.mark.parametrize("name", MULTI_HEAD)
def test_multi_head_attention(name: str) -> None:
    assert error_of(MULTI_HEAD[name]) < EXACT


def test_packed_operands_are_those_that_are_packed() -> None:
    """ONNX Runtime takes them on GPUs alone: the same numbers apart, in its own kernel, are the truth."""
    query, key, value = (each[1] for each in projected(keys=TOKENS))
    apart, feeds = model_of(heads(("x", query), ("x", key), ("x", value)))
    truth = in_runtime(apart, feeds)
    parts = [each.reshape(BATCH, TOKENS, HEADS, 1, WIDTH // HEADS) for each in (query, key, value)]
    for packed in (
        [("x", np.concatenate(parts, 3))],
        [("x", query), ("x", np.concatenate(parts[1:], 3))],
    ):
        assert worst(truth, written_out(*model_of(heads(*packed)))) < EXACT


def test_attention_without_a_bias_is_that_with_a_bias_of_zeros() -> None:
    """ONNX Runtime's own kernel reads a bias that is not there."""
    data, weight = x(BATCH, TOKENS, WIDTH), c(WIDTH, 3 * WIDTH)
    more = {"num_heads": HEADS}
    full = model_of(Fused("Attention", [data, weight, ("c", np.zeros(3 * WIDTH, np.float32))], more))
    assert worst(in_runtime(*full), written_out(*model_of(Fused("Attention", [data, weight], more)))) < EXACT


SIZE, QUERIES, GROUPS = 16, 4, 2


def grouped(past: int = 0, tables: bool = False, rest: Any = (), lengths: Any = None, **more: Any) -> Fused:
    length = np.full(1, past + TOKENS - 1, np.int32)
    operands = [x(1, TOKENS, QUERIES * SIZE), x(1, TOKENS, GROUPS * SIZE), x(1, TOKENS, GROUPS * SIZE)]
    operands += [x(1, GROUPS, past, SIZE) if past else None] * 2  # type: ignore[list-item]
    operands += [lengths or ("c", length), ("c", np.array(past + TOKENS, np.int32))]
    operands += [c(16, SIZE // 2), c(16, SIZE // 2)] if tables else [None, None]  # type: ignore[list-item]
    attributes = {"num_heads": QUERIES, "kv_num_heads": GROUPS, "do_rotary": int(tables), **more}
    return Fused("GroupQueryAttention", [*operands, *rest], attributes, (True,) * 3)


GROUPED: dict[str, Fused] = {
    **{
        f"rotary {tables}, window {window}, past {past}, interleaved {way}": grouped(
            past, tables, local_window_size=window, rotary_interleaved=way
        )
        for tables in (False, True)
        for window in (-1, 3)
        for past in (0, PAST)
        for way in (0, 1)
    },
    "positions": grouped(0, True, [("x", np.arange(3, 3 + TOKENS)[None])]),
    "added scores": grouped(0, False, [None, x(1, 1, TOKENS, TOKENS)]),
    "both directions": grouped(causal=0),
    "another factor": grouped(scale=0.1),
}


@pytest.mark.parametrize("name", GROUPED)
def test_group_query_attention(name: str) -> None:
    assert error_of(GROUPED[name]) < EXACT


def test_queries_keys_and_values_in_one_operand() -> None:
    case = grouped(0, True)
    packed = [("x", np.concatenate([each[1] for each in case.operands[:3]], 2)), None, None]  # type: ignore[index]
    one = Fused("GroupQueryAttention", [*packed, *case.operands[3:]], case.attributes, case.outputs)
    assert error_of(one) < EXACT
    assert worst(in_runtime(*model_of(case)), written_out(*model_of(one))) < EXACT


@pytest.mark.parametrize(
    ("case", "match"),
    [
        (attention(do_rotary=1), "Attention.: rotary positions.*without ONNX Runtime's optimizer"),
        (attention(num_heads=5), "5 heads in widths"),
        (
            attention(("x", np.ones((BATCH, 1, 4, 4), np.int32))),
            r"mask of shape \[2, 1, 4, 4\] over 5 tokens",
        ),
        (attention(i32(1, 2, 3)), "a mask of 3 numbers for a batch of 2"),
        (grouped(lengths=i32(TOKENS - 1)), "lengths of its rows .'x5'. are computed.*--set attention_mask=1"),
        (grouped(softcap=3.0), "softcap"),
    ],
)
def test_what_is_refused_names_what_to_export_instead(case: Fused, match: str) -> None:
    with pytest.raises(UnsupportedOperator, match=match):
        written_out(*model_of(case))
