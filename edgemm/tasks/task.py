"""The seam between a model's outputs and a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy.typing as npt

from edgemm.results import Result

Outputs = Sequence[npt.NDArray[Any]]
"""One array per output of the model, in the file's order, real-valued (dequantized)."""


class Decoder(Protocol):
    """Reads one task's result out of the outputs; keeps nothing of them, and no state.

    Exists so that a model and a stream need to know nothing of labels, thresholds and boxes.
    """

    def __call__(self, outputs: Outputs) -> Result:
        """The result of one inference."""

    def whole(self, windows: Sequence[Outputs], seconds: float) -> Result:
        """One result for a recording of `seconds`, from the outputs of each of its windows."""
