"""RotaryEmbedding: pairs of features are turned by an angle that grows with the position."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import shape_of

X, POSITIONS, COSINES, SINES = range(4)


def expand_rotary(draft: FusedNode) -> None:
    """input [batch, tokens, width] or [batch, heads, tokens, size], position_ids, tables of cosines and sines."""
    if draft.integer("is_packed_batching", 0):
        draft.refuse("rows of different lengths in one batch", "Export the model with a padded batch")
    x, size = draft.input(X), _size(draft)
    folded = len(shape_of(x)) == 3
    if folded:
        batch, tokens, width = shape_of(x)
        x = draft.reshape(x, (batch, tokens, width // size, size))
    tokens = shape_of(x)[1 if folded else 2]
    cosine, sine = (
        draft.reshape(each, _beside(shape_of(each), folded))
        for each in (_rows(draft, index, tokens) for index in (COSINES, SINES))
    )
    turned = turn(draft, x, cosine, sine, interleaved=bool(draft.integer("interleaved", 0)))
    draft.becomes(draft.reshape(turned, draft.shape(X)))


def _size(draft: FusedNode) -> int:
    """Of a head."""
    shape, heads = draft.shape(X), draft.integer("num_heads", 0)
    if len(shape) == 4:
        return shape[3]
    return shape[2] // heads if heads else 2 * draft.shape(COSINES)[1]


def _rows(draft: FusedNode, table: int, tokens: int) -> ir.Value:
    """The rows of a table for each position: [batch or 1, tokens, half]."""
    positions = draft.input(POSITIONS)
    if len(shape_of(positions)) == 1:  # one number: the position of the first token
        steps = draft.constant(np.arange(tokens)[None], positions.dtype)
        positions = draft("Add", draft.reshape(positions, (1, 1)), steps)
    return draft.gather(draft.input(table), positions)


def _beside(shape: tuple[int, ...], folded: bool) -> tuple[int, ...]:
    """[batch, tokens, half] beside heads that come after the tokens, or before."""
    return (*shape[:2], 1, shape[2]) if folded else (shape[0], 1, *shape[1:])


def turn(draft: FusedNode, x: ir.Value, cosine: ir.Value, sine: ir.Value, *, interleaved: bool) -> ir.Value:
    """The first 2 * half features of each head, turned; the others as they are."""
    axis, half = len(shape_of(x)) - 1, shape_of(cosine)[-1]
    size = shape_of(x)[axis]
    turned = draft.slice(x, 0, 2 * half, axis)
    if interleaved:
        pairs = draft.reshape(turned, (*shape_of(turned)[:-1], half, 2))
        even, odd = (
            draft.reshape(draft.slice(pairs, i, i + 1, axis + 1), (*shape_of(turned)[:-1], half))
            for i in (0, 1)
        )
    else:
        even, odd = (draft.slice(turned, i * half, (i + 1) * half, axis) for i in (0, 1))
    first = draft("Sub", draft("Mul", even, cosine), draft("Mul", odd, sine))
    second = draft("Add", draft("Mul", even, sine), draft("Mul", odd, cosine))
    if interleaved:
        last = (*shape_of(first), 1)
        both = draft.concat([draft.reshape(each, last) for each in (first, second)], axis + 1)
        made = [draft.reshape(both, shape_of(turned))]
    else:
        made = [first, second]
    rest = [draft.slice(x, 2 * half, size, axis)] if size > 2 * half else []
    return draft.concat([*made, *rest], axis)
