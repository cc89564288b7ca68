"""Detectors in .tflite files: which output is what, and how a box is stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from edgemm.foreign.draft import MAX_LABELS, Draft, fraction
from edgemm.foreign.flexbuffer import read_options
from edgemm.foreign.label_files import UNNAMED
from edgemm.foreign.tflite_file import TfliteFile
from edgemm.foreign.tflite_metadata import (
    AXIS_LABELS,
    BOXES,
    VALUE_LABELS,
    BoxFormat,
    ModelMetadata,
    TensorMetadata,
)

POSTPROCESS = "TFLite_Detection_PostProcess"
"""TensorFlow's custom operator: boxes, classes, scores and their count, NMS done."""
ROLES = ("boxes", "classes", "scores", "count")
"""Its outputs, in order."""
LabelsOf = Callable[..., tuple[str, tuple[str, ...]]]

_WORDS = {
    "boxes": ("location", "box"),
    "classes": ("categor", "class"),
    "count": ("number", "num_", "count"),
    "scores": ("score", "probab", "confiden"),
}
"""Role -> what its output is called in metadata."""
_ORDERS: dict[tuple[int, tuple[int, ...]], str] = {
    (1, (0, 1, 2, 3)): "xyxy",
    (1, (1, 0, 3, 2)): "yxyx",
    (2, (0, 1, 2, 3)): "xywh",
    (3, (0, 1, 2, 3)): "cxcywh",
    (3, (1, 0, 3, 2)): "cycxhw",
}
"""BoundingBoxType and the order of its numbers -> `box` of the recipe."""


def detector(draft: Draft, file: TfliteFile, metadata: ModelMetadata, labels: LabelsOf) -> bool:
    """Makes the draft a detector's; False where the outputs are none of one."""
    said = metadata.outputs or (TensorMetadata(),) * len(file.outputs)
    by_operator = _by_operator(file)
    if not (by_operator or any(each.content == BOXES for each in said)):
        return False
    roles = by_operator or _by_words(said)
    if roles is None or not _fit(file, roles):
        draft.say(
            "a detector whose outputs are not told apart, or have other shapes: they are given as they are"
        )
        return False
    about = {role: said[place] for role, place in roles.items()}
    section = _section(file, roles) | _boxes(draft, about["boxes"].boxes)
    threshold = next((each.threshold for each in said if each.threshold is not None), None)
    if fraction(threshold) is not None:
        section["threshold"] = threshold
        draft.say(f"threshold {threshold:g}")
    name, rows = _rows(about, labels, label_counts(file))
    section |= _named(draft, file, rows, name[:80], described=True)
    _finish(draft, file, section)
    return True


def bare_detector(draft: Draft, file: TfliteFile, rows: Sequence[str], name: str) -> bool:
    """The same without metadata: from the custom operator alone; False where it does not make the outputs."""
    roles = _by_operator(file)
    if roles is None or not _fit(file, roles):
        return False
    section = _section(file, roles) | {"box": "yxyx", "coordinates": "normalized"}
    section |= _named(draft, file, rows, name, described=False)
    _finish(draft, file, section)
    return True


def _by_operator(file: TfliteFile) -> dict[str, int] | None:
    """Role -> place among the outputs, by the custom operator's own order."""
    made = [each == POSTPROCESS for each in file.producers]
    places = {place: at for at, place in enumerate(file.places) if made[at]}
    if not all(place in places for place in range(3)):
        return None
    return {role: places[place] for place, role in enumerate(ROLES) if place in places}


def _by_words(said: Sequence[TensorMetadata]) -> dict[str, int] | None:
    """The same, by the names in the metadata."""
    roles: dict[str, int] = {}
    for role, words in _WORDS.items():
        fitting = [
            at
            for at, each in enumerate(said)
            if at not in roles.values() and any(word in each.name.lower() for word in words)
        ]
        if role == "boxes":
            fitting = [at for at, each in enumerate(said) if each.content == BOXES] or fitting
        if len(fitting) == 1:
            roles[role] = fitting[0]
    return roles if all(role in roles for role in ROLES[:3]) else None


def _fit(file: TfliteFile, roles: dict[str, int]) -> bool:
    """Whether the shapes, as far as they are known, are those of boxes with a class and a score each."""
    of = {role: file.outputs[place] for role, place in roles.items()}
    names = [spec.name for spec in of.values()]
    if len(set(names)) != len(names) or any(spec.dtype == "?" for spec in of.values()):
        return False
    boxes = of["boxes"].shape
    if boxes and boxes[-1] not in (4, -1):
        return False
    counts = {
        math.prod(of[role].shape) for role in ("classes", "scores") if min(of[role].shape, default=0) > 0
    }
    return len(counts) < 2


def _section(file: TfliteFile, roles: dict[str, int]) -> dict[str, Any]:
    names = {f"{role}_outputs": [file.outputs[place].name] for role, place in roles.items()}
    return {"head": "postprocess", **names}


def _boxes(draft: Draft, said: BoxFormat | None) -> dict[str, Any]:
    """Order and unit of a box's numbers: what the metadata says, else TensorFlow's."""
    usual = {"box": "yxyx", "coordinates": "normalized"}
    if said is None:
        return usual
    index = said.index or (0, 1, 2, 3)
    box = _ORDERS.get((said.kind, index))
    if box is None:
        draft.say(
            f"boxes: type {said.kind} in the order {list(index)[:8]} is not known; top, left, bottom, right is taken"
        )
        return usual
    return {"box": box, "coordinates": "pixels" if said.pixels else "normalized"}


def label_counts(file: TfliteFile) -> tuple[int, ...]:
    """How many labels fit: as many as the custom operator has classes, or one more; () where it does not tell."""
    classes = read_options(file.options.get(POSTPROCESS, b"")).get("num_classes")
    return (classes, classes + 1) if isinstance(classes, int) and 0 < classes <= MAX_LABELS else ()


def _rows(
    about: dict[str, TensorMetadata], labels: LabelsOf, counts: tuple[int, ...]
) -> tuple[str, tuple[str, ...]]:
    """The label file: of the classes, or where writers put it by mistake."""
    for role in ("classes", "scores", "boxes"):
        name, rows = labels(about[role], VALUE_LABELS, AXIS_LABELS, counts=counts)
        if rows:
            return name, rows
    return "", ()


def _named(
    draft: Draft, file: TfliteFile, rows: Sequence[str], name: str, *, described: bool
) -> dict[str, Any]:
    """The labels, and how far class numbers are from their rows."""
    classes = next(iter(label_counts(file)), 0)
    if not rows:
        draft.say("no label file: classes are numbered")
        return {}
    first = rows[0].lower() in ("", UNNAMED, "background")
    if classes and len(rows) not in (classes, classes + 1):
        draft.label(rows, classes, name)
        return {}
    draft.label(rows, 0, name)
    shifted = first and len(rows) == classes + 1 if classes else first and not described
    if shifted:
        draft.say(f"the first label, {rows[0]!r}, is of no class of the model: class 0 is {rows[1:2]}")
    return {"label_offset": 1} if shifted else {}


def _finish(draft: Draft, file: TfliteFile, section: dict[str, Any]) -> None:
    draft.content |= {"task": "detection", "detection": section}
    draft.outputs(file.outputs)
    draft.say(f"a detector with its own NMS; boxes {section['box']}, {section['coordinates']}")
