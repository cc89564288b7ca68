"""Points of one thing in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgemm.results.result import Result


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks(Result):
    """Points of one thing: a face, a body, a hand."""

    points_xy: npt.NDArray[np.float32]
    """float32[k, 2] in pixels of the source frame."""
    scores: npt.NDArray[np.float32]
    """float32[k], 0..1: how sure each point is, as the model tells; all 1 where it does not."""
    score: float = 1.0
    """0..1: that the thing is there at all; 1 where the model does not tell."""
    names: tuple[str, ...] = ()
    """Name of each point."""
    skeleton: tuple[tuple[int, int], ...] = ()
    """Pairs of points that belong together, for drawing."""
    depths: npt.NDArray[np.float32] | None = None
    """float32[k], in the scale of the source's x, smaller is nearer; None where the model gives none."""
