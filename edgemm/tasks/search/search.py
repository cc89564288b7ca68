"""The seam between a driver and a search, and which search there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edgemm.errors import InputError
from edgemm.tasks.search.beam import Beam
from edgemm.tasks.search.greedy import Greedy, Stop
from edgemm.tasks.search.hypothesis import Hypothesis
from edgemm.tasks.search.rules import Rules
from edgemm.tasks.search.scorer import Scorer


class Search(Protocol):
    """One text that is being written. Exists so that a driver looks between two tokens at what it likes."""

    def advance(self) -> bool:
        """Writes a token more, if the text has not ended; False once it has."""

    def best(self, count: int = 1) -> list[Hypothesis]:
        """The texts so far, best first: at most `count`, at least one."""


def make_search(
    scorer: Scorer,
    rules: Rules,
    begin: Sequence[int],
    *,
    beams: int = 1,
    length_penalty: float = 1.0,
    stop: Stop | None = None,
) -> Search:
    """Greedy for one beam, else a beam search.

    Raises:
        InputError: nothing to begin with, or a number out of range.
    """
    if not begin:
        raise InputError("search: expected at least one token to begin with, found none")
    if beams == 1:
        return Greedy(scorer, rules, begin, stop)
    return Beam(scorer, rules, begin, beams=beams, length_penalty=length_penalty, stop=stop)
