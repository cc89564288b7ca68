"""Which class it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True, eq=False)
class Classification(Result):
    """The classes of one input, best first."""

    labels: tuple[str, ...]
    """Names of the best classes."""
    scores: npt.NDArray[np.float32]
    """float32[k], 0..1, the probability of each entry of `labels`."""
    class_ids: npt.NDArray[np.int64]
    """int64[k], the row of the model's output that each entry came from."""

    @property
    def label(self) -> str:
        """Name of the best class."""
        return self.labels[0]

    @property
    def score(self) -> float:
        """Probability of the best class, 0..1."""
        return float(self.scores[0])
