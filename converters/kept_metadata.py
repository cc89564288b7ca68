"""What a .tflite source says about itself in TFLite's own way, kept in the .tflite file that is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgemm.artifact import Artifact, read_artifact
from edgemm.card import ModelCard
from edgemm.converters.limited_logits import Limited
from edgemm.converters.piece import Piece
from edgemm.converters.tflite.metadata import fitted, with_metadata
from edgemm.converters.written import Port, Written
from edgemm.errors import ArtifactError
from edgemm.foreign import foreign_card
from edgemm.foreign.flatbuffer import BadFlatbuffer
from edgemm.foreign.tflite_file import read_tflite
from edgemm.foreign.tflite_metadata import NAME
from edgemm.tensors import TensorSpec

LEFT_OUT = (
    "TFLITE_METADATA of the source is left out: {}. Labels and preprocessing are in the card; the source's label files "
    "are kept"
)
OTHER_CARD = (
    "TFLITE_METADATA is the source's own, and says otherwise than the card that was given: edgemm goes by the card, "
    "MediaPipe Tasks and the Task Library by the metadata"
)


@dataclass(frozen=True, slots=True, eq=False)
class Keeping:
    """The written file with what was kept of its source."""

    written: Written
    associated: Mapping[str, bytes]
    """Files of other tools, for the archive behind it: label files."""
    notes: tuple[str, ...] = ()


def keep_metadata(
    source: Path | None,
    written: Written,
    card: ModelCard,
    pieces: Sequence[Piece] = (),
    *,
    whole: bool = True,
) -> Keeping:
    """Puts the TFLITE_METADATA of a .tflite source into a written .tflite, with the files beside it.

    Args:
        source: the file that it was made of; one that is no .tflite file has none.
        card: of the written file.
        pieces: what has become of the source's outputs.
        whole: False for a part of the source: its tensors are told by their names alone.
    """
    if source is None or source.suffix.lower() != ".tflite" or written.format != "tflite":
        return Keeping(written, {})
    artifact = read_artifact(source)
    try:
        outside = read_tflite(artifact.payload)
    except BadFlatbuffer:  # reading its card has logged it
        return Keeping(written, artifact.associated)
    buffer = outside.metadata.get(NAME)
    if buffer is None:
        return Keeping(written, artifact.associated)
    try:
        inputs = _places(written.inputs, outside.inputs, (), whole)
        outputs = _places(written.outputs, outside.outputs, pieces, whole)
        kept = fitted(bytes(buffer), inputs, outputs, [port.spec for port in written.inputs])
    except BadFlatbuffer as error:
        return Keeping(written, artifact.associated, (LEFT_OUT.format(error),))
    other = (OTHER_CARD,) if _differs(artifact, card) else ()
    new = replace(written, payload=with_metadata(written.payload, kept.content))
    return Keeping(new, artifact.associated, (*kept.notes, *other))


def _places(
    ports: Sequence[Port], specs: Sequence[TensorSpec], pieces: Sequence[Piece], whole: bool
) -> list[int]:
    """Where each tensor of the file stands among the source's.

    Raises:
        BadFlatbuffer: one is none of them any more.
    """
    changed = {each.name for each in pieces if not isinstance(each, Limited)}
    names = [spec.name for spec in specs]
    if whole and not pieces and len(ports) == len(specs):
        names = [
            port.name for port in ports
        ]  # the graph's names differ where a file's are empty, or not unique
    found = []
    for port in ports:
        at = names.index(port.name) if port.name in names else -1
        if at < 0 or port.name in changed or len(port.spec.shape) not in (len(specs[at].shape), 0):
            raise BadFlatbuffer(f"it does not describe {port.name!r} as the written file has it")
        found.append(at)
    return found


def _differs(artifact: Artifact, card: ModelCard) -> bool:
    """The card says other labels, or another normalisation, than the metadata."""
    try:
        told = foreign_card(replace(artifact, card=None))
    except ArtifactError:
        return False
    if told is None:
        return False
    labels = bool(told.card.labels) and told.card.labels != card.labels
    pictures = {each.name: each.image for each in card.inputs}
    return labels or any(
        each.image is not None and _shown(pictures.get(each.name)) != _shown(each.image)
        for each in told.card.inputs
    )


def _shown(recipe: Any) -> tuple[Any, ...]:
    """What of a picture's recipe the metadata says as well."""
    return () if recipe is None else (recipe.scale, recipe.mean, recipe.std)
