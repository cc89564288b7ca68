"""A loaded .tflite file of several signatures: each part steps through any of them. See `load_part`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.backends.litert_entries import LitertEntries
from edgemm.errors import InputError
from edgemm.model.coerce import as_stored
from edgemm.model.part_model import PartModel
from edgemm.model.replay import GoldenOutcome, replay
from edgemm.model.signature_part import SignaturePart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import numpy.typing as npt

    from edgemm.artifact import Artifact


class SignatureModel(PartModel):
    """One artifact in LiteRT, with all its signatures; inputs and outputs are those of the first, as stored."""

    without_goldens = "has no goldens to replay. Convert it with edgemm, which writes them"

    def __init__(self, artifact: Artifact, backend: LitertEntries) -> None:
        """See `PartModel`."""
        self.backend = backend
        first = next(iter(backend.entries.values()))
        self.inputs, self.outputs = first.inputs, first.outputs
        super().__init__(artifact, backend)

    @property
    def signatures(self) -> tuple[str, ...]:
        """Their names, the one first that is run where none is asked for."""
        return tuple(self.backend.entries)

    def part(self) -> SignaturePart:
        """See `PartModel.part`."""
        self._life.check()
        return SignaturePart(self.card, self.backend.entries, self._lock)

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """The first signature: tensors in, states among them, tensors out, exactly as the file stores them.

        Raises:
            InputError: names, shapes or types that are not the file's.
        """
        self._life.check()
        names = [spec.name for spec in self.inputs]
        if inputs.keys() != set(names):
            raise InputError(
                f"inputs: expected {', '.join(names) or 'none'}; found {', '.join(inputs) or 'none'}"
            )
        backend = self.backend.entries[self.signatures[0]]
        stored = [as_stored(inputs[spec.name], spec) for spec in self.inputs]
        with self._lock:
            self._life.check()
            for at, each in enumerate(stored):
                backend.input_buffer(at)[...] = each
            backend.run()
            return {spec.name: backend.output_buffer(at).copy() for at, spec in enumerate(self.outputs)}

    def replay_goldens(self) -> tuple[GoldenOutcome, ...]:
        """Runs the inputs that the artifact carries, which are the first signature's; see `Model.replay_goldens`.

        Raises:
            CardError: it has none.
        """
        if self.artifact.goldens is None:
            return super().replay_goldens()
        return replay(self, self.artifact.goldens)
