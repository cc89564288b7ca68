"""The start of a card for a model file: every key explained, what can be guessed filled in and said to be a guess."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edgemm.artifact import Artifact
from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.card.fit import fit_card, layout_of
from edgemm.card.key_reference import Key, keys, recipes
from edgemm.card.keys import GUESSED, HELP
from edgemm.inspection import read_structure
from edgemm.tensors import TensorSpec

_BY_CONVERT = ("payload_sha256", "quantization", "fidelity", "source_sha256", "min_edgemm")
"""Keys that edgemm writes itself."""
LARGEST_STEP = 8
"""A side of a picture, in pixels, that is taken for one."""


def start_card(artifact: Artifact, preset: ModelCard | None = None) -> dict[str, Any]:
    """A card as JSON values, with "x-help" beside the keys of each object and "x-guessed" at the top.

    Args:
        artifact: the model; a card in it is not looked at.
        preset: what is begun from; None: guesses from the shapes alone.

    Raises:
        CardError: the preset has another number of inputs or outputs than the file.
        DamagedArtifact, MissingDependency: the file's structure cannot be read.
    """
    found = read_structure(artifact)
    card = preset or _guessed(found.inputs, found.outputs)
    guesses = [] if preset is not None else _sentences(card, found.outputs)
    if preset is not None:
        guesses.append(
            "tensors are paired with the preset's by their place: see that the names belong together"
        )
    fitted = fit_card(card, found.inputs, found.outputs).with_(name=artifact.path.stem)
    return {"schema": "edgemm.card/1", GUESSED: guesses, **_explained(fitted)}


def _guessed(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> ModelCard:
    """Pictures where an input has the shape of one; classes where the only output is [1, C]."""
    made = tuple(_input(each) for each in inputs)
    pictures = sum(each.modality == "image" for each in made) == len(made) == 1
    scores = len(outputs) == 1 and _classes(outputs[0]) > 1
    task = "classification" if pictures and scores else "tensors"
    entries = tuple(
        OutputCard(each.name, decode="logits" if task != "tensors" else "raw") for each in outputs
    )
    labels = tuple(f"class {number}" for number in range(_classes(outputs[0]))) if task != "tensors" else ()
    return ModelCard(task=task, inputs=made, outputs=entries, labels=labels)


def _input(spec: TensorSpec) -> InputCard:
    color = _color(spec.shape)
    if not color or not (spec.quantized or spec.dtype.startswith("float")):
        return InputCard(spec.name)
    card = InputCard(spec.name, "image", image=ImageRecipe(color=color))  # type: ignore[arg-type]
    return replace(card, layout=layout_of(card, spec.shape))


def _color(shape: Sequence[int]) -> str:
    """ "rgb" or "gray" where the shape is that of one picture, else ""."""
    if len(shape) != 4 or shape[0] not in (1, -1):
        return ""
    channels, sides = (shape[1], shape[2:]) if shape[1] in (1, 3) else (shape[3], shape[1:3])
    if channels not in (1, 3) or any(0 <= side < LARGEST_STEP for side in sides):
        return ""
    return "rgb" if channels == 3 else "gray"


def _classes(spec: TensorSpec) -> int:
    """C of [1, C]; 0 for another shape."""
    return math.prod(spec.shape[1:]) if len(spec.shape) == 2 and spec.shape[0] in (1, -1) else 0


def _sentences(card: ModelCard, outputs: Sequence[TensorSpec]) -> list[str]:
    said = []
    for each in card.inputs:
        if each.image is not None:
            said.append(
                f"input {each.name!r}: a picture, since its shape looks like one; color, scale, mean and std are the "
                "most common ones: take those that the model was trained with, they decide the accuracy"
            )
        else:
            said.append(f"input {each.name!r}: a tensor, since its shape is not that of a picture")
    if card.task == "classification":
        said.append(
            f"task classification, and {_classes(outputs[0])} labels by number, since the output is one row of scores: "
            'put the names in their place. Where the model ends in a softmax, "decode" is "probabilities"'
        )
    else:
        said.append("task tensors: the outputs are given as they are")
    return said


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
    for name in ("image", "audio"):
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
