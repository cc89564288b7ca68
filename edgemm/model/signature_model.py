"""A loaded .tflite file of several signatures: each part steps through any of them. See `load_part`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.backends.litert_entries import LitertEntries
from edgemm.model.part_model import PartModel
from edgemm.model.signature_part import SignaturePart

if TYPE_CHECKING:
    from edgemm.artifact import Artifact


class SignatureModel(PartModel):
    """One artifact in LiteRT, with all its signatures; inputs and outputs are those of the first, as stored."""

    without_goldens = "has several signatures: its goldens are of the first, which `edgemm.load` opens"

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
