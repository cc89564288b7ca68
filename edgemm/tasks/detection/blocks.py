"""The numbers of all candidates of a detector, seen as one matrix whatever outputs and axes they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Block:
    """Some numbers of each candidate, within one output."""

    spec: TensorSpec
    shape: tuple[int, int, int]
    """The output is seen in this shape, and only the place `at` of its first axis."""
    columns: bool
    """The second of the three axes is the values, the last the candidates; else the other way round."""
    first: int
    """Of the values, the first that belongs to this block."""
    last: int
    """One behind the last."""
    at: int = 0

    @property
    def count(self) -> int:
        """Candidates."""
        return self.shape[2] if self.columns else self.shape[1]

    @property
    def width(self) -> int:
        """Numbers of each candidate."""
        return self.last - self.first

    def matrix(self, outputs: Outputs) -> Array:
        """A view of [count, values], as the file stores it: those of other blocks as well."""
        whole: Array = outputs.stored(self.spec.name).reshape(self.shape)[self.at]
        return whole.T if self.columns else whole

    def stored(self, outputs: Outputs) -> Array:
        """A view of [count, width], as the file stores it."""
        return self.matrix(outputs)[:, self.first : self.last]

    def part(self, first: int, last: int) -> Block:
        """Only the values from `first` to `last`, counted from this block's."""
        return Block(self.spec, self.shape, self.columns, self.first + first, self.first + last, self.at)

    def followed_by(self, other: Block) -> Block | None:
        """Both as one, where `other` has the values of the same candidates that come next."""
        whole = replace(self, last=other.last)
        return whole if other == replace(self, first=self.last, last=other.last) else None


@dataclass(frozen=True, slots=True)
class Table:
    """The same numbers of all candidates: blocks one below the other."""

    blocks: tuple[Block, ...]

    @property
    def count(self) -> int:
        """Candidates."""
        return sum(block.count for block in self.blocks)

    @property
    def width(self) -> int:
        """Numbers of each candidate."""
        return self.blocks[0].width

    def part(self, first: int, last: int) -> Table:
        """Only the values from `first` to `last`."""
        return Table(tuple(block.part(first, last) for block in self.blocks))

    def followed_by(self, other: Table) -> Table | None:
        """Both as one, where `other` has the values of the same candidates that come next."""
        if len(self.blocks) != len(other.blocks):
            return None
        pairs = [one.followed_by(two) for one, two in zip(self.blocks, other.blocks, strict=True)]
        blocks = tuple(pair for pair in pairs if pair is not None)
        return Table(blocks) if len(blocks) == len(pairs) else None

    def take(self, outputs: Outputs, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """float32[n, width]: the numbers of the candidates `index`, dequantized; no other is."""
        if len(self.blocks) == 1:
            return _real(self.blocks[0], outputs, index)
        taken = np.empty((len(index), self.width), np.float32)
        begin = 0
        for block in self.blocks:
            inside = np.flatnonzero((index >= begin) & (index < begin + block.count))
            if inside.size:
                taken[inside] = _real(block, outputs, index[inside] - begin)
            begin += block.count
        return taken


def _real(block: Block, outputs: Outputs, index: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    stored = block.stored(outputs)[index]
    if stored.dtype == np.float32:
        return stored
    with np.errstate(over="ignore"):  # a double that float32 does not hold becomes infinite, and is dropped
        return np.asarray(block.spec.dequantize(stored), np.float32)


def joined(tables: Sequence[Table]) -> Table:
    """The candidates of all tables, in their order."""
    return Table(tuple(block for table in tables for block in table.blocks))
