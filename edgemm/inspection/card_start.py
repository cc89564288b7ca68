"""The start of a card for a model file: every key explained, what can be guessed filled in and said to be a guess."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgemm.artifact import Artifact
from edgemm.card import InputCard, ModelCard
from edgemm.card.fit import fit_card
from edgemm.card.key_reference import Key, keys, recipes
from edgemm.card.keys import GUESSED, HELP
from edgemm.errors import ArtifactError, DamagedArtifact
from edgemm.foreign.draft import Outside
from edgemm.foreign.start import read_outside, start

_BY_CONVERT = ("payload_sha256", "quantization", "fidelity", "source_sha256", "min_edgemm")
"""Keys that edgemm writes itself."""


def start_card(artifact: Artifact, preset: ModelCard | None = None) -> dict[str, Any]:
    """A card as JSON values, with "x-help" beside the keys of each object and "x-guessed" at the top.

    Args:
        artifact: the model; a card in it is not looked at.
        preset: what is begun from; None: what the file says about itself in the way of other projects, and guesses
            from its shapes.

    Raises:
        CardError: the preset has another number of inputs or outputs than the file.
        DamagedArtifact: the file's structure cannot be read.
    """
    found = _outside(artifact)
    if preset is None:
        card, guesses = start(artifact)
    else:
        card = preset.with_(name=artifact.path.stem)
        guesses = [
            "tensors are paired with the preset's by their place: see that the names belong together",
        ]
    fitted = fit_card(card, found.inputs, found.outputs)
    return {"schema": "edgemm.card/1", GUESSED: guesses, **_explained(fitted)}


def _outside(artifact: Artifact) -> Outside:
    try:
        return read_outside(artifact)
    except (ArtifactError, ValueError) as error:
        raise DamagedArtifact(f"{artifact.path}: damaged ({error}). Copy or convert it again") from error


def _explained(card: ModelCard) -> dict[str, Any]:
    content = _with_help(card, skip=_BY_CONVERT)
    sections = [(name, kind) for name, kind in recipes().items() if name == card.task]
    content["inputs"] = [_input_content(each) for each in card.inputs]
    content["outputs"] = [_with_help(each) for each in card.outputs]
    content.update(
        {name: _with_help(kind() if card.recipe is None else card.recipe) for name, kind in sections}
    )
    content["states"] = [_with_help(each) for each in card.states]
    return content


def _input_content(card: InputCard) -> dict[str, Any]:
    content = _with_help(card)
    for name in ("image", "audio", "text"):
        recipe = getattr(card, name)
        content[name] = None if recipe is None else _with_help(recipe)
    return content


def _with_help(value: Any, skip: Sequence[str] = ()) -> dict[str, Any]:
    """Every key with its value, and its explanation under "x-help"."""
    listed = [each for each in keys(type(value)) if each.name not in skip]
    content: dict[str, Any] = {HELP: {each.name: _help(each) for each in listed}}
    for each in listed:
        item = getattr(value, each.name)
        content[each.name] = list(item) if isinstance(item, tuple) else item
    return content


def _help(key: Key) -> str:
    """ "text: "raw", "logits". Meaning" on one line."""
    unit = f", {key.unit}" if key.unit else ""
    allowed = f": {key.allowed}" if key.allowed else ""
    return f"{key.type}{unit}{allowed}. {key.meaning}"
