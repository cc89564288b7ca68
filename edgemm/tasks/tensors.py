"""No task: the outputs as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgemm.card import ModelCard
from edgemm.results import Tensors
from edgemm.tasks.task import Outputs
from edgemm.tensors import TensorSpec


class TensorsDecoder:
    """Copies of the outputs by name."""

    def __init__(self, card: ModelCard, specs: Sequence[TensorSpec]) -> None:
        self._names = [spec.name for spec in specs]

    def __call__(self, outputs: Outputs) -> Tensors:
        """The outputs of one inference."""
        return Tensors({name: each.copy() for name, each in zip(self._names, outputs, strict=True)})

    def whole(self, windows: Sequence[Outputs], seconds: float) -> Tensors:
        """The outputs of all windows of a recording, one after the other along the first axis; an output without
        dimensions becomes one number for each window."""
        columns = zip(*windows, strict=True)
        return Tensors(
            {
                name: np.concatenate([np.atleast_1d(window) for window in each])
                for name, each in zip(self._names, columns, strict=True)
            }
        )
