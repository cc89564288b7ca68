"""Scaled dot-product attention over heads: what the attention operators share."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import shape_of

FILTER = -10000.0
"""What a masked score is lowered by where the node does not say."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Queries, keys and values, each [batch, heads, tokens, size]; the queries are scaled already."""

    query: ir.Value
    key: ir.Value
    value: ir.Value
    past: int = 0
    """Tokens of `key` that come before the first query."""


def split(draft: FusedNode, value: ir.Value, heads: int) -> ir.Value:
    """[batch, tokens, heads * size] -> [batch, heads, tokens, size]."""
    batch, tokens, width = shape_of(value)
    if not heads or width % heads:
        draft.refuse(f"{heads} heads in a width of {width}", "Export the model again")
    return draft.transpose(draft.reshape(value, (batch, tokens, heads, width // heads)), (0, 2, 1, 3))


def with_past(
    draft: FusedNode, key: ir.Value, value: ir.Value, at: tuple[int, int]
) -> tuple[ir.Value, ir.Value]:
    """Keys and values behind those of earlier tokens, where the node has them; outputs 1 and 2 are these.

    Args:
        at: which inputs the earlier keys and values are.
    """
    if draft.has(at[0]) and draft.shape(at[0])[2]:
        key = draft.concat([draft.input(at[0]), key], 2)
        value = draft.concat([draft.input(at[1]), value], 2)
    for index, made in ((1, key), (2, value)):
        if draft.used(index):
            draft.replace(index, made)
    return key, value


def factor_of(draft: FusedNode, size: int) -> float:
    """The factor of the scores: as the node says, else 1 / sqrt(size of a head)."""
    return draft.number("scale", 0.0) or 1.0 / sqrt(size)


def attend(draft: FusedNode, parts: Heads, masks: list[ir.Value]) -> tuple[ir.Value, ir.Value]:
    """softmax(query key' + masks) value, as [batch, tokens, heads * size], and the scores in front of the softmax."""
    scores = draft.matmul(parts.query, draft.transpose(parts.key, (0, 1, 3, 2)))
    total = None
    for mask in masks:  # summed first, like ONNX Runtime does: small ones meet before they meet the scores
        total = mask if total is None else draft("Add", total, mask)
    if total is not None:
        scores = draft("Add", scores, total)
    weights = draft.unary("Softmax", scores, axis=3)
    mixed = draft.transpose(draft.matmul(weights, parts.value), (0, 2, 1, 3))
    batch, tokens, heads, size = shape_of(mixed)
    return draft.reshape(mixed, (batch, tokens, heads * size)), scores


def has_mask(draft: FusedNode, index: int, keys: int) -> bool:
    """A mask of one number for a whole row of several tokens says nothing: exporters need something to pass."""
    if not draft.has(index) or 0 in draft.shape(index):
        return False
    shape = draft.shape(index)
    return not (len(shape) == 2 and shape[1] == 1 < keys)


def causal(draft: FusedNode, parts: Heads, window: int = -1, *, last: bool = False) -> ir.Value:
    """[1, 1, queries, keys]: no token sees a later one, nor one `window` or more before it.

    Args:
        last: the last token sees all, later ones too: so it is in ONNX Runtime where keys are more than queries.
    """
    queries, keys = shape_of(parts.query)[2], shape_of(parts.key)[2]
    own = np.arange(queries)[:, None] + parts.past
    other = np.arange(keys)[None, :]
    hidden = other > own
    if window > 0:
        hidden |= other <= own - window
    if last:
        hidden[-1] = False
    return draft.constant(np.where(hidden, draft.lowest(parts.query), 0.0)[None, None], parts.query.dtype)


def mask_of(draft: FusedNode, index: int, parts: Heads) -> ir.Value:
    """The mask of an input as numbers to add, [batch or 1, 1, queries or 1, keys].

    Its forms: [batch] the length of each row; [2 batch] ends, then beginnings; [3 batch + 2] lengths, then offsets of
    packed rows; [batch, keys], [batch, queries, keys] and [batch, 1, longest, longest] with 1 for what is seen.
    """
    mask, keys = draft.input(index), shape_of(parts.key)[2]
    shape = shape_of(mask)
    seen = (
        _within(draft, mask, shape_of(parts.query)[0], keys) if len(shape) == 1 else _seen(draft, mask, parts)
    )
    kind = parts.query.dtype
    zero, filtered = (draft.constant(each, kind) for each in (0.0, draft.number("mask_filter_value", FILTER)))
    return draft.where(seen, zero, filtered)


def _within(draft: FusedNode, mask: ir.Value, batch: int, keys: int) -> ir.Value:
    """Between the beginning and the end of each row."""
    if shape_of(mask)[0] not in (batch, 2 * batch, 3 * batch + 2):
        draft.refuse(
            f"a mask of {shape_of(mask)[0]} numbers for a batch of {batch}",
            "Export with a mask [batch, tokens], or without ONNX Runtime's optimizer",
        )
    places = draft.constant(np.arange(keys)[None, None, None], mask.dtype)
    ends = draft.reshape(draft.slice(mask, 0, batch, 0), (batch, 1, 1, 1))
    seen = draft("Less", places, ends)
    if shape_of(mask)[0] == 2 * batch:
        begins = draft.reshape(draft.slice(mask, batch, 2 * batch, 0), (batch, 1, 1, 1))
        seen = draft("And", seen, draft("GreaterOrEqual", places, begins))
    return seen


def _seen(draft: FusedNode, mask: ir.Value, parts: Heads) -> ir.Value:
    """Where a mask of two to four dimensions is above zero."""
    shape, keys = shape_of(mask), shape_of(parts.key)[2]
    if len(shape) == 2:
        mask = draft.reshape(mask, (shape[0], 1, 1, shape[1]))
    elif len(shape) == 3:
        mask = draft.reshape(mask, (shape[0], 1, *shape[1:]))
    elif shape[3] >= keys:  # for every number of tokens up to the longest
        mask = draft.slice(mask, parts.past, parts.past + shape_of(parts.query)[2], 2)
        mask = draft.slice(mask, 0, keys, 3)
    if (
        len(shape_of(mask)) != 4
        or shape_of(mask)[3] != keys
        or shape_of(mask)[2] not in (1, shape_of(parts.query)[2])
    ):
        draft.refuse(
            f"a mask of shape {list(shape)} over {keys} tokens",
            "Export the model again",
        )
    return mask if mask.dtype == ir.DataType.BOOL else draft("Greater", mask, 0)
