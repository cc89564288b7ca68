"""Atoms: the smallest parts that can be removed, and which of them can only be removed together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

LOCKED = 0
"""The atom of what stays: inputs, outputs, and whatever is tied to them."""
NONE = -1
"""The label of an element that belongs to no atom."""

Axis = tuple[str, int]
"""The name of a parameter, and one of its dimensions."""


class Atoms:
    """Numbers for the slices of parameters, and the pairs of them that are removed together.

    A label tensor has the shape of the tensor that it describes, and holds for each element the atom that the element
    disappears with. Its type is float64, so that operators which only move elements can be run on it as they are.
    """

    def __init__(self) -> None:
        self.size = 1
        self.axes: dict[Axis, int] = {}
        """Where the atoms of an axis begin; there are as many as the axis has indices."""
        self.lengths: dict[Axis, int] = {}
        self.elements: dict[str, int] = {}
        """Where the atoms of the single elements of a parameter begin, for those that are used element by element."""
        self._edges: list[npt.NDArray[np.int64]] = []

    def axis(self, name: str, dim: int, length: int) -> torch.Tensor:
        """Labels of one axis of a parameter, shape (length,)."""
        import torch

        if (name, dim) not in self.axes:
            self.axes[name, dim] = self.size
            self.lengths[name, dim] = length
            self.size += length
        return torch.arange(length, dtype=torch.float64) + self.axes[name, dim]

    def element(self, name: str, ids: torch.Tensor, count: int) -> torch.Tensor:
        """Labels of the elements of a parameter; `ids` are their places in it."""
        if name not in self.elements:
            self.elements[name] = self.size
            self.size += count
        return ids + self.elements[name]

    def tie(self, a: torch.Tensor, b: torch.Tensor) -> None:
        """What is labelled alike at the same place goes together. NONE is ignored. The shapes broadcast."""
        import torch

        a, b = torch.broadcast_tensors(a, b)
        pairs = torch.stack((a.reshape(-1), b.reshape(-1)), 1)
        found = (
            np.unique(pairs.numpy().astype(np.int64), axis=0) if len(pairs) else np.zeros((0, 2), np.int64)
        )
        self._edges.append(found[(found >= 0).all(1) & (found[:, 0] != found[:, 1])])

    def lock(self, labels: torch.Tensor) -> None:
        """What is labelled so stays."""
        import torch

        self.tie(labels, torch.zeros((), dtype=torch.float64))

    def roots(self) -> npt.NDArray[np.int64]:
        """For each atom the smallest one that it is tied to, directly or through others."""
        parents = np.arange(self.size)
        edges = np.concatenate([np.zeros((0, 2), np.int64), *self._edges])
        while len(edges):
            a, b = parents[edges[:, 0]], parents[edges[:, 1]]
            if np.array_equal(a, b):
                break
            lower = np.minimum(a, b)
            np.minimum.at(parents, a, lower)
            np.minimum.at(parents, b, lower)
            parents = _shortened(parents)
        return parents


def _shortened(parents: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    while not np.array_equal(parents, further := parents[parents]):
        parents = further
    return parents


def varies(labels: torch.Tensor, dim: int) -> bool:
    """Whether labels differ along a dimension."""
    return bool(labels.size(dim) > 1 and (labels != labels.narrow(dim, 0, 1)).any())


def varying(labels: torch.Tensor) -> frozenset[int]:
    """The dimensions along which labels differ."""
    return frozenset(dim for dim in range(labels.dim()) if varies(labels, dim))


def first(labels: torch.Tensor, dims: Iterable[int]) -> torch.Tensor:
    """The labels at index 0 of some dimensions, which stay as dimensions of size 1."""
    for dim in dims:
        labels = labels.narrow(dim, 0, 1)
    return labels


def as_channels(labels: torch.Tensor, dim: int) -> torch.Tensor:
    """Labels with a dimension last, the others flattened and, where they do not differ, left out: (rows, channels)."""
    others = [each for each in range(labels.dim()) if each != dim % labels.dim() and not varies(labels, each)]
    moved: Any = first(labels, others).movedim(dim, -1)
    return moved.reshape(-1, labels.size(dim)) if labels.numel() else moved.reshape(0, labels.size(dim))
