"""Foreign cards: what a model file made elsewhere says about itself in its own way, read into a card.

Read are TFLite metadata, what Ultralytics' and Intel's Model API exporters write, and PP-OCR's alphabet. Anybody may
have written it, so it is bounded, checked against the file's own tensors, and never run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgemm.card.model_card import ModelCard
from edgemm.card.tasks import is_task
from edgemm.errors import ArtifactError
from edgemm.foreign.draft import Draft, clean
from edgemm.log import LOG

Found = tuple[str, Draft]
"""Where a card comes from, and what it holds."""


class ModelFile(Protocol):
    """What is read of an artifact. Exists so that this room does not need that one."""

    @property
    def path(self) -> Path:
        """Of the file."""

    @property
    def format(self) -> Any:
        """tflite, onnx or ort, of which nothing is read."""

    @property
    def payload(self) -> bytes:
        """The model."""

    @property
    def associated(self) -> Mapping[str, bytes]:
        """Files in the archive behind a .tflite, by name."""


@dataclass(frozen=True, slots=True)
class ForeignCard:
    """A card that was made from what the file says in another project's way."""

    card: ModelCard
    origin: str
    """What was read: "TFLite metadata", "Ultralytics", "OpenVINO Model API", "PP-OCR", or the custom operator
    "TFLite_Detection_PostProcess"."""
    said: tuple[str, ...]
    """Sentences, without a full stop: what was read, and what was left out and why."""
    content: dict[str, Any]
    """The card's JSON, without what it does not say. `task` may be one that this version does not have: then that of
    `card` is tensors."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"origin": self.origin, "said": list(self.said), "card": self.content}


def foreign_card(file: ModelFile, *, locale: str = "") -> ForeignCard | None:
    """What a file without a card of edgemm says about itself.

    What it claims and its tensors contradict is left out, with a sentence. What does not hold together is logged and
    ignored: the model runs as one that says nothing.

    Args:
        file: an `Artifact`.
        locale: language of the labels where there are several, such as "de"; "" for the first.

    Returns:
        None where the file says nothing that is known.
    """
    if file.format == "ort":
        return None
    try:
        found = _in_tflite(file, locale) if file.format == "tflite" else _in_onnx(file)
    except (ArtifactError, ValueError, OverflowError, RecursionError) as error:
        LOG.warning("%s: what it says about itself is ignored, since it is damaged (%s)", file.path, error)
        return None
    return None if found is None else _made(file.path, *found)


def _made(path: Path, origin: str, draft: Draft) -> ForeignCard | None:
    content = {"name": clean(path.stem) or "model", **draft.content}
    if not is_task(content["task"]):
        draft.say(f"this version has no task {content['task']}: the outputs are given as they are")
    try:
        card = card_of(content)
    except ArtifactError as error:
        LOG.warning("%s: its %s makes no card (%s) and is ignored", path, origin, error)
        return None
    for each in draft.missed:
        LOG.warning("%s: %s", path, each)
    return ForeignCard(card, origin, tuple(draft.said), content)


def card_of(content: dict[str, Any]) -> ModelCard:
    """The card of JSON that was made here; with the task tensors where this version has not the one that it names.

    Raises:
        CardError: a value is out of range.
    """
    task = content["task"]
    if not is_task(task):
        content = {key: item for key, item in content.items() if key != task} | {"task": "tensors"}
    return ModelCard.from_json(json.dumps(content))


def _in_tflite(file: ModelFile, locale: str) -> Found | None:
    from edgemm.foreign import tflite_card, tflite_metadata, ultralytics
    from edgemm.foreign.tflite_file import read_tflite

    outside = read_tflite(file.payload)
    exported = ultralytics.from_archive(file.associated)
    if exported is not None:
        return "Ultralytics", ultralytics.card(exported, outside, normalized=True)
    buffer = outside.metadata.get(tflite_metadata.NAME)
    if buffer is not None:
        return "TFLite metadata", tflite_card.from_metadata(outside, buffer, file.associated, locale)
    bare = tflite_card.without_metadata(outside, file.associated, file.path)
    return None if bare is None else ("TFLite_Detection_PostProcess", bare)


def _in_onnx(file: ModelFile) -> Found | None:
    from edgemm.foreign import model_api, ppocr, ultralytics
    from edgemm.foreign.onnx_file import read_onnx, read_properties

    properties = read_properties(file.payload)
    exported = ultralytics.from_properties(properties)
    if exported is not None:
        return "Ultralytics", ultralytics.card(exported, read_onnx(file.payload), normalized=False)
    info = model_api.from_properties(properties)
    if info:
        return "OpenVINO Model API", model_api.card(info, read_onnx(file.payload))
    alphabet = ppocr.from_properties(properties)
    return ("PP-OCR", ppocr.card(alphabet, read_onnx(file.payload))) if alphabet else None


__all__ = ["ForeignCard", "ModelFile", "foreign_card"]
