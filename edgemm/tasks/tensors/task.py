"""No task: the outputs as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from edgemm.results import Tensors
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.tensors.recipe import TensorsRecipe
from edgemm.tensors import TensorSpec


class TensorsTask:
    """See `edgemm.tasks.decoder.Task`."""

    name: ClassVar[str] = "tensors"
    version: ClassVar[int] = 1
    Recipe: ClassVar[type[Any]] = TensorsRecipe

    def open(self, card: Any, recipe: TensorsRecipe, outputs: Sequence[TensorSpec]) -> Decoder:
        """See `TensorsDecoder`."""
        return TensorsDecoder(outputs)


class TensorsDecoder:
    """Copies of the outputs by name."""

    def __init__(self, outputs: Sequence[TensorSpec]) -> None:
        self._specs = tuple(outputs)

    def begin(self) -> None:
        """Nothing is remembered."""

    def decode(self, outputs: Outputs, context: Context, state: None) -> tuple[Tensors]:
        """The outputs of one inference."""
        return (Tensors({spec.name: _kept(outputs, spec) for spec in self._specs}),)

    def end(self, context: Context, state: None) -> tuple[()]:
        """Nothing is left to be said."""
        return ()

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Tensors:
        """The outputs of all windows of a recording, one after the other along the first axis; an output without
        dimensions becomes one number for each window. Of a picture, its outputs."""
        if len(windows) == 1 and context.source_wh != (0, 0):
            return self.decode(windows[0], context, None)[0]
        return Tensors(
            {
                spec.name: np.concatenate([np.atleast_1d(_kept(window, spec)) for window in windows])
                for spec in self._specs
            }
        )


def _kept(outputs: Outputs, spec: TensorSpec) -> Any:
    return outputs.real(spec.name).copy()
