"""Vectors, and how near they are to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results.result import Result


class Near(NamedTuple):
    """One of a list of embeddings, and how near it is."""

    place: int
    """In the list, from 0."""
    similarity: float
    """-1..1; 1 where both point the same way."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding(Result):
    """A vector that stands for the input."""

    vector: npt.NDArray[np.float32]
    """float32[n]."""

    def similarity(self, other: Embedding) -> float:
        """The cosine of the angle between the two, -1..1; 0 where one of them is zero.

        Raises:
            InputError: the vectors have different lengths, so that they are of two models.
        """
        return self.nearest((other,))[0].similarity

    def nearest(self, others: Sequence[Embedding], count: int = 1) -> list[Near]:
        """The `count` embeddings of a list that are nearest, best first; of equal ones the earlier is first.

        Raises:
            InputError: the list is empty, has something else than embeddings, or vectors of another length; or the
                count is below 1.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InputError(f"nearest: expected a count of 1 or more, found {count!r}")
        if not len(others):
            raise InputError("nearest: expected at least one embedding to compare with, found none")
        for at, each in enumerate(others):
            if not isinstance(each, Embedding):
                raise InputError(
                    f"embedding {at}: expected an Embedding, as models give, found {type(each).__name__}"
                )
            if each.vector.shape != self.vector.shape:
                raise InputError(
                    f"embedding {at}: expected a vector of {self.vector.size} numbers as this one, found "
                    f"{each.vector.size}. Compare those of one model"
                )
        rows = np.stack([each.vector for each in others]).astype(np.float64)
        own = self.vector.astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(own)
        cosines = np.divide(rows @ own, lengths, out=np.zeros(len(rows)), where=lengths > 0).clip(-1.0, 1.0)
        best = np.argsort(-cosines, kind="stable")[:count]
        return [Near(int(at), float(cosines[at])) for at in best]
