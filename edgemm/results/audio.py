"""Sound made by a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True, eq=False)
class Audio(Result):
    """Sound made by a model."""

    samples: npt.NDArray[np.float32]
    """float32[n] in -1..1."""
    sample_rate: int
    """Hertz."""
    final: bool = True
    """False where more of the same belongs behind it: the next sentence of a text."""
