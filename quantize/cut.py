"""The cheapest division of a graph into two sides: a minimum cut by Dinic's algorithm.

Dinitz 1970; https://en.wikipedia.org/wiki/Dinic%27s_algorithm. Costs are whole numbers, so that the result is the same
everywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

NEVER = 1 << 60
"""The price of what must not be."""


@dataclass(slots=True)
class Cut:
    """Things that are on one of two sides, and what it costs to have them there and apart."""

    _index: dict[Hashable, int] = field(default_factory=dict)
    _edges: list[list[int]] = field(default_factory=list)
    """By thing: numbers of the edges that leave it; edge i and i ^ 1 are each other's reverse."""
    _ends: list[int] = field(default_factory=list)
    _room: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._at("first side")
        self._at("second side")

    def side(self, thing: Hashable, first: int, second: int) -> None:
        """What it costs to have the thing on the first side, and on the second; whole numbers of 0 and above."""
        here = self._at(("thing", thing))
        self._edge(0, here, second)
        self._edge(here, 1, first)

    def apart(self, one: Hashable, other: Hashable, cost: int) -> None:
        """What it costs to have `one` on the first side and `other` on the second."""
        self._edge(self._at(("thing", one)), self._at(("thing", other)), cost)

    def first_side(self) -> frozenset[Hashable]:
        """The things on the first side of the cheapest division; of equal ones, that with the fewest there."""
        while (level := self._levels())[1] >= 0:
            left = [0] * len(self._edges)
            while self._push(level, left):
                pass
        level = self._levels()
        return frozenset(
            name[1] for name, at in self._index.items() if isinstance(name, tuple) and level[at] >= 0
        )

    def _at(self, name: Hashable) -> int:
        if name not in self._index:
            self._index[name] = len(self._edges)
            self._edges.append([])
        return self._index[name]

    def _edge(self, start: int, end: int, room: int) -> None:
        if room <= 0:
            return
        for here, there, much in ((start, end, room), (end, start, 0)):
            self._edges[here].append(len(self._ends))
            self._ends.append(there)
            self._room.append(much)

    def _levels(self) -> list[int]:
        """Edges with room from the first side to each thing; -1 where no way leads."""
        level = [-1] * len(self._edges)
        level[0], waiting = 0, deque([0])
        while waiting:
            here = waiting.popleft()
            for edge in self._edges[here]:
                there = self._ends[edge]
                if self._room[edge] > 0 and level[there] < 0:
                    level[there] = level[here] + 1
                    waiting.append(there)
        return level

    def _push(self, level: list[int], left: list[int]) -> int:
        """Sends as much as fits along one way that gains a level with each edge; 0 where there is none."""
        way: list[int] = []
        here = 0
        while here != 1:
            edges = self._edges[here]
            while left[here] < len(edges):
                edge = edges[left[here]]
                if self._room[edge] > 0 and level[self._ends[edge]] == level[here] + 1:
                    break
                left[here] += 1
            else:
                if not way:
                    return 0
                here = self._ends[way.pop() ^ 1]
                left[here] += 1
                continue
            way.append(edge)
            here = self._ends[edge]
        much = min(self._room[edge] for edge in way)
        for edge in way:
            self._room[edge] -= much
            self._room[edge ^ 1] += much
        return much
