"""A loaded model whose sizes are open: it is run as a part of several, on arrays of any length. See `load_part`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from edgemm.backends.backend import OpenBackend
from edgemm.model.open_part import OpenPart
from edgemm.model.part import Feeds
from edgemm.model.part_model import PartModel

if TYPE_CHECKING:
    from edgemm.artifact import Artifact


class OpenModel(PartModel):
    """One artifact in ONNX Runtime, its dimensions as the file leaves them: -1 for an open one."""

    without_goldens = "leaves sizes open, so that it has no goldens of its own"

    def __init__(self, artifact: Artifact, backend: OpenBackend) -> None:
        """See `PartModel`."""
        self.backend = backend
        self.inputs, self.outputs = backend.inputs, backend.outputs
        super().__init__(artifact, backend)

    def part(self) -> OpenPart:
        """See `PartModel.part`."""
        self._life.check()
        return OpenPart(self.card, self.backend, self._lock)

    def run(self, inputs: Feeds) -> dict[str, npt.NDArray[Any]]:
        """Tensors in, tensors out, states at their start; see `Model.run`.

        Raises:
            InputError: names, shapes or types that do not fit.
            DelegateFailed: sizes that do not go together, or the accelerator failed.
        """
        with self.part() as part:
            outputs = part.step(inputs)
            return {spec.name: outputs.stored(spec.name) for spec in outputs.specs}
