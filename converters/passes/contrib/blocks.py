"""Weights of 2, 4 or 8 bits with a scale for each block of a row: they become float constants."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.contrib.node import FusedNode
from edgemm.converters.passes.rewrite import Array

ROUNDING_LEVEL = 4
"""accuracy_level of a MatMulNBits that rounds its left operand to 8 bits while it runs."""


def rounds(node: ir.Node) -> bool:
    """A MatMulNBits that rounds what it multiplies."""
    return node.op_type == "MatMulNBits" and node.attributes.get_int("accuracy_level", 0) == ROUNDING_LEVEL


def expand_block_matmul(draft: FusedNode) -> None:
    """MatMulNBits: A times the transposed weights [N, K]; then a bias."""
    if draft.integer("weight_prepacked", 0):
        draft.refuse("weights in the order of one machine", "Quantize the model again without prepacking")
    bits, rows, columns = (draft.integer(name, 0) for name in ("bits", "N", "K"))
    size, packed, scales = draft.integer("block_size", 0), draft.known(1), draft.known(2)
    if packed is None or scales is None or bits not in (2, 4, 8):
        draft.refuse(f"weights of {bits} bits, or none", "Quantize the model to 4 or 8 bits")
    blocks = -(-columns // size)
    numbers = unpacked(packed.reshape(rows, -1), bits)[:, : blocks * size]
    group = _groups(draft, columns, size)
    steps = scales.reshape(rows, blocks)[:, group].astype(np.float32)
    points = _points(draft, rows, blocks, bits)[:, group]
    weight = (numbers[:, :columns].astype(np.float32) - points) * steps
    left = draft.input(0)
    made = draft.matmul(left, draft.constant(np.ascontiguousarray(weight.T), left.dtype))
    draft.becomes(draft.plus(made, 5))


def _groups(draft: FusedNode, columns: int, size: int) -> Array:
    """The block of each column."""
    given = draft.known(4)
    return np.arange(columns) // size if given is None else given.reshape(-1)[:columns]


def _points(draft: FusedNode, rows: int, blocks: int, bits: int) -> Array:
    """Zero points: packed like the weights, real, or the middle of the range."""
    given = draft.known(3)
    if given is None:
        return np.full((rows, blocks), float(1 << (bits - 1)), np.float32)
    if given.dtype == np.uint8:
        return unpacked(given.reshape(rows, -1), bits)[:, :blocks].astype(np.float32)
    return given.reshape(rows, blocks).astype(np.float32)


def unpacked(packed: Array, bits: int) -> Array:
    """uint8 [rows, bytes] -> [rows, bytes * 8 / bits], the lowest bits first."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    found: Array = ((packed[..., None] >> shifts) & ((1 << bits) - 1)).reshape(*packed.shape[:-1], -1)
    return found


def expand_block_gather(draft: FusedNode) -> None:
    """GatherBlockQuantized: rows of a table whose blocks have scales."""
    data, scales = draft.known(0), draft.known(2)
    if data is None or scales is None:
        draft.refuse("no table, or no scales", "Quantize the model again")
    bits, size = draft.integer("bits", 4), draft.integer("block_size", 128)
    packed, signed = data.dtype == np.uint8, draft.input(0).dtype == ir.DataType.INT4
    rank = data.ndim
    axis = draft.integer("quantize_axis", 1) % rank
    if packed and axis != rank - 1:
        draft.refuse("blocks along another axis than the last", "Quantize the model along the last axis")
    if packed:
        data = unpacked(data, bits)
    numbers = data.astype(np.float32)
    where = np.arange(numbers.shape[axis]) // size
    numbers = numbers - _table_points(draft, scales.shape, bits, packed, signed).take(where, axis)
    table = numbers * scales.astype(np.float32).take(where, axis)
    kind = draft.input(2).dtype
    found = draft.gather(draft.constant(table, kind), draft.input(1), draft.integer("gather_axis", 0) % rank)
    draft.becomes(found)


def _table_points(draft: FusedNode, shape: tuple[int, ...], bits: int, packed: bool, signed: bool) -> Array:
    """Zero points in the form of the scales: packed bytes are centred where none are given."""
    given = draft.known(3)
    if given is None:
        return np.full(shape, float(1 << (bits - 1)) if packed and not signed else 0.0, np.float32)
    if packed:
        given = unpacked(given, bits)[..., : shape[-1]]
    return given.reshape(shape).astype(np.float32)


__all__ = ["expand_block_gather", "expand_block_matmul", "rounds"]
