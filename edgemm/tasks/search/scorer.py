"""The seam between a search and the network that it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError


class Scorer(Protocol):
    """A decoder with a cache. Exists so that a search knows no tensors and no runtime."""

    def step(self, token: int) -> npt.NDArray[np.float32]:
        """Takes the next token.

        Returns:
            float32[words]: the score of each token that may follow; the next step may overwrite it.
        """

    def snapshot(self) -> Any:
        """What it has taken so far."""

    def restore(self, snapshot: Any) -> None:
        """Goes back to it; any number of times."""


class Steps(Protocol):
    """What `PartScorer` needs of `edgemm.model.part.Part`."""

    def step(self, feeds: Mapping[str, npt.NDArray[Any]], signature: str = "") -> Any:
        """One run."""

    def snapshot(self) -> Any:
        """Its states."""

    def restore(self, snapshot: Any) -> None:
        """Goes back to these."""


class PartScorer:
    """A part whose states are the cache. It counts the positions."""

    def __init__(
        self,
        part: Steps,
        feeds: Callable[[int, int], Mapping[str, npt.NDArray[Any]]],
        scores: str,
        signature: str | Callable[[int], str] = "",
    ) -> None:
        """Args:
        part: reset, and given what it holds.
        feeds: (token, position from 0) -> the inputs of the step, in arrays that it may use again.
        scores: name of the output, [..., words]; of several rows the last is meant.
        signature: of the part, where it has several: one, or position -> the one of that step.
        """
        self._part, self._feeds, self._scores = part, feeds, scores
        self._signature = signature if callable(signature) else lambda position: signature
        self.position = 0
        """Tokens taken."""

    def step(self, token: int) -> npt.NDArray[np.float32]:
        """See `Scorer`."""
        feeds, signature = self._feeds(token, self.position), self._signature(self.position)
        found = self._part.step(feeds, signature).real(self._scores)
        self.position += 1
        if not found.size:
            raise InputError(f"output {self._scores!r}: expected scores, found {list(found.shape)}")
        row: npt.NDArray[np.float32] = found.reshape(-1, found.shape[-1])[-1]
        return row

    def snapshot(self) -> tuple[int, Any]:
        """See `Scorer`."""
        return self.position, self._part.snapshot()

    def restore(self, snapshot: tuple[int, Any]) -> None:
        """See `Scorer`."""
        self.position, states = snapshot
        self._part.restore(states)
