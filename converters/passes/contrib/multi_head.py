"""MultiHeadAttention: queries, keys and values that are projected already."""

from __future__ import annotations

import onnx_ir as ir

from edgemm.converters.passes.contrib.heads import (
    Heads,
    attend,
    causal,
    factor_of,
    has_mask,
    mask_of,
    split,
    with_past,
)
from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import shape_of

QUERY, KEY, VALUE, BIAS, MASK, ADDED, PAST_KEY, PAST_VALUE, PAST_LENGTH, CACHE = range(10)


def expand_multi_head(draft: FusedNode) -> None:
    """query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value -> output, present_key,
    present_value, the scores."""
    if draft.has(PAST_LENGTH) or draft.has(CACHE):
        draft.refuse(
            "past and present in one buffer, or a beam search's cache",
            "Export the model without ONNX Runtime's optimizer",
        )
    query, key, value = _operands(draft)
    past = draft.shape(PAST_KEY)[2] if draft.has(PAST_KEY) else 0
    key, value = with_past(draft, key, value, (PAST_KEY, PAST_VALUE))
    query = draft("Mul", query, factor_of(draft, shape_of(query)[3]))
    parts = Heads(query, key, value, past)
    masks = [causal(draft, parts, last=True)] if draft.integer("unidirectional", 0) else []
    if has_mask(draft, MASK, shape_of(key)[2]):
        masks.append(mask_of(draft, MASK, parts))
    if draft.has(ADDED):
        masks.append(draft.input(ADDED))
    mixed, scores = attend(draft, parts, masks)
    if draft.used(3):
        draft.replace(3, scores)
    draft.becomes(mixed)


def _operands(draft: FusedNode) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Each [batch, heads, tokens, size], with its part of the bias."""
    heads = draft.integer("num_heads", 0)
    given = [_joined(draft, value) for value in _unpacked(draft)]
    if draft.has(BIAS):
        given = _biased(draft, given, heads)
    query, key, value = (each if len(shape_of(each)) == 4 else split(draft, each, heads) for each in given)
    return query, key, value


def _unpacked(draft: FusedNode) -> list[ir.Value]:
    """Queries, keys and values, from one, two or three inputs: packed ones are [batch, tokens, heads, 2 or 3, size]."""
    if not draft.has(KEY):
        return [_picked(draft, QUERY, index) for index in range(3)]
    if not draft.has(VALUE):
        return [draft.input(QUERY), *(_picked(draft, KEY, index) for index in range(2))]
    return [draft.input(index) for index in (QUERY, KEY, VALUE)]


def _picked(draft: FusedNode, operand: int, index: int) -> ir.Value:
    packed = draft.input(operand)
    batch, tokens, heads, _, size = shape_of(packed)
    return draft.reshape(draft.slice(packed, index, index + 1, 3), (batch, tokens, heads * size))


def _joined(draft: FusedNode, value: ir.Value) -> ir.Value:
    """As it came: [batch, tokens, width], or [batch, heads, tokens, size] of a cross attention's cache."""
    if len(shape_of(value)) not in (3, 4):
        draft.refuse(f"an operand of shape {list(shape_of(value))}", "Export the model again")
    return value


def _biased(draft: FusedNode, given: list[ir.Value], heads: int) -> list[ir.Value]:
    """The bias holds those of queries, keys and values, one behind the other; a cache has had its own."""
    found, start = [], 0
    query, _, values = (
        shape_of(each)[2] if len(shape_of(each)) == 3 else heads * shape_of(each)[3] for each in given
    )
    for value, size in zip(given, (query, query, values), strict=True):
        if len(shape_of(value)) == 3:
            value = draft("Add", value, draft.slice(draft.input(BIAS), start, start + size, 0))
        found.append(value)
        start += size
    return found
