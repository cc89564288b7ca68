"""GroupQueryAttention: several heads of queries share one of keys and values; causal, with rotary positions."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.contrib.heads import Heads, attend, causal, factor_of, split, with_past
from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.contrib.rotary import turn
from edgemm.converters.passes.rewrite import array_of, shape_of

QUERY, KEY, VALUE, PAST_KEY, PAST_VALUE, LENGTHS, TOTAL, COSINES, SINES, POSITIONS, ADDED, *NEWER = range(16)
PLAIN = (
    "Export the model for attention of plain operators (torch.onnx.export with attn_implementation='eager')"
)


def expand_group_query(draft: FusedNode) -> None:
    """query, key, value, past, the rows' lengths, tables of cosines and sines -> output, present.

    Every row is as long as the tokens are: lengths that are computed say which tokens count, and need a mask.
    """
    heads, groups = draft.integer("num_heads", 0), draft.integer("kv_num_heads", 0)
    query, key, value = (split(draft, each, n) for each, n in _operands(draft, heads, groups))
    past = draft.shape(PAST_KEY)[2] if draft.has(PAST_KEY) else 0
    _require_plain(draft, past + shape_of(query)[2])
    if draft.integer("do_rotary", 0):
        query, key = _turned(draft, query, past), _turned(draft, key, past)
    key, value = with_past(draft, key, value, (PAST_KEY, PAST_VALUE))
    query = draft("Mul", query, factor_of(draft, shape_of(query)[3]))
    key, value = (_shared(draft, each, heads // groups) for each in (key, value))
    parts = Heads(query, key, value, past)
    masks = (
        [causal(draft, parts, draft.integer("local_window_size", -1))] if draft.integer("causal", 1) else []
    )
    if draft.has(ADDED):
        masks.append(draft.input(ADDED))
    draft.becomes(attend(draft, parts, masks)[0])


def _operands(draft: FusedNode, heads: int, groups: int) -> list[tuple[ir.Value, int]]:
    """Queries, keys and values with their heads; keys and values may stand behind the queries in one input."""
    if not heads or not groups or heads % groups:
        draft.refuse(f"{heads} heads of queries for {groups} of keys", "Export the model again")
    counts = (heads, groups, groups)
    if draft.has(KEY):
        return [(draft.input(index), count) for index, count in zip((QUERY, KEY, VALUE), counts, strict=True)]
    size = draft.shape(QUERY)[2] // sum(counts)
    ends = np.cumsum([0, *counts]) * size
    return [
        (draft.slice(draft.input(QUERY), int(a), int(b), 2), count)
        for a, b, count in zip(ends, ends[1:], counts, strict=False)
    ]


def _require_plain(draft: FusedNode, tokens: int) -> None:
    """Refuses what has no form of fixed sizes."""
    lengths = array_of(draft.input(LENGTHS))
    if lengths is None:
        draft.refuse(
            f"the lengths of its rows ({draft.input(LENGTHS).name!r}) are computed",
            "Make the attention mask a constant, such as --set attention_mask=1. " + PLAIN,
        )
    if (lengths != tokens - 1).any():
        draft.refuse(
            f"rows of {(lengths + 1).tolist()} of {tokens} tokens: past and present in one buffer", PLAIN
        )
    number = draft.number
    if number("softcap", 0.0) or draft.integer("smooth_softmax", 0) == 1 or draft.integer("qk_output", 0):
        draft.refuse("softcap, smooth_softmax or qk_output", PLAIN)
    if any(draft.has(index) for index in NEWER):
        draft.refuse("a sink, a norm of the heads or a quantized cache", PLAIN)


def _turned(draft: FusedNode, value: ir.Value, past: int) -> ir.Value:
    """With rotary positions: those given, else the ones behind the past. Of several tokens, ONNX Runtime reads the
    position of the first one and counts on."""
    tokens = shape_of(value)[2]
    tables = []
    for index in (COSINES, SINES):
        if draft.has(POSITIONS):
            rows = draft.gather(draft.input(index), _positions(draft, tokens))
        else:
            rows = draft.slice(draft.input(index), past, past + tokens, 0)
        tables.append(draft.reshape(rows, (-1, 1, tokens, shape_of(rows)[-1])))
    return turn(draft, value, *tables, interleaved=bool(draft.integer("rotary_interleaved", 0)))


def _positions(draft: FusedNode, tokens: int) -> ir.Value:
    """[batch or 1, tokens]."""
    given = draft.input(POSITIONS)
    if tokens == 1:
        return given
    first = draft.slice(draft.reshape(given, (1, -1)), 0, 1, 1)
    return draft("Add", first, draft.constant(np.arange(tokens)[None], given.dtype))


def _shared(draft: FusedNode, value: ir.Value, times: int) -> ir.Value:
    """Each head `times` times: [batch, groups, tokens, size] -> [batch, heads, tokens, size]."""
    if times == 1:
        return value
    return draft.gather(value, np.repeat(np.arange(shape_of(value)[1]), times), 1)
