"""What Ultralytics' exporters write: metadata_props of an .onnx, metadata.json or temp_meta.txt behind a .tflite.

YOLOv5's own exporter writes `stride` and `names` alone. https://docs.ultralytics.com/modes/export/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgemm.foreign.draft import MAX_LABELS, Draft, Outside, fraction
from edgemm.foreign.literals import MAX_CHARACTERS, literal
from edgemm.foreign.picture import picture
from edgemm.foreign.yolo_rows import Rows, find_rows, full_shape

KEYS = (
    "task", "names", "stride", "imgsz", "end2end", "args", "channels", "batch", "kpt_shape", "description", "author",
    "version", "license",
)  # fmt: skip
"""What is read of the metadata."""
MEMBERS = ("metadata.json", "temp_meta.txt")
"""Where a .tflite has it, the newer one first."""
PAD_VALUE = 114
"""Grey level of LetterBox."""


def from_properties(properties: Mapping[str, str]) -> dict[str, Any] | None:
    """The metadata in metadata_props, values read; None where there is none.

    Raises:
        ValueError: a value is none that Python writes.
    """
    if "names" not in properties or not {"task", "stride"} & set(properties):
        return None
    texts = ("task", "description", "author", "version", "license")
    found: dict[str, Any] = {}
    for key in KEYS:
        if key in properties:
            found[key] = properties[key] if key in texts else literal(properties[key])
    return found


def from_archive(associated: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The same from the archive behind a .tflite.

    Raises:
        ValueError: the file is there, and no JSON, or no Python dictionary.
    """
    for name in MEMBERS:
        content = associated.get(name, b"")
        if not content or b"names" not in content:
            continue
        if len(content) > MAX_CHARACTERS:
            raise ValueError(f"{name} has {len(content)} bytes; at most {MAX_CHARACTERS} are read")
        text = content.decode("utf-8", "replace")
        found = json.loads(text) if name.endswith(".json") else literal(text)
        if isinstance(found, dict) and "names" in found and {"task", "stride"} & set(found):
            return {key: found[key] for key in KEYS if key in found}
    return None


def card(said: Mapping[str, Any], file: Outside, *, normalized: bool) -> Draft:
    """The card of an export.

    Args:
        said: see `from_properties`.
        file: the model's tensors.
        normalized: boxes are 0..1 of the input, as in .tflite exports; else in its pixels.
    """
    draft = Draft()
    draft.about(
        **{
            to: str(said.get(key, ""))
            for to, key in (("name", "description"), ("version", "version"), ("licence", "license"))
        },
        author=str(said.get("author", "")),
    )
    task, names = said.get("task", "detect"), _names(said.get("names"))
    fed = len(file.inputs) == 1 and _fed(draft, said, file, task)
    if not (fed and _task(draft, said, file, task, names, normalized=normalized)):
        draft.content["task"] = "tensors"
        draft.outputs(file.outputs)
        draft.label(names, 0, "the exporter")
    return draft


def _names(found: object) -> tuple[str, ...]:
    """The classes in the order of their numbers; one without a name has its number."""
    if isinstance(found, list | tuple):
        return tuple(str(each)[:200] for each in found[:MAX_LABELS])
    if not isinstance(found, dict) or not found or len(found) > MAX_LABELS:
        return ()
    numbered = {
        int(key): str(name) for key, name in found.items() if str(key).isdecimal() and len(str(key)) < 7
    }
    last = max(numbered, default=-1)
    if len(numbered) != len(found) or last >= 2 * len(found) + 100:
        return ()
    return tuple(numbered.get(at, str(at)) for at in range(last + 1))


def _fed(draft: Draft, said: Mapping[str, Any], file: Outside, task: object) -> bool:
    """The input: a letterboxed RGB picture, 0..1; a classifier's is the middle of the picture."""
    size = said.get("imgsz")
    sides = size if isinstance(size, list | tuple) else [size]
    whole = [each for each in sides if type(each) is int and 0 < each <= 1 << 14]
    wh = (whole[-1], whole[0]) if whole and len(whole) == len(sides) else (0, 0)
    resize: dict[str, Any] = {"resize": "letterbox", "pad_value": PAD_VALUE}
    if task == "classify":
        resize = {"resize": "center-crop", "interpolation": "area"}
    if _is_rtdetr(said, file):
        resize = {"resize": "stretch"}
    batch = said.get("batch", 1)
    if batch != 1:
        draft.say(f"exported for a batch of {str(batch)[:20]}")
    return picture(draft, file.inputs[0], color="", std=(255.0,), size_wh=wh, **resize)


