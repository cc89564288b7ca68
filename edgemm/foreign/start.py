"""The start of a card for a file without one: what the file says about itself, and guesses where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgemm.card import ModelCard
from edgemm.foreign import ForeignCard, ModelFile, card_of, foreign_card
from edgemm.foreign.draft import Outside, clean
from edgemm.foreign.guess import guess_card


def start(file: ModelFile) -> tuple[ModelCard, list[str]]:
    """A card, and a sentence for each thing that it says.

    What the file says counts more than a guess: its input with a guessed task, where it names none.

    Raises:
        DamagedArtifact, ValueError: the file's structure does not hold together.
    """
    guessed = guess_card(read_outside(file))
    found = foreign_card(file)
    name = {"name": clean(file.path.stem) or "model"}
    if found is None:
        return card_of(name | guessed.content), guessed.sentences()
    said = [f"{found.origin}: {each}" for each in found.said]
    content = found.content
    if content["task"] != "tensors" or _contradicted(guessed.content, found):
        return found.card, said
    if not found.card.inputs:
        return card_of(guessed.content | _named(content)), [*said, *guessed.sentences()]
    task = {key: item for key, item in guessed.content.items() if key != "inputs"}
    task_guess = guessed.guesses[-1].sentence()
    return card_of(task | _named(content) | {"inputs": content["inputs"]}), [*said, task_guess]


def read_outside(file: ModelFile) -> Outside:
    """Inputs, outputs and what makes these, of a file of either format.

    Raises:
        DamagedArtifact, ValueError: the file's structure does not hold together.
    """
    if file.format == "tflite":
        from edgemm.foreign.tflite_file import read_tflite

        return read_tflite(file.payload)
    from edgemm.foreign.onnx_file import read_onnx

    return read_onnx(file.payload)


def _contradicted(guessed: Mapping[str, Any], found: ForeignCard) -> bool:
    """Whether the guess has another number of classes than the file has labels, as where rows hold masks too."""
    return bool(found.card.labels) and len(found.card.labels) != len(guessed.get("labels", found.card.labels))


def _named(content: dict[str, Any]) -> dict[str, Any]:
    """What people want to know of the model, and its labels."""
    return {
        key: item
        for key, item in content.items()
        if key in ("name", "version", "licence", "labels") or key.startswith("x-")
    }
