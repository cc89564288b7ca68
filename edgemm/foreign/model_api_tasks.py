"""How the outputs of Model API's model types are read: one function for each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edgemm.foreign.draft import Draft, Outside, fraction
from edgemm.foreign.yolo_rows import find_rows
from edgemm.tensors import TensorSpec

Info = Mapping[str, str]
Reader = Callable[[Draft, Info, Outside, tuple[str, ...]], bool]
EXTRA = ("saliency_map", "feature_vector")
"""Outputs that explain, and are not decoded."""
YOLOX_STRIDES = (8, 16, 32)


def classification(draft: Draft, info: Info, file: Outside, labels: tuple[str, ...]) -> bool:
    """One row of scores: softmax unless the model has done it; sigmoid where several labels may be true."""
    if info.get("hierarchical", "").strip().lower() == "true":
        draft.say("a hierarchy of labels is not decoded: the scores are given as they are")
        return False
    places = [
        at for at, spec in enumerate(file.outputs) if spec.name not in EXTRA and len(spec.shape) in (2, 4)
    ]
    spec = file.outputs[places[0]] if places else None
    if spec is None or any(size > 1 for size in spec.shape[2:]):
        return False
    producer = file.producers[places[0]]
    several = info.get("multilabel", "").strip().lower() == "true"
    decode = "probabilities" if producer in ("Softmax", "Sigmoid") else "sigmoid" if several else "logits"
    draft.content["task"] = "classification"
    draft.outputs(file.outputs, {spec.name: decode})
    draft.label(_filled(draft, labels, spec.shape[1], "other"), max(spec.shape[1], 0), "model_info")
    top = info.get("topk", "").strip()
    if top.isdecimal() and 1 <= int(top[:6]) <= 10_000:
        draft.content["classification"] = {"top_k": int(top[:6])}
    return True


def _filled(draft: Draft, labels: tuple[str, ...], count: int, first: str) -> tuple[str, ...]:
    """With one more label before the others where the model has one class more, as Model API does."""
    if labels and count == len(labels) + 1:
        draft.say(f"the model has one class more than labels: the first one is called {first!r}")
        return (first, *labels)
    return labels


def segmentation(draft: Draft, info: Info, file: Outside, labels: tuple[str, ...]) -> bool:
    """Scores [1, C, H, W], of which the highest counts, or class numbers [1, H, W]."""
    found = [spec for spec in file.outputs if spec.name not in EXTRA]
    if len(found) != 1 or len(found[0].shape) not in (3, 4):
        return False
    spec = found[0]
    channels = spec.shape[1] if len(spec.shape) == 4 else 1
    section: dict[str, Any] = {"output": spec.name, "kind": "scores", "layout": "NCHW"}
    if channels < 2:
        if spec.dtype.startswith("float"):
            draft.say("class numbers stored as float are not decoded")
            return False
        section = {"output": spec.name, "kind": "classes"}
    draft.content |= {"task": "segmentation", "segmentation": section}
    draft.outputs(file.outputs)
    many = channels if channels > 1 else 0
    draft.label(_filled(draft, labels, many, "background"), many, "model_info")
    if info.get("blur_strength", "-1").strip() != "-1":
        draft.say("blur_strength and soft_threshold are not applied: the highest score counts")
    return True


def yolo(draft: Draft, info: Info, file: Outside, labels: tuple[str, ...]) -> bool:
    """Columns of cx, cy, w, h and scores in pixels, as Ultralytics' v8 has them."""
    rows = find_rows(file.outputs, len(labels), end_to_end=False)
    if rows is None:
        draft.say("the output has not the shape of YOLO's rows: it is given as it is")
        return False
    section = rows.section() | {"coordinates": "pixels"}
    _detector(draft, info, file, section)
    draft.label(labels, rows.classes, "model_info")
    return True


def yolox(draft: Draft, info: Info, file: Outside, labels: tuple[str, ...]) -> bool:
    """Rows relative to the cells of three grids, with objectness."""
    rows = find_rows(file.outputs, len(labels), objectness=True, end_to_end=False)
    if rows is None or rows.layout != "rows":
        draft.say("the output has not the shape of YOLOX's rows: it is given as it is")
        return False
    section = {
        "head": "grid",
        "grid": "yolox",
        "strides": list(YOLOX_STRIDES),
        "objectness": True,
        "layout": "rows",
        "boxes_outputs": [rows.name],
    }
    _detector(draft, info, file, section)
    draft.label(labels, rows.classes, "model_info")
    return True


def ssd(draft: Draft, info: Info, file: Outside, labels: tuple[str, ...]) -> bool:
    """Boxes, scores and labels in outputs that are called so, NMS done; or boxes with the score beside them."""
    names = {word: _named(file.outputs, word) for word in ("boxes", "scores", "labels")}
    if names["scores"] is None and _boxes_with_scores(draft, info, file, labels, names["labels"]):
        return True
    if None in names.values():
        draft.say("the outputs are none of SSD's forms that are decoded: they are given as they are")
        return False
    section = {
        "head": "postprocess",
        "box": "xyxy",
        "coordinates": "normalized",
        "boxes_outputs": [names["boxes"]],
        "scores_outputs": [names["scores"]],
        "classes_outputs": [names["labels"]],
    }
    _detector(draft, info, file, section)
    draft.label(labels, 0, "model_info")
    return True


def _boxes_with_scores(
    draft: Draft, info: Info, file: Outside, labels: tuple[str, ...], classes: str | None
) -> bool:
    """[1, N, 5] or [N, 5]: left, top, right, bottom in pixels of the input, and the score; the classes beside it."""
    found = [spec for spec in file.outputs if len(spec.shape) in (2, 3) and spec.shape[-1] == 5]
    if len(found) != 1 or found[0].name == classes:
        return False
    section = {
        "head": "end-to-end",
        "row": "xyxy-score",
        "box": "xyxy",
        "coordinates": "pixels",
        "boxes_outputs": [found[0].name],
        "classes_outputs": [classes] if classes else [],
    }
    if not classes:
        draft.say("no output with labels: all boxes are of the first class")
    _detector(draft, info, file, section)
    draft.label(labels, 0, "model_info")
    return True


def _named(outputs: tuple[TensorSpec, ...], word: str) -> str | None:
    found = [spec.name for spec in outputs if word in spec.name.lower()]
    return found[0] if len(found) == 1 else None


def _detector(draft: Draft, info: Info, file: Outside, section: dict[str, Any]) -> None:
    """Thresholds, and the task."""
    section["threshold"] = 0.5
    for key, name in (("threshold", "confidence_threshold"), ("iou", "iou_threshold")):
        value = _number(info.get(name, ""))
        if value is not None:
            section[key] = value
    most = info.get("max_predictions", "").strip()
    if most.isdecimal() and 1 <= int(most[:6]) <= 10_000:
        section["max_detections"] = int(most[:6])
    if info.get("agnostic_nms", "").strip().lower() == "true":
        section["nms"] = "class-free"
    draft.content |= {"task": "detection", "detection": section}
    draft.outputs(file.outputs)


def _number(text: str) -> float | None:
    try:
        return fraction(float(text))
    except ValueError:
        return None


TASKS: Mapping[str, Reader] = {
    "classification": classification,
    "segmentation": segmentation,
    "ssd": ssd,
    "yolov5": yolo,
    "yolov8": yolo,
    "yolo11": yolo,
    "yolox": yolox,
}
"""Model type, letters and digits alone, -> what reads it."""
