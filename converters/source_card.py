"""The card of a source: the one that was given, or the one that its file carries, fitted to its tensors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx_ir as ir

from edgemm.artifact import Artifact
from edgemm.card import HistoryStep, ModelCard
from edgemm.card.fit import Entry, read_card_file
from edgemm.card.fit import fit_card as fit_to_tensors
from edgemm.card.keys import refuse_unknown, without_help
from edgemm.card.vocabulary import names as vocabularies
from edgemm.card.vocabulary import with_kept_files
from edgemm.converters.aware.source import TrainedSource
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.tensors import TensorSpec


def given_card(source: Any, card: ModelCard | str | Path | None, preset: str | None) -> ModelCard | None:
    """The card that was given, else the preset's, else the one that the source file carries.

    A card that says nothing of its model's history gets that of the source file.
    """
    if card is None and preset is None:
        return _carried(source)
    if card is not None:
        given = card if isinstance(card, ModelCard) else _card_file(Path(card))
        refuse_unknown(given)
        if any(name not in given.files for name in vocabularies(given)):
            given = with_kept_files(given, _files(source))
        given = without_help(given)
    else:
        from edgemm.card.presets import preset as named

        given = named(str(preset))
    return given if given.history else given.with_(history=_history(source))


def _carried(source: Any) -> ModelCard | None:
    """The card inside the source file; None where there is none, and where the source is no file."""
    if isinstance(source, TrainedSource):
        return source.card
    if isinstance(source, str | Path) and Path(source).suffix.lower() != ".pt2":
        from edgemm.artifact import read_artifact

        artifact = read_artifact(source)
        if artifact.card is None and artifact.format == "tflite":
            return _said_by_tflite(artifact)
        return artifact.card
    return None


def _said_by_tflite(artifact: Artifact) -> ModelCard | None:
    """What a .tflite file's metadata says: labels, normalisation, what its outputs are."""
    from edgemm.foreign import foreign_card

    found = foreign_card(artifact)
    return None if found is None else found.card


def _history(source: Any) -> tuple[HistoryStep, ...]:
    """The history that the source file's own card tells; none where that card cannot be read."""
    try:
        card = _carried(source)
    except (ArtifactError, InputError, OSError):  # reading the model will say what is wrong with the file
        return ()
    return card.history if card is not None else ()


def _files(source: Any) -> Mapping[str, bytes]:
    """The vocabularies that the source file carries itself."""
    try:
        card = _carried(source)
    except (ArtifactError, InputError, OSError):  # as above
        return {}
    return card.files if card is not None else {}


def _card_file(path: Path) -> ModelCard:
    if not os.path.isfile(path):
        raise InputError(f"--card {str(path)[:200]}: there is no such file")
    return read_card_file(path)


def fit_card(
    given: ModelCard | None,
    name: str,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    *,
    known: bool = True,
) -> tuple[ModelCard, list[str]]:
    """The card, or an empty one of that name, with one entry for each tensor; and what it leaves unsaid.

    Args:
        known: False where somebody made `given` up.
    """
    card = given or ModelCard(name=name)
    notes = []
    if given is None or not known:
        notes.append("no card: task, preprocessing and labels are not known; the artifact takes raw tensors")
    elif card.task in ("classification", "keyword", "tagging") and not card.labels:
        notes.append("the card has no labels: classes are named by their number")
    try:
        fitted = fit_to_tensors(card, inputs, outputs)
    except CardError as error:
        raise InputError(str(error)) from error
    return fitted.with_(
        inputs=_ordered(fitted.inputs, inputs), outputs=_ordered(fitted.outputs, outputs)
    ), notes


def _ordered(entries: Sequence[Entry], specs: Sequence[TensorSpec]) -> tuple[Entry, ...]:
    """One for each tensor, in the order of the tensors.

    Raises:
        InputError: two entries are about one tensor.
    """
    named = {entry.name: entry for entry in entries}
    if len(named) != len(specs):
        raise InputError(
            f"the card describes {', '.join(entry.name for entry in entries)}; expected one entry for each of "
            f"{', '.join(spec.name for spec in specs)}"
        )
    return tuple(named[spec.name] for spec in specs)


_MEMORY = ("LSTM", "GRU", "RNN")
FORGETS = (
    "{operator}: begins anew with each window of running sound: --stepwise makes a network that keeps what it heard "
    "from one to the next"
)


def note_of_memory(card: ModelCard, graph: ir.Graph) -> tuple[str, ...]:
    """What a recurrent recogniser of running speech loses at each window; nothing where its states are in the card."""
    if card.task != "transcription" or card.states:
        return ()
    found = next((node.op_type for node in graph if node.op_type in _MEMORY), None)
    return () if found is None else (FORGETS.format(operator=found),)
