"""The seam between a method and an input: an input of which parts can be hidden."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.judge.maps.map import Kind, Map
from edgemm.media import Captured

Mask = npt.NDArray[np.floating[Any]]


class Parts(Protocol):
    """One input.

    Exists so that methods and scores of maps need to know nothing of pictures, sound and text.
    """

    kind: Kind
    shape: tuple[int, ...]
    """Of the map, and of masks."""

    def shown(self, mask: Mask) -> Captured:
        """The input with a part of it.

        Args:
            mask: float[shape], 0..1: 1 where the input is as it is, 0 where nothing of it is left.
        """

    def drawn(self, values: npt.NDArray[np.float32], about: dict[str, Any]) -> Map:
        """A map over this input.

        Args:
            values: float32[shape].
            about: the other fields: target, score, method, runs.
        """
