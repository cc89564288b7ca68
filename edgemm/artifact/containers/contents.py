"""What stands in a model file, whichever its format: the seam between a container and the artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from edgemm.frozen import dataclass, field

TFLITE, ORT = b"TFL3", b"ORTM"
"""Bytes 4 to 8 of a flatbuffer of either format."""
MAX_VALUE = 4 << 20
"""Bytes of one member or record, unpacked. Card and goldens are held to less by their own readers."""
MAX_MEMBERS = 64
MAX_FILE = 20 << 20
"""Bytes of one file of the card, unpacked: a vocabulary."""


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """The parts of one file, not yet understood."""

    payload: bytes
    """The model as a runtime takes it."""
    card: bytes | None = None
    """JSON."""
    goldens: bytes | None = None
    """npz."""
    associated: Mapping[str, bytes] = field(default_factory=dict)
    """What others put beside the card, by name: labels.txt in a .tflite. Kept, never unpacked to disk."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """The files that the card names, such as vocabularies."""
    problem: str = ""
    """What is wrong with the card, where the payload can be told apart all the same."""


class Container(Protocol):
    """A file format, as a module: each has its own place for what is not the model."""

    def split(self, data: bytes) -> Contents:
        """The parts of a file.

        Raises:
            DamagedArtifact: no model of this format, cut short, or a card that does not hold together.
        """

    def join(self, contents: Contents) -> list[bytes]:
        """The pieces of the file, in order; the same contents always give the same bytes."""
