"""An .ort file: a graph as ONNX Runtime writes it for itself, a flatbuffer. It has no place for a card.

The card of such a file stands beside it, in a bundle, or is given by hand (`load(path, card=...)`).
"""

from __future__ import annotations

from edgemm.artifact.containers.contents import ORT, Contents
from edgemm.errors import DamagedArtifact, InputError


def split(data: bytes) -> Contents:
    """The whole file is the model."""
    if data[4:8] != ORT:
        raise DamagedArtifact(
            "expected a model in ONNX Runtime's own format, found no 'ORTM' at its fifth byte"
        )
    return Contents(data)


def join(contents: Contents) -> list[bytes]:
    """The model.

    Raises:
        InputError: there is a card to write, or what belongs to one.
    """
    if contents.card is not None or contents.associated or contents.files:
        raise InputError(
            "an .ort file has no place for a card: give the card beside it, in bundle.json or with `card=`"
        )
    return [contents.payload]