def _is_rtdetr(said: Mapping[str, Any], file: Outside) -> bool:
    """RT-DETR: its name tells; or its rows lie along the other axis than those of YOLO networks that name a task."""
    if len(file.outputs) != 1:
        return False
    if "rtdetr" in str(said.get("description", "")).lower().replace("-", ""):
        return True
    shape, wide = file.outputs[0].shape, 4 + len(_names(said.get("names")))
    detects = (
        said.get("task") == "detect"
        and said.get("end2end") is not True
        and _args(said).get("nms") is not True
    )
    return detects and len(shape) == 3 and shape[2] == wide and shape[1] > 0 and wide not in (4, 6, shape[1])


def _task(
    draft: Draft,
    said: Mapping[str, Any],
    file: Outside,
    task: object,
    names: tuple[str, ...],
    *,
    normalized: bool,
) -> bool:
    """False where the task is not decoded, or its outputs do not fit."""
    if task == "classify":
        return _classifier(draft, file, names)
    if task not in ("detect", "pose"):
        draft.say(f"Ultralytics' task {str(task)[:40]!r} is not decoded: its outputs are given as they are")
        return False
    points = _points(said.get("kpt_shape")) if task == "pose" else (0, 2)
    flagged = said.get("end2end") is True or _args(said).get("nms") is True
    rows = points and find_rows(
        file.outputs, len(names), points, objectness="task" not in said, end_to_end=flagged or None
    )
    if not rows:
        draft.say(
            "the outputs do not have the shape of the rows that the exporter names: they are given as they are"
        )
        return False
    section = _section(said, rows, normalized=normalized, rtdetr=_is_rtdetr(said, file))
    draft.content |= {"task": "detection", "detection": section}
    draft.outputs(file.outputs)
    stride = said.get("stride")
    shape = full_shape(file.outputs[0], rows, draft.input_wh(), stride if type(stride) is int else 0)
    if shape:
        draft.content["outputs"][0]["shape"] = list(shape)
        draft.say(
            f"{shape[2] if rows.layout == 'columns' else shape[1]} candidates, by the grids of its strides"
        )
    draft.label(names, rows.classes, "the exporter")
    if flagged and rows.head != "end-to-end":
        draft.say(
            "the exporter says that NMS is in the model, and the output has candidates: they go through NMS here"
        )
    draft.say(f"a detector of head {rows.head}; boxes {section['coordinates']}")
    return True


def _points(shape: object) -> tuple[int, int] | None:
    """Key points and numbers of each; None where it is not said soundly."""
    if not isinstance(shape, list | tuple) or len(shape) != 2 or any(type(each) is not int for each in shape):
        return None
    return (shape[0], shape[1]) if 1 <= shape[0] <= 1000 and shape[1] in (2, 3) else None


def _args(said: Mapping[str, Any]) -> Mapping[str, Any]:
    args = said.get("args")
    return args if isinstance(args, dict) else {}


def _section(said: Mapping[str, Any], rows: Rows, *, normalized: bool, rtdetr: bool) -> dict[str, Any]:
    """The recipe, with the exporter's own thresholds."""
    args, older = _args(said), "task" not in said
    unit = "normalized" if normalized or rtdetr else "pixels"
    section = rows.section() | {"coordinates": unit, "max_detections": 1000 if older else 300}
    section["threshold"] = fraction(args.get("conf")) or 0.25
    section["iou"] = fraction(args.get("iou")) or (0.45 if older else 0.7)
    if args.get("agnostic_nms") is True:
        section["nms"] = "class-free"
    return section | ({"nms": "none"} if rtdetr else {})


def _classifier(draft: Draft, file: Outside, names: tuple[str, ...]) -> bool:
    """One row of probabilities."""
    spec = file.outputs[0] if len(file.outputs) == 1 else None
    if spec is None or len(spec.shape) != 2:
        draft.say("a classifier whose output is not one row of scores: it is given as it is")
        return False
    draft.content["task"] = "classification"
    draft.outputs([spec], {spec.name: "probabilities"})
    draft.label(names, max(spec.shape[1], 0), "the exporter")
    return True
