"""Attention: one projection to queries, keys and values, and attention over heads."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.contrib.heads import Heads, attend, causal, factor_of, has_mask, mask_of, split
from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import shape_of

X, WEIGHT, BIAS, MASK, PAST, ADDED, PAST_LENGTH = range(7)
PLAIN = "Export the model without ONNX Runtime's optimizer"


def expand_attention(draft: FusedNode) -> None:
    """input, weights, bias, mask, past, attention_bias -> output, present."""
    if (
        draft.integer("do_rotary", 0)
        or draft.integer("past_present_share_buffer", 0)
        or draft.has(PAST_LENGTH)
    ):
        draft.refuse("rotary positions, or past and present in one buffer", PLAIN)
    heads = draft.integer("num_heads", 0)
    query, key, value = _projected(draft, heads)
    past = 0
    if draft.has(PAST):
        past = draft.shape(PAST)[3]
        key, value = (draft.concat([_part(draft, index), own], 2) for index, own in enumerate((key, value)))
    parts = Heads(query, key, value, past)
    if draft.used(1):
        draft.replace(1, _present(draft, key, value))
    masks = [causal(draft, parts, last=True)] if draft.integer("unidirectional", 0) else []
    if has_mask(draft, MASK, shape_of(key)[2]):
        masks.append(mask_of(draft, MASK, parts))
    if draft.has(ADDED):
        masks.append(draft.input(ADDED))
    draft.becomes(attend(draft, parts, masks)[0])


def _projected(draft: FusedNode, heads: int) -> list[ir.Value]:
    """Queries, keys and values by weights of their own; the factor of the scores goes into those of the queries."""
    width = draft.shape(WEIGHT)[1]
    sizes = draft.integers("qkv_hidden_sizes", (width // 3,) * 3)
    if len(sizes) != 3 or sum(sizes) != width or not heads or any(size % heads for size in sizes):
        draft.refuse(f"{heads} heads in widths {sizes} of {width}", "Export the model again")
    found, start = [], 0
    for index, size in enumerate(sizes):
        weight = draft.slice(draft.input(WEIGHT), start, start + size, 1)
        bias = draft.slice(draft.input(BIAS), start, start + size, 0) if draft.has(BIAS) else None
        if index == 0:
            factor = factor_of(draft, size // heads)
            weight = draft("Mul", weight, factor)
            bias = None if bias is None else draft("Mul", bias, factor)
        made = draft.matmul(draft.input(X), weight)
        found.append(split(draft, made if bias is None else draft("Add", made, bias), heads))
        start += size
    return found


def _part(draft: FusedNode, index: int) -> ir.Value:
    """The keys (0) or the values (1) of the past, [2, batch, heads, tokens, size]."""
    past = draft.input(PAST)
    return draft.reshape(draft.slice(past, index, index + 1, 0), shape_of(past)[1:])


def _present(draft: FusedNode, key: ir.Value, value: ir.Value) -> ir.Value:
    """[2, batch, heads, tokens, size]."""
    if shape_of(key) != shape_of(value):
        draft.refuse("its output 1 (present) of keys and values of different sizes", PLAIN)
    return draft.concat([draft.reshape(each, (1, *shape_of(each))) for each in (key, value)], 0)
