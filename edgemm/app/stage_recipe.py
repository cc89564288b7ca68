"""What an app file says of the models behind the first one of a stream.

"then": [{"model": "landmarks.tflite", "crop": {"margin": 1.5, "square": true},
          "track": {"next": {"by": "points", "margin": 1.5, "square": true}}, "smooth": {}}]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from edgemm.app.values import from_folder, values_of
from edgemm.chain.crop import Crop
from edgemm.chain.mediapipe import followed
from edgemm.chain.smooth import Smooth
from edgemm.chain.track import Track
from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.redaction import shown_address

MAX_STAGES = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StageRecipe:
    """One model behind another."""

    model: str
    """Path of a .tflite or .onnx file; relative paths are meant from the app file's folder."""
    card: str = ""
    """Of a file that carries none: the path of a card (.json), or the name of a preset."""
    name: str = ""
    """Of its results and its times; empty: its task, with a number behind it where that is taken."""
    crop: Crop | None = None
    """Which part of the frame it sees; null: the box of each thing. Not for a model that takes points."""
    track: Track | None = None
    """How things are followed from frame to frame, of the first model behind another; null: the model in front runs on
    each frame."""
    follow: str = ""
    """Instead of `crop` and `track`, for MediaPipe's networks: how they crop and follow "faces", "bodies" or "hands".
    `at_most` and `every_s` may stand behind a question mark: "hands?at_most=2"."""
    smooth: Smooth | None = None
    """How its points are smoothed over time; {} as it is by default; null: not at all. Needs `track`."""
    delegate: str | tuple[str, ...] = "auto"
    """Required when it is a name; a list is an order of fallback."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the model's task, instead of what the card says, such as {"threshold": 0.3}."""


def read_stages(content: list[Any], path: str, folder: Path) -> tuple[StageRecipe, ...]:
    """The stages of a stream.

    Args:
        path: of the list, for messages.
        folder: that paths are meant from.

    Raises:
        InputError: a value is missing, unknown or out of range; says which.
    """
    if not 1 <= len(content) <= MAX_STAGES:
        raise InputError(f"{path}: expected 1 to {MAX_STAGES} models, found {len(content)}")
    return tuple(_stage(each, f"{path}[{at}].", folder) for at, each in enumerate(content))


def _stage(content: Any, path: str, folder: Path) -> StageRecipe:
    values = values_of(content, StageRecipe, path)
    if not values["model"]:
        raise InputError(f"{path}model: expected the path of a model, found none")
    values["model"] = from_folder(folder, values["model"])
    if values.get("card", "").endswith(".json"):
        values["card"] = from_folder(folder, values["card"])
    if isinstance(values.get("delegate"), list):
        values["delegate"] = tuple(values["delegate"])
    if values.get("follow"):
        values |= _followed(values, path)
    if isinstance(values.get("crop"), dict):
        values["crop"] = _made(values["crop"], Crop, f"{path}crop")
    if "smooth" in values:
        values["smooth"] = _made(values["smooth"], Smooth, f"{path}smooth")
    if isinstance(values.get("track"), dict):
        values["track"] = _track(values["track"], f"{path}track")
    return StageRecipe(**values)


def _followed(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The crop and the track that a word stands for."""
    for key in ("crop", "track"):
        if values.get(key) is not None:
            raise InputError(f"{path}follow: expected no {key!r} beside it, which it stands for, found one")
    try:
        crop, track = followed(values["follow"])
    except InputError as error:
        raise InputError(f"{path}{error}") from error
    return {"crop": crop, "track": track}


def _track(content: dict[str, Any], path: str) -> Track:
    parts = dict(content)
    for key, kind in (("next", Crop), ("smooth", Smooth)):
        if parts.get(key) is not None:
            parts[key] = _made(parts[key], kind, f"{path}.{key}")
    return _made(parts, Track, path)


def _made(content: Any, kind: type[T], path: str) -> T:
    """A value out of its keys, which it checks itself.

    Raises:
        InputError: it is no object, has a key that is not known, lacks one, or a value is out of range.
    """
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object, found {type(content).__name__}")
    known = {each.name: each.default for each in fields(kind)}  # type: ignore[arg-type]
    for key in content:
        if key not in known:
            raise InputError(
                f"{path}.{shown_address(key)}: is not known. Expected {', '.join(known)}{hint(key, known)}"
            )
    for key, default in known.items():
        if default is MISSING and content.get(key) is None:
            raise InputError(f"{path}.{key}: expected a value, found none")
    try:
        return kind(**content)
    except InputError as error:
        said = str(error).removeprefix(f"{kind.__name__}.")
        raise InputError(f"{path}{'.' if said != str(error) else ': '}{said}") from error
