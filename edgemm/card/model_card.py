"""The card: what an artifact says about itself, as JSON inside the file.

The card names the task, says exactly how an input is made from a picture or from sound, how an output is read, and
what was measured when the model was converted. Keys that this version does not know are kept (`extra`); where a card is
written they are refused, unless they begin with "x-" (`edgemm.card.keys`).

The docstring under each field is its line in docs/cards.md (`python scripts/card_reference.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from edgemm.card import reader, rules
from edgemm.card.reader import BESIDE, SCHEMA
from edgemm.card.recipes import AudioRecipe, ImageRecipe, LatentRecipe, PointsRecipe
from edgemm.card.tasks import find_task, is_task, task_names
from edgemm.card.text_recipe import TextRecipe, check_text
from edgemm.errors import CardError
from edgemm.frozen import dataclass, field, field_names, is_frozen, replace

if TYPE_CHECKING:
    from dataclasses import Field

Family = Literal["CNN", "RNN", "Transformer", "GAN", ""]
Modality = Literal["image", "audio", "text", "points", "tensor"]
Role = Literal["", "ids", "mask", "types"]
StateKind = Literal["replace", "grow", "first-run"]


@dataclass(frozen=True, slots=True)
class InputCard:
    """One input of the model."""

    name: str = "input"
    """Name of the tensor in the file. Another name is replaced by the file's where a card is fitted to it."""
    modality: Modality = "tensor"
    """What the input is made from: pictures (needs `image`), sound (needs `audio`), text (needs `role`), points of a
    face, body or hand (needs `points`), or a tensor that the caller gives."""
    shape: tuple[int, ...] = ()
    """As stored in the file, the batch of 1 included; [] to take the file's. Needed where the file leaves it open."""
    layout: str = ""
    """NHWC or NCHW for pictures; NTF, NFT, NTFC or NCTF for frames of sound (time, features, channel); NT for samples;
    "" to guess it from the shape."""
    image: ImageRecipe | None = None
    """How a picture becomes the tensor; for modality image."""
    audio: AudioRecipe | None = None
    """How sound becomes the tensor; for modality audio."""
    points: PointsRecipe | None = None
    """How points that another model found become the tensor; for modality points."""
    value: float | None = None
    """For an input that never changes, such as a sample rate: the number in each of its elements."""
    role: Role = ""
    """Modality text: what the input holds of a text. ids: the number of each token (needs `text`). mask: 1 where a
    token stands, 0 where the text is filled up. types: 0 for the first text, 1 for the second of two."""
    text: TextRecipe | None = None
    """How a text becomes tokens; for the input of modality text and role ids. It fills those of the other roles too."""
    latent: LatentRecipe | None = None
    """What is drawn for this input of a generator, which makes a result of a seed; for modality tensor."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {"shape": (1, 1 << 24)}


@dataclass(frozen=True, slots=True)
class OutputCard:
    """One output of the model and how to read it."""

    name: str = "output"
    """Name of the tensor in the file. Another name is replaced by the file's where a card is fitted to it."""
    shape: tuple[int, ...] = ()
    """As stored in the file; [] to take the file's."""
    decode: Literal["probabilities", "logits", "sigmoid", "raw"] = "raw"
    """What the numbers are. probabilities: 0..1, used as they are. logits: softmax makes them probabilities. sigmoid:
    sigmoid does, each class for itself. raw: just numbers. A classification or keyword reads the first output that is
    not raw, of shape [1, C] or [C]."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {"shape": (1, 1 << 24)}


@dataclass(frozen=True, slots=True)
class StatePair:
    """A recurrent model's state: `output` of one step is `input` of the next."""

    output: str
    """Name of the output that holds the state after a step."""
    input: str
    """Name of the input that takes it in the next step; zeros at the start of a stream."""
    kind: StateKind = "replace"
    """replace: each step gives the state anew. grow: a cache that is empty at the start and becomes longer with each
    step; its dimension is open in the file. first-run: what the first step gave is kept for all that follow, such as
    the keys and values that a decoder makes of an encoder's answer."""
    axis: int | None = None
    """The dimension that is empty at the start, counted from 0, where several are open; null: the only open one behind
    the first, or the first."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {"axis": (0, rules.MAX_RANK - 1)}


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One step by which the model became what it is, before it was converted."""

    step: str
    """What was done: trained, pruned, distilled, quantization_aware, or another word."""
    details: dict[str, Any] = field(default_factory=dict)
    """How, and what it cost: plain JSON values."""
    source_sha256: str = ""
    """SHA-256 of the file that the step began with, hexadecimal; "" where it was no file."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that an artifact says about itself."""

    name: str = "model"
    """What people call the model."""
    version: str = "1"
    """Of the model, in any form."""
    licence: str = ""
    """SPDX expression, such as Apache-2.0; "" where it is not known."""
    min_edgemm: str = ""
    """Oldest edgemm that reads this card as it is meant, such as 0.2; "" for any."""
    payload_sha256: str = ""
    """SHA-256 of the model without its card, hexadecimal. Written by edgemm, and checked when the file is read."""
    task: str = "tensors"
    """What the model is for: tensors gives the outputs as they are. audio is reserved for later versions."""
    family: Family = ""
    """Kind of network; for people only."""
    inputs: tuple[InputCard, ...] = ()
    """One object for each input of the file, in any order; [] to take the file's."""
    outputs: tuple[OutputCard, ...] = ()
    """One object for each output of the file; [] to take the file's."""
    labels: tuple[str, ...] = ()
    """Names of the classes in the order of the scores, as many as there are scores; [] to number them."""
    recipe: Any = None
    """How the task reads the outputs. In JSON it stands under the name of the task."""
    states: tuple[StatePair, ...] = ()
    """The outputs of a recurrent or causal model that go back into its inputs."""
    history: tuple[HistoryStep, ...] = ()
    """The steps by which the model became what it is (pruning, training), in their order. Converting keeps them."""
    quantization: dict[str, Any] = field(default_factory=dict)
    """Written by `edgemm convert`: scheme (float, static, dynamic, mixed), target, the forms that were weighed, and
    what was done to keep the accuracy."""
    fidelity: dict[str, Any] = field(default_factory=dict)
    """Written by `edgemm convert`: for each output snr_db, max_abs_error, top1_agreement."""
    judgement: dict[str, Any] = field(default_factory=dict)
    """Written by `edgemm judge --write-card`: the figure of the task with its interval, on which data, how much is left
    of it when these are spoiled, latency and memory on which machine."""
    source_sha256: str = ""
    """Written by `edgemm convert`: SHA-256 of the model that this one was made from, hexadecimal."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Keys that this version does not know, kept."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Vocabularies by name. They stand beside the card in the model file, not in its JSON."""

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, schema key first; empty fields left out, recipes in full."""
        return {"schema": SCHEMA, **_to_dict(self)}

    def to_json(self) -> str:
        """The card as indented JSON; the same card always gives the same text.

        Raises:
            CardError: it holds what JSON cannot: infinity, NaN, an array.
        """
        try:
            return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise CardError(f"the card cannot be written: {error}. Give plain, finite JSON values") from error

    @staticmethod
    def from_json(text: str | bytes) -> ModelCard:
        """Reads a card.

        Raises:
            CardError: not JSON, too large, or a value that is out of range; says which key.
            UnsupportedVersion: the card's schema or `min_edgemm` is newer than this edgemm.
        """
        content = reader.read(text)
        _upgrade(content)
        recipe = _section(content)
        card: ModelCard = reader.read_object(content, ModelCard, "card")
        card = replace(card, recipe=recipe)
        card.check()
        return card

    def check(self) -> None:
        """The rules between fields, those that need no tensor.

        Raises:
            CardError: one is broken; says which key.
        """
        if not is_task(self.task):
            from edgemm.choices import hint

            raise CardError(
                f"card.task: expected one of {', '.join(map(json.dumps, task_names()))}, found "
                f'"{self.task[:80]}"'
                f"{hint(self.task, task_names())}"
            )
        for key in ("payload_sha256", "source_sha256"):
            rules.check_hash(getattr(self, key), f"card.{key}")
        for index, each in enumerate(self.history):
            rules.check_hash(each.source_sha256, f"card.history[{index}].source_sha256")
        for index, output in enumerate(self.outputs):
            rules.check_shape(output.shape, f"card.outputs[{index}].shape")
        for index, entry in enumerate(self.inputs):
            rules.check_shape(entry.shape, f"card.inputs[{index}].shape")
            rules.check_recipes(entry.image, entry.audio, f"card.inputs[{index}]")
            if entry.latent is not None:
                _check_latent(entry, f"card.inputs[{index}]")
            if entry.text is not None:
                check_text(entry.text, f"card.inputs[{index}].text")
            if (entry.points is not None) != (entry.modality == "points"):
                found = "none" if entry.points is None else f'some with modality "{entry.modality}"'
                raise CardError(
                    f"card.inputs[{index}].points: expected how points become the tensor with modality points, and "
                    f"only there, found {found}"
                )
        _check_roles(self.inputs)

    def with_(self, **changes: Any) -> ModelCard:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def after(self, step: str, details: Mapping[str, Any], source_sha256: str = "") -> ModelCard:
        """A copy whose history has one step more."""
        return replace(self, history=(*self.history, HistoryStep(step, dict(details), source_sha256)))


def _check_latent(entry: InputCard, path: str) -> None:
    latent = entry.latent
    assert latent is not None
    if entry.modality != "tensor" or entry.value is not None:
        found = f'"modality": "{entry.modality}"' if entry.value is None else f'"value": {entry.value:g}'
        raise CardError(f"{path}.latent: expected an input of modality tensor without a value, found {found}")
    if latent.kind == "uniform" and not latent.low < latent.high:
        raise CardError(
            f"{path}.latent.high: expected a number above low, {latent.low:g}, found {latent.high:g}"
        )


def _check_roles(inputs: tuple[InputCard, ...]) -> None:
    """Each role of a text has one input, and its recipe stands where the ids are."""
    taken: set[str] = set()
    for index, entry in enumerate(inputs):
        path = f"card.inputs[{index}]"
        if (entry.role != "") != (entry.modality == "text"):
            found = f'"role": "{entry.role}" with "modality": "{entry.modality}"'
            raise CardError(
                f"{path}.role: expected ids, mask or types with modality text, and only there, found {found}"
            )
        if (entry.text is not None) != (entry.role == "ids"):
            found = "none" if entry.text is None else f'one with "role": "{entry.role}"'
            raise CardError(
                f"{path}.text: expected how a text becomes tokens, in the input of role ids, found {found}"
            )
        if entry.role in taken:
            raise CardError(f"{path}.role: expected one input of role {entry.role}, found two")
        taken |= {entry.role} - {""}
    if taken and "ids" not in taken:
        raise CardError(
            f"card.inputs: expected one of role ids beside {' and '.join(sorted(taken))}, found none"
        )


_IN_FULL = (ImageRecipe, AudioRecipe, TextRecipe, PointsRecipe, LatentRecipe)
"""Written with every field, as the recipe of the task is: a default that changes later does not change an old file."""


def _upgrade(content: dict[str, Any]) -> None:
    """`top_k` of the card itself, as cards had it before tasks had sections."""
    top_k = content.pop("top_k", None)
    if top_k is not None and content.get("task") == "classification":
        content.setdefault("classification", {"top_k": top_k})


def _section(content: dict[str, Any]) -> Any:
    """The recipe of the card's task, taken out of `content`; None where there is none."""
    name = content.get("task")
    if not isinstance(name, str) or content.get(name) is None:
        if isinstance(name, str) and name in content and find_task(name) is not None:
            content.pop(name)  # null
        return None
    task = find_task(name)
    if task is None:
        return None
    if name in field_names(ModelCard):
        raise CardError(f"card.task: the task {name!r} of another package has the name of a key of the card")
    recipe = reader.read_object(content.pop(name), task.Recipe, f"card.{name}")
    try:
        recipe.check()
    except CardError as error:
        raise CardError(f"card.{name}.{error}") from error
    return recipe


def section_to_dict(recipe: Any) -> dict[str, Any]:
    """The section that a recipe stands for, with every field."""
    return _to_dict(recipe)


def _to_dict(value: Any) -> dict[str, Any]:
    """A card dataclass as a dictionary; what it does not know goes last, and never over what it knows."""
    from dataclasses import fields

    known = [f for f in fields(value) if f.name not in BESIDE]
    whole = isinstance(value, _IN_FULL) or hasattr(value, "OPTIONS")
    written = {
        f.name: _plain(getattr(value, f.name))
        for f in known
        if whole or not _says_nothing(getattr(value, f.name), f)
    }
    if isinstance(value, ModelCard) and value.recipe is not None:
        written[value.task] = _to_dict(value.recipe)
    names = {*(f.name for f in known), *written}
    return written | {key: item for key, item in value.extra.items() if key not in names}


def _says_nothing(item: Any, field_: Field[Any]) -> bool:
    """Empty, and read as the same empty value where it is left out."""
    empty = item is None or item in ("", (), {})
    return empty and (item == field_.default or field_.default_factory is dict)


def _plain(item: Any) -> Any:
    if is_frozen(item):
        return _to_dict(item)
    return [_plain(part) for part in item] if isinstance(item, tuple) else item
