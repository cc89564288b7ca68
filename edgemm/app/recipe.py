"""What an app file says: which models run on which sources, inside which budgets.

    {"schema": "edgemm.app/1",
     "streams": {
       "seen":  {"model": "digits.tflite", "source": "camera:0", "max_age_ms": 100, "on_late": "drop"},
       "heard": {"model": "keywords.tflite", "source": "microphone:"}}}

A source that several streams name is captured and decoded once, a model that several name is loaded once.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from edgemm.errors import InputError
from edgemm.strict_json import parse

SCHEMA = "edgemm.app/1"
MAX_BYTES = 1 << 20
MAX_STREAMS = 64


@dataclass(frozen=True, slots=True)
class StreamRecipe:
    """One model on one source."""

    model: str
    """Path of a .tflite or .onnx file; relative paths are meant from the app file's folder."""
    source: str
    """Where pictures or sound come from, as `edgemm run --source` takes it: a path, camera:0, microphone:, rtsp://..."""
    card: str = ""
    """Of a file that carries none: the path of a card (.json), or the name of a preset."""
    live: bool = False
    """True to play a file in real time, as a device would."""
    max_age_ms: float | None = None
    """Milliseconds from capture that a result may be old; null: no limit."""
    policy: Literal["auto", "newest", "all"] = "auto"
    """Which pictures are computed when the model is slower than the source. newest: the newest, the others are dropped
    and counted. all: each. auto: newest for live pictures, else all. Sound is never dropped."""
    on_late: Literal["deliver", "drop"] = "deliver"
    """What is done with a picture whose result would be older than `max_age_ms`."""
    delegate: str | tuple[str, ...] = "auto"
    """Required when it is a name; a list is an order of fallback."""
    timeout_s: float | None = None
    """A source that gives nothing for so long ends the stream; None: it may be away for ever, though a watchdog
    of systemd's, where one is set, starts the program anew."""


@dataclass(frozen=True, slots=True)
class AppRecipe:
    """The whole file."""

    streams: Mapping[str, StreamRecipe]
    """Name of a stream -> what it is."""
    threads: int | None = None
    """Models at work at once; None: as many as there are processors."""
    record: str = ""
    """File that every result is appended to, one JSON object a line; "" for none."""
    on_error: Literal["stop", "go-on"] = "stop"
    """When a stream fails: stop all, so that a supervisor starts the program anew, or go on without it."""


_CHOICES = {
    "policy": ("auto", "newest", "all"),
    "on_late": ("deliver", "drop"),
    "on_error": ("stop", "go-on"),
}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "live": (bool,),
    "max_age_ms": (int, float),
    "timeout_s": (int, float),
    "threads": (int,),
    "delegate": (str, list),
    "streams": (dict,),
}
"""Key -> what JSON gives for it; text where nothing is said."""
_POSITIVE = ("max_age_ms", "timeout_s", "threads")


def read_app(path: str | Path) -> AppRecipe:
    """Reads an app file. Relative paths in it are meant from its own folder.

    Raises:
        InputError: it cannot be read, or a key makes no sense; says which.
    """
    try:
        with open(path, "rb") as file:
            content = parse(file.read(MAX_BYTES + 1), MAX_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not readable JSON: {error}. Expected one object, as UTF-8") from error
    schema = content.pop("schema", None) if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise InputError(f'{path}: expected an object with "schema": "{SCHEMA}", found {schema!r}')
    return _app(content, Path(path).parent)


def _app(content: dict[str, Any], folder: Path) -> AppRecipe:
    values = _values(content, AppRecipe, "")
    streams: dict[str, Any] = values["streams"]
    if not 1 <= len(streams) <= MAX_STREAMS:
        raise InputError(f"streams: expected 1 to {MAX_STREAMS}, found {len(streams)}")
    values["streams"] = {name: _stream(each, name, folder) for name, each in streams.items()}
    if values.get("record"):
        values["record"] = _from(folder, values["record"])
    return AppRecipe(**values)


def _stream(content: Any, name: str, folder: Path) -> StreamRecipe:
    from edgemm.capture.uri import parse_uri

    if not name:
        raise InputError("streams: expected a name for each, found an empty one")
    values = _values(content, StreamRecipe, f"streams.{name}.")
    values["model"] = _from(folder, values["model"])
    if values.get("card", "").endswith(".json"):
        values["card"] = _from(folder, values["card"])
    if not parse_uri(values["source"]).scheme and not values["source"].startswith("file:"):
        values["source"] = _from(folder, values["source"])
    if isinstance(values.get("delegate"), list):
        values["delegate"] = tuple(values["delegate"])
    return StreamRecipe(**values)


def _from(folder: Path, path: str) -> str:
    return os.path.join(folder, os.path.expanduser(path))


def _values(content: Any, kind: type, path: str) -> dict[str, Any]:
    """The keys of an object, each checked, none missing and none unknown."""
    if not isinstance(content, dict):
        raise InputError(f"{path.rstrip('.')}: expected an object, found {type(content).__name__}")
    known = {each.name: each.default for each in fields(kind)}
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"{path}{key}: is not known. Expected {', '.join(known)}{hint}")
    missing = [key for key, default in known.items() if default is MISSING and key not in content]
    if missing:
        raise InputError(f"{path}{missing[0]}: expected a value, found none")
    return {key: _checked(key, value, path) for key, value in content.items() if value is not None}


def _checked(key: str, value: Any, path: str) -> Any:
    if key in _CHOICES and value not in _CHOICES[key]:
        raise InputError(f"{path}{key}: expected one of {', '.join(_CHOICES[key])}, found {value!r}")
    kinds = _KINDS.get(key, (str,))
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise InputError(f"{path}{key}: expected {expected}, found {value!r}")
    if isinstance(value, list) and not (value and all(isinstance(each, str) for each in value)):
        raise InputError(f"{path}{key}: expected a list of names, found {value!r}")
    if key in _POSITIVE and isinstance(value, int | float) and not value > 0:
        raise InputError(f"{path}{key}: expected more than 0, found {value!r}")
    return value
