"""A card against the model that it is written into: filled in from the file, and checked as `run` would check it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgemm.artifact import Artifact
from edgemm.backends.backend import Backend
from edgemm.card import InputCard, ModelCard
from edgemm.card.fit import fit_card
from edgemm.card.keys import refuse_unknown, without_help
from edgemm.card.text_recipe import check_text
from edgemm.card.vocabulary import with_kept_files
from edgemm.errors import (
    ArtifactError,
    CardError,
    DelegateError,
    EdgemmError,
    MissingDependency,
    UnsupportedVersion,
)
from edgemm.tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class CheckedCard:
    """A card that may be written."""

    card: ModelCard
    """With the names, shapes and layouts of the file."""
    unchecked: str = ""
    """Why it was not, or not wholly, checked against the file: no runtime here, a model for an accelerator; and what
    this version cannot do with it, where another may: a task that is not decoded, inputs that `run` cannot feed.
    "" where there is nothing to say."""


def check_against(artifact: Artifact, card: ModelCard, *, strict: bool = True) -> CheckedCard:
    """Opens the model and checks what `edgemm run` would.

    Args:
        artifact: the model; its own card is not looked at.
        card: what is to be written into it.
        strict: refuse unknown keys; False for a card that stood in a file already.

    Raises:
        CardError: unknown keys; other tensors than the file's; labels, recipes, states or constants that do not fit
            them.
        DamagedArtifact: the file is no model that runs.
    """
    if strict:
        refuse_unknown(card)
    card = without_help(card)
    try:
        backend = _opened(replace(artifact, card=card))
    except (DelegateError, MissingDependency, UnsupportedVersion) as error:
        return _unopened(artifact, card, error)
    try:
        fitted = fit_card(card, backend.inputs, backend.outputs)
        return CheckedCard(fitted, check_tensors(fitted, backend))
    finally:
        backend.close()


def with_measured(card: ModelCard, path: str | Path) -> ModelCard:
    """The card with what the one in the file says of the conversion of this very payload, where it says nothing itself:
    quantization, fidelity, the hash of the source, how many ids a model of text has; and with the vocabularies of the
    file that it does not bring.

    Raises:
        CardError: an id of the card is none of the model's.
    """
    from edgemm.artifact import read_artifact

    try:
        old = read_artifact(path).card
    except ArtifactError:  # a damaged card, or one of another payload
        old = None
    if old is None:
        return card
    return with_kept_files(_with_ids(card, old), old.files).with_(
        quantization=card.quantization or old.quantization,
        fidelity=card.fidelity or old.fidelity,
        source_sha256=card.source_sha256 or old.source_sha256,
    )


def _with_ids(card: ModelCard, old: ModelCard) -> ModelCard:
    known = max((each.text.ids for each in old.inputs if each.text is not None), default=0)
    inputs = list(card.inputs)
    for at, each in enumerate(inputs):
        if known and each.text is not None and not each.text.ids:
            recipe = replace(each.text, ids=known)
            check_text(recipe, f"inputs[{at}].text")
            inputs[at] = replace(each, text=recipe)
    return card.with_(inputs=tuple(inputs))


def check_tensors(card: ModelCard, backend: Backend) -> str:
    """What is opened when a model runs: recipes, states, constants, labels.

    Returns:
        What could not be checked here, or "".

    Raises:
        CardError: something does not fit the tensors.
    """
    from edgemm.model.exchange import check_card
    from edgemm.model.state import Constants, RecurrentState
    from edgemm.preprocess.latents import Latents
    from edgemm.tasks import open_decoder, undecoded

    check_card(card, backend)
    Latents(card.inputs, backend.inputs, card.labels)
    RecurrentState(card.states, backend.inputs, backend.outputs)
    Constants(card.inputs, backend.inputs)
    if not undecoded(card):
        open_decoder(card, backend.outputs)
    return _joined(
        *(_check_recipe(each, backend.inputs) for each in card.inputs),
        _check_text(card, backend.inputs),
        _not_run(card),
    )


def _not_run(card: ModelCard) -> str:
    """What `edgemm run` of this version refuses, and another version may take; or ""."""
    from edgemm.tasks import undecoded

    if undecoded(card):
        return f"{undecoded(card)}, so that `edgemm run` refuses this file until the card says another task"
    states = {pair.input for pair in card.states}
    mains = [each for each in card.inputs if each.name not in states and each.value is None]
    kinds = {each.modality for each in mains}
    if kinds <= {"tensor"} or kinds == {"text"} or (len(mains) == 1 and kinds <= {"image", "audio"}):
        return ""
    if kinds == {"points"} and len(mains) == 1:
        return (
            "`edgemm run` runs this model behind one that finds points: it is fed with no source of its own"
        )
    found = ", ".join(f"{each.name!r} ({each.modality})" for each in mains)
    return (
        f"`edgemm run` feeds one input of pictures or sound, or those of a text, and this card has {found}: use "
        "model.run(...) in Python"
    )


def _check_text(card: ModelCard, specs: Sequence[TensorSpec]) -> str:
    from edgemm.preprocess import compile_text

    if all(each.modality != "text" for each in card.inputs):
        return ""
    try:
        compile_text(card.inputs, specs, card.files)
    except MissingDependency as error:
        return f"inputs of text: {error}"
    return ""


def _check_recipe(card: InputCard, specs: Sequence[TensorSpec]) -> str:
    from edgemm.preprocess import compile_audio, compile_image, compile_points

    for kind, recipe in (("image", card.image), ("audio", card.audio)):
        if recipe is not None and card.modality != kind:
            raise CardError(
                f'input {card.name!r}: has {kind!r} and the modality "{card.modality}", so that it would be ignored. '
                f'Say "modality": "{kind}"'
            )
    spec = next(each for each in specs if each.name == card.name)
    try:
        if card.modality == "image":
            compile_image(card, spec)
        elif card.modality == "audio":
            compile_audio(card, spec)
        elif card.modality == "points":
            compile_points(card, spec)
    except MissingDependency as error:
        return f"input {card.name!r}: {error}"
    return ""


def _opened(artifact: Artifact) -> Backend:
    """On whatever runs it here, after a look in a child process."""
    from edgemm.backends import open_backend
    from edgemm.model.file_probe import probe

    probe(artifact)
    return open_backend(artifact)


def _unopened(artifact: Artifact, card: ModelCard, error: EdgemmError) -> CheckedCard:
    """Names from the file's structure alone, where that can be read."""
    from edgemm.inspection import read_structure

    try:
        found = read_structure(artifact)
    except MissingDependency:
        return CheckedCard(card, _joined(str(error), _not_run(card)))
    fitted = fit_card(card, found.inputs, found.outputs)
    return CheckedCard(fitted, _joined(str(error), _not_run(fitted)))


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
