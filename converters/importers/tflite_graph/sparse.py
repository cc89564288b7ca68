"""Sparse constants, written out: https://www.tensorflow.org/api_docs (TACO's format, as TFLite's schema keeps it)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
DENSE = 0


def densified(values: Array, shape: tuple[int, ...], sparsity: Any) -> Array:
    """The whole tensor; what is not stored is zero.

    Args:
        values: what is stored, in order of traversal.
        sparsity: the file's description: each dimension dense or compressed, some split into blocks.

    Raises:
        ValueError: the description does not hold together.
    """
    order = [int(each) for each in sparsity.traversalOrder]
    blocks = [int(each) for each in (sparsity.blockMap if sparsity.blockMap is not None else ())]
    rank = len(shape)
    if sorted(order) != list(range(rank + len(blocks))) or len(sparsity.dimMetadata) != len(order):
        raise ValueError("a sparse constant whose dimensions contradict each other")
    places = _places(sparsity.dimMetadata)
    if len(places) > len(values):
        raise ValueError("a sparse constant with less numbers than places")
    sizes = {order[level]: _block_size(sparsity.dimMetadata[level]) for level in range(len(order))}
    found = np.zeros(shape, values.dtype)
    index = np.zeros((len(places), rank), np.int64)
    for level, dimension in enumerate(order):
        if dimension < rank:
            factor = sizes[rank + blocks.index(dimension)] if dimension in blocks else 1
            index[:, dimension] += places[:, level] * factor
        else:
            index[:, blocks[dimension - rank]] += places[:, level]
    found[tuple(index.T)] = values[: len(places)]
    return found


def _block_size(metadata: Any) -> int:
    return int(metadata.denseSize)


def _places(levels: Any) -> Array:
    """The index of every stored number by level, [numbers, levels]."""
    parents = np.zeros(1, np.int64)
    found = np.zeros((1, 0), np.int64)
    for level in levels:
        if level.format == DENSE:
            size = int(level.denseSize)
            if size < 1 or size * len(found) > 1 << 28:
                raise ValueError("a sparse constant that is too large")
            here = np.tile(np.arange(size), len(found))
            found = np.repeat(found, size, axis=0)
            parents = np.repeat(parents, size) * size + here
        else:
            segments = np.asarray(level.arraySegments.values, np.int64)
            indices = np.asarray(level.arrayIndices.values, np.int64)
            counts = segments[parents + 1] - segments[parents]
            if (counts < 0).any() or counts.sum() > len(indices):
                raise ValueError("a sparse constant whose segments contradict each other")
            found = np.repeat(found, counts, axis=0)
            starts = np.repeat(segments[parents], counts)
            within = np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts)
            parents = starts + within
            here = indices[parents]
        found = np.column_stack([found, here])
    return found
