"""What OpenVINO's Model API reads and writes in an .onnx: metadata_props whose keys begin with "model_info ".

https://openvinotoolkit.github.io/model_api/latest/guides/model-configuration.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from edgemm.foreign.draft import Draft, Outside
from edgemm.foreign.model_api_tasks import TASKS
from edgemm.foreign.picture import picture

PREFIX = "model_info "
RESIZES = {
    "standard": "stretch",
    "fit_to_window": "letterbox",
    "fit_to_window_letterbox": "letterbox",
    "crop": "center-crop",
}
"""`resize_type` -> resize of the card."""
_YOLO = {
    "reverse_input_channels": "True", "scale_values": "255", "pad_value": "114",
    "resize_type": "fit_to_window_letterbox", "confidence_threshold": "0.25", "iou_threshold": "0.7",
    "max_predictions": "300",
}  # fmt: skip
DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "yolov5": _YOLO,
    "yolov8": _YOLO,
    "yolo11": _YOLO,
    "yolox": {"resize_type": "fit_to_window", "pad_value": "114", "iou_threshold": "0.65"},
}
"""Model type -> what Model API takes where a file says nothing."""


def from_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """Key, without its prefix, -> value; {} where the file names no model type."""
    found = {key[len(PREFIX) :].strip(): value for key, value in properties.items() if key.startswith(PREFIX)}
    return found if "model_type" in found else {}


def card(info: Mapping[str, str], file: Outside) -> Draft:
    """The card of a file that carries `model_info`."""
    draft = Draft()
    kind = _plain(info["model_type"])
    info = {**DEFAULTS.get(kind, {}), **info}
    draft.about(name=info.get("model_short_name", "") or info.get("model_name", ""))
    labels = _labels(info)
    read = TASKS.get(kind)
    if read is None:
        draft.say(f"model type {info['model_type'][:40]!r} is not decoded: its outputs are given as they are")
    if not (_fed(draft, info, file) and read is not None and read(draft, info, file, labels)):
        draft.content["task"] = "tensors"
        draft.outputs(file.outputs)
        draft.label(labels, 0, "model_info")
    return draft


def _plain(kind: str) -> str:
    """yolov8 of "YOLO_v8", "YOLOv8" and "yolo-v8"."""
    return "".join(each for each in kind.lower() if each.isalnum())[:40]


def _labels(info: Mapping[str, str]) -> tuple[str, ...]:
    """Label names; those of `label_info`, which keeps spaces, where it has as many."""
    plain = tuple(info.get("labels", "").split())
    try:
        told = json.loads(info.get("label_info", "{}"))
    except (ValueError, RecursionError):
        return plain
    names = told.get("label_names") if isinstance(told, dict) else None
    if isinstance(names, list) and len(names) == len(plain) and all(isinstance(each, str) for each in names):
        return tuple(names)
    return plain


def _fed(draft: Draft, info: Mapping[str, str], file: Outside) -> bool:
    """The input: a picture, normalised as the file says."""
    if len(file.inputs) != 1:
        draft.say(f"{len(file.inputs)} inputs: they are given as tensors")
        return False
    mean, std = _floats(info.get("mean_values", "")), _floats(info.get("scale_values", ""))
    if yes(info, "embedded_processing"):
        draft.say("preprocessing is inside the model: pixels are handed over as they are")
        mean, std = (), ()
    resize = RESIZES.get(info.get("resize_type", "standard").strip().lower(), "")
    if not resize:
        draft.say(f"resize_type {info['resize_type'][:40]!r} is not known: the picture is stretched")
    if info.get("resize_type") == "fit_to_window":
        draft.say("resize_type fit_to_window: the picture stands in the middle, not at the top left")
    size = whole(info, "orig_width", 1 << 14), whole(info, "orig_height", 1 << 14)
    return picture(
        draft,
        file.inputs[0],
        color=_color(draft, info, mean),
        mean=mean,
        std=std,
        size_wh=size,
        resize=resize or "stretch",
        pad_value=min(whole(info, "pad_value", 255), 255),
    )


def _color(draft: Draft, info: Mapping[str, str], mean: tuple[float, ...]) -> str:
    """Model API hands over BGR, and reverses it where the model wants RGB; Training Extensions since 2 hand over RGB.

    Where nothing is reversed, ImageNet's means tell the order: red's is the largest.
    """
    if yes(info, "reverse_input_channels"):
        return "rgb"
    if len(mean) == 3 and mean[0] != mean[2]:
        color = "rgb" if mean[0] > mean[2] else "bgr"
        draft.say(f"colour {color}, by the order of the means")
        return color
    if info.get("otx_version", "").strip()[:1] in set("23456789"):
        draft.say("colour rgb, as Training Extensions export")
        return "rgb"
    draft.say("colour bgr, as Model API hands pictures over where reverse_input_channels is not set")
    return "bgr"


def _floats(text: str) -> tuple[float, ...]:
    """Numbers with blanks or commas between them; () where one is none."""
    parts = text.replace(",", " ").replace("[", " ").replace("]", " ").split()[:8]
    try:
        found = tuple(float(each) for each in parts)
    except ValueError:
        return ()
    return found if all(math.isfinite(each) for each in found) else ()


def yes(info: Mapping[str, str], key: str) -> bool:
    """A flag as Model API writes it."""
    return info.get(key, "").strip().lower() in ("true", "yes", "1")


def whole(info: Mapping[str, str], key: str, most: int) -> int:
    """A whole number of 0..most; 0 where it is none."""
    text = info.get(key, "").strip()
    return int(text) if text.isdecimal() and len(text) < 10 and int(text) <= most else 0
