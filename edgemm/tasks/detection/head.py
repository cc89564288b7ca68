"""The seam inside detection: what a head finds, and where it says that it is."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.tasks.outputs import Outputs

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Rows = list[list[float]]


class Found(NamedTuple):
    """Candidates whose score reaches the threshold, in the order of the outputs."""

    candidates: Integers
    """int64[n]: which candidate of the model's."""
    numbers: Integers
    """int64[n]: its class, as the model counts, the background counted."""
    scores: Floats
    """float32[n], finite."""

    def only(self, which: npt.NDArray[np.generic] | slice | list[int]) -> Found:
        """Those that a mask, a list of places, or a slice names."""
        return Found(self.candidates[which], self.numbers[which], self.scores[which])


def nothing() -> Found:
    """No candidate."""
    return Found(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


class Head(Protocol):
    """One kind of outputs. Exists so that labels, NMS and the way back to the source are the same for all."""

    suppressed: bool
    """The model did NMS itself."""

    def search(self, outputs: Outputs) -> Found:
        """The candidates that reach the threshold; decodes no box.

        Raises:
            ArtifactError: scores are NaN or infinite.
        """

    def places(self, outputs: Outputs, index: Integers, wh: tuple[float, float]) -> Floats:
        """Boxes and key points of some candidates.

        Args:
            outputs: of the model.
            index: `candidates` of `Found`.
            wh: width and height of the input tensor in pixels.

        Returns:
            float32[n, 4 + 2k], a new array: left, top, right, bottom, then x and y of each key point, in pixels of the
            input tensor.
        """
