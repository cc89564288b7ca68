"""The least that is removed so that a target is met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgemm.quantize.prune.modules.importance import Scores
from edgemm.quantize.prune.modules.plan import Left, Scope, after, allowed, gone, order_moves
from edgemm.quantize.prune.modules.prunable import Prunable

Cost = Callable[[Any], float]
"""Of a module: how many MACs, parameters, bytes or milliseconds."""


class Search:
    """Costs of a module with more and more taken out of it, each measured once."""

    def __init__(self, found: Prunable, scores: Scores, scope: Scope, multiple_of: int, cost: Cost) -> None:
        self._found, self._scores, self._cost, self._multiple_of = found, scores, cost, multiple_of
        self.moves = order_moves(found.families, scores, scope, multiple_of)
        self._known: dict[Left, float] = {}

    def left(self, moves: int) -> Left:
        """How many of each family are left after so many moves."""
        return after(self._found.families, self.moves[:moves])

    def build(self, left: Left) -> Any:
        """The pruned copy."""
        return self._found.build(gone(self._found.families, self._scores, left), left)

    def cost(self, left: Left) -> float:
        """What the pruned copy costs."""
        if left not in self._known:
            self._known[left] = self._cost(self.build(left))
        return self._known[left]

    def first_within(self, limit: float) -> int | None:
        """After how many moves the cost is within the limit, by bisection; None where all moves are not enough."""
        low, high = 0, len(self.moves)
        if self.cost(self.left(high)) > limit:
            return None
        while low < high:
            middle = (low + high) // 2
            if self.cost(self.left(middle)) <= limit:
                high = middle
            else:
                low = middle + 1
        return high

    def given_back(self, moves: int, limit: float) -> Left:
        """What one family or another can have back within the limit: the last that was taken comes first."""
        left = self.left(moves)
        for index in dict.fromkeys(move.family for move in reversed(self.moves[:moves])):
            counts = allowed(self._found.families[index], self._multiple_of)
            while (place := counts.index(left[index])) > 0:
                more = (*left[:index], counts[place - 1], *left[index + 1 :])
                if self.cost(more) > limit:
                    break
                left = more
        return left
