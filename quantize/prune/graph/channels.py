"""Channels that must be removed together, as sets that are joined while the graph is read."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Axis = npt.NDArray[np.int64] | None
"""Channel number of each index along one axis of a tensor; None where nothing can be removed along it."""
Axes = tuple[Axis, ...]
"""One for each axis of a tensor."""
Ids = npt.NDArray[np.int64]


class Channels:
    """Numbers for channels. Joined ones are removed together, closed ones never."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._closed: set[int] = set()

    def new(self, count: int) -> Ids:
        """So many channels, each for itself."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return np.arange(first, first + count, dtype=np.int64)

    def closed(self, count: int) -> Ids:
        """So many channels that are never removed."""
        made = self.new(count)
        self.close(made)
        return made

    def root(self, channel: int) -> int:
        """The number that stands for all channels joined with this one."""
        while self._parent[channel] != channel:
            self._parent[channel] = self._parent[self._parent[channel]]
            channel = self._parent[channel]
        return channel

    def roots(self, axis: Ids) -> Ids:
        """The same for each index of an axis."""
        return np.array([self.root(int(each)) for each in axis.reshape(-1)], np.int64).reshape(axis.shape)

    def join(self, left: Ids, right: Ids) -> None:
        """Index by index."""
        for one, other in zip(left.reshape(-1).tolist(), right.reshape(-1).tolist(), strict=True):
            a, b = self.root(one), self.root(other)
            if a != b:
                self._parent[max(a, b)] = min(a, b)
                if max(a, b) in self._closed:
                    self._closed.add(min(a, b))

    def join_all(self, channels: Iterable[int]) -> None:
        """All of them with each other."""
        ids = np.array(list(channels), np.int64)
        if len(ids) > 1:
            self.join(np.full(len(ids) - 1, ids[0]), ids[1:])

    def close(self, axis: Axis) -> bool:
        """Never to be removed; returns whether one of them was open."""
        if axis is None:
            return False
        found = {self.root(int(each)) for each in axis.reshape(-1)}
        opened = not found <= self._closed
        self._closed |= found
        return opened

    def is_closed(self, channel: int) -> bool:
        """Whether it stays."""
        return self.root(channel) in self._closed

    def __len__(self) -> int:
        return len(self._parent)
