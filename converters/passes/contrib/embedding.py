"""EmbedLayerNormalization: the sum of a token's embeddings, normalized."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.contrib.norms import EPSILON, layer_norm
from edgemm.converters.passes.rewrite import shape_of

IDS, SEGMENTS, WORDS, POSITIONS, SEGMENT_TABLE, GAMMA, BETA, MASK, POSITION_IDS = range(9)


def expand_embedding(draft: FusedNode) -> None:
    """input_ids, segment_ids, three tables, gamma, beta, mask, position_ids; outputs: the normed sum, how many tokens
    of each row the mask keeps, the sum."""
    total = draft("Add", draft.gather(draft.input(WORDS), draft.input(IDS)), _positions(draft))
    if draft.has(SEGMENTS):
        total = draft("Add", total, draft.gather(draft.input(SEGMENT_TABLE), draft.input(SEGMENTS)))
    if draft.used(1):
        draft.replace(1, _lengths(draft))
    if draft.used(2):
        draft.replace(2, total)
    epsilon = draft.number("epsilon", EPSILON)
    draft.becomes(layer_norm(draft, total, draft.input(GAMMA), draft.input(BETA), epsilon))


def _positions(draft: FusedNode) -> ir.Value:
    """The embeddings of the given positions, else of 0, 1, 2, ..."""
    table = draft.input(POSITIONS)
    if draft.has(POSITION_IDS):
        return draft.gather(table, draft.input(POSITION_IDS))
    return draft.slice(table, 0, draft.shape(IDS)[1], 0)


def _lengths(draft: FusedNode) -> ir.Value:
    """[batch] int32: the elements of each row of the mask that are 1."""
    if not draft.has(MASK):
        return draft.copy(draft.constant(np.zeros(draft.shape(IDS)[0], np.int32)))
    mask = draft.input(MASK)
    ones = draft.cast(draft("Equal", mask, 1), ir.DataType.INT32)
    return draft.sum(ones, [len(shape_of(mask)) - 1])
