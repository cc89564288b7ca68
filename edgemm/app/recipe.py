"""What an app file says: which models run on which sources, inside which budgets.

    {"schema": "edgemm.app/1",
     "streams": {
       "seen":  {"model": "digits.tflite", "source": "camera:0", "max_age_ms": 100, "on_late": "drop"},
       "heard": {"model": "keywords.tflite", "source": "microphone:"}}}

A source that several streams name is captured and decoded once, a model that several name is loaded once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edgemm.app.stage_recipe import StageRecipe, read_stages
from edgemm.app.values import from_folder, values_of
from edgemm.errors import InputError
from edgemm.redaction import shown_address, shown_fields
from edgemm.sinks.film import CODECS
from edgemm.sinks.record_recipe import RecordRecipe
from edgemm.sinks.speaker_name import is_speaker
from edgemm.sinks.wav import SUFFIX
from edgemm.sinks.when import When
from edgemm.strict_json import parse

SCHEMA = "edgemm.app/1"
MAX_BYTES = 1 << 20
MAX_STREAMS = 64


@dataclass(frozen=True, slots=True)
class StreamRecipe:
    """One model on one source."""

    model: str = ""
    """Path of a .tflite or .onnx file, or of a bundle, its .zip or its folder; relative paths are meant from the app
    file's folder. Empty: the filters alone, whose pictures are the results."""
    source: str = ""
    """Where pictures, sound or text come from, as `edgemm run --source` takes it: a path, camera:0, microphone:, rtsp://..."""
    card: str = ""
    """Of a file that carries none: the path of a card (.json), or the name of a preset."""
    before: str = ""
    """A stage of sound in front of the model: the path of a bundle that gives sound, such as one that removes noise."""
    live: bool = False
    """True to play a file in real time, as a device would."""
    max_age_ms: float | None = None
    """Milliseconds from capture that a result may be old; null: no limit."""
    policy: Literal["auto", "newest", "all"] = "auto"
    """Which pictures are computed when the model is slower than the source. newest: the newest, the others are dropped
    and counted. all: each. auto: newest for live pictures, else all. Sound is never dropped."""
    on_late: Literal["deliver", "drop"] = "deliver"
    """What is done with a picture whose result would be older than `max_age_ms`."""
    ahead: bool = False
    """Pictures of files, such as {"source": "film.mp4", "ahead": true}: the next one is read and decoded while the
    model runs, which takes a second core. It waits there for one run of the model, which counts as its age: of a small
    model, results come no sooner, and older. Refused for cameras and for all that is no picture."""
    delegate: str | tuple[str, ...] = "auto"
    """Required when it is a name; a list is an order of fallback."""
    wait: bool = True
    """A camera, microphone or network stream that is not there when the program starts is waited for, while the
    other streams run; what the source's own name says (`?wait=0`) comes first. False: it is an error. A file that
    is not there is an error anyway."""
    timeout_s: float | None = None
    """A source that has come, and gives nothing for so many seconds, ends the stream; None: it may be away for ever,
    though a watchdog of systemd's, where one is set, starts the program anew."""
    save: str | tuple[str, ...] = ()
    """Where pictures with their results drawn in are saved, a path or a list of them: a film (.mp4, .webm, .avi, .mkv)
    or a folder; relative paths are meant from the app file's folder. Where results that are sound are saved or played:
    a .wav file, a folder, "speaker:", "speaker:NAME". Empty: nowhere."""
    overwrite: bool = False
    """True: a film or WAV file of an earlier run is replaced. False: it stays, and the new one gets the next free name,
    such as out-2.mp4."""
    when: When | None = None
    """Which results of this stream are recorded; None: as the record says."""
    then: tuple[StageRecipe, ...] = ()
    """Models behind the first, which look closer at what it finds in a picture, in order: docs/chains.md."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the model's task, or of the bundle's driver, instead of what the card says, such as {"threshold": 0.3}:
    docs/cards.md says for each task which there are, docs/bundles.md for each driver."""
    filters: tuple[str, ...] = ()
    """What is done to pictures before the model sees them, in order, such as ["median?size=3", "clahe"]:
    docs/filters.md has the filters and their settings."""

    def __repr__(self) -> str:
        return shown_fields(self, "source")


@dataclass(frozen=True, slots=True)
class AppRecipe:
    """The whole file."""

    streams: Mapping[str, StreamRecipe]
    """Name of a stream -> what it is."""
    threads: int | None = None
    """Models at work at once; None: as many as there are processors."""
    record: RecordRecipe | None = None
    """File that results are appended to, one JSON object a line: its path, or an object with more; None: none."""
    name: str = ""
    """Of the app, repeated in each line of the record; the app file's name without .json where it is not given."""
    on_error: Literal["stop", "go-on"] = "stop"
    """When a stream fails, or its source cannot be opened. "stop": the others deliver what they have read, then the
    program ends, so that a supervisor starts it anew. "go-on": the others go on without it, as long as there are any.
    Either way the exit code tells of the first failure in the end. A mistake in the file itself, such as a wrong path
    or a model of sound on a camera, always ends the program before it begins."""


_OF_A_MODEL = ("card", "before", "delegate", "options", "then")
"""Keys that mean nothing without one."""


def read_app(path: str | Path) -> AppRecipe:
    """Reads an app file. Relative paths in it are meant from its own folder.

    Raises:
        InputError: it cannot be read, or a value is missing, unknown or out of range; says which.
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
        found = "it is missing" if schema is None else f"found {schema!r}"
        raise InputError(f'{path}: an app file is an object with "schema": "{SCHEMA}"; {found}')
    return _app(content, Path(path))


def _app(content: dict[str, Any], path: Path) -> AppRecipe:
    folder = path.parent
    values = {"name": path.stem, **values_of(content, AppRecipe, "")}
    streams: dict[str, Any] = values["streams"]
    if not 1 <= len(streams) <= MAX_STREAMS:
        raise InputError(f"streams: expected 1 to {MAX_STREAMS}, found {len(streams)}")
    values["streams"] = {name: _stream(each, name, folder) for name, each in streams.items()}
    _require_films_apart(values["streams"])
    if "record" in values:
        values["record"] = _record(values["record"], folder)
    return AppRecipe(**values)


def _require_films_apart(streams: Mapping[str, StreamRecipe]) -> None:
    """Refuses one film or WAV file for two streams; a folder they may share."""
    films: dict[str, str] = {}
    for name, stream in streams.items():
        for path in (stream.save,) if isinstance(stream.save, str) else stream.save:
            place = os.path.realpath(path)
            if is_speaker(path) or Path(path).suffix.lower() not in (*CODECS, SUFFIX):
                continue
            if place in films:
                raise InputError(
                    f"streams.{name}.save: {path} is saved to by stream {films[place]!r} already"
                )
            films[place] = name


def _record(content: str | dict[str, Any], folder: Path) -> RecordRecipe | None:
    if not content:
        return None
    values = values_of({"path": content} if isinstance(content, str) else content, RecordRecipe, "record.")
    values["path"] = from_folder(folder, values["path"])
    if "when" in values:
        values["when"] = _when(values["when"], "record.")
    recipe = RecordRecipe(**values)
    recipe.rotation()  # refuses what contradicts itself
    return recipe


def _when(content: dict[str, Any], path: str) -> When:
    values = values_of(content, When, f"{path}when.")
    if isinstance(values.get("label"), list):
        values["label"] = tuple(values["label"])
    try:
        return When(**values)
    except InputError as error:
        raise InputError(f"{path}{error}") from error


def _stream(content: Any, name: str, folder: Path) -> StreamRecipe:
    from edgemm.capture.uri import parse_uri

    if not name:
        raise InputError("streams: expected a name for each, found an empty one")
    values = values_of(content, StreamRecipe, f"streams.{shown_address(name)}.")
    if not values.get("source"):
        raise InputError(f"streams.{shown_address(name)}.source: expected a value, found none")
    if not (values.get("model") or values.get("filters")):
        raise InputError(f"streams.{shown_address(name)}.model: expected a value, or filters, found none")
    if values.get("model"):
        values["model"] = from_folder(folder, values["model"])
    elif wrong := [key for key in _OF_A_MODEL if values.get(key)]:
        raise InputError(f"streams.{shown_address(name)}.{wrong[0]}: expected a model beside it, found none")
    if values.get("card", "").endswith(".json"):
        values["card"] = from_folder(folder, values["card"])
    if values.get("before"):
        values["before"] = from_folder(folder, values["before"])
    if not parse_uri(values["source"]).scheme and not values["source"].startswith("file:"):
        values["source"] = from_folder(folder, values["source"])
    if "save" in values:
        named = [values["save"]] if isinstance(values["save"], str) else values["save"]
        if not all(named):
            raise InputError(f"streams.{shown_address(name)}.save: expected a path, found an empty one")
        values["save"] = tuple(each if is_speaker(each) else from_folder(folder, each) for each in named)
    if "then" in values:
        values["then"] = read_stages(values["then"], f"streams.{shown_address(name)}.then", folder)
    if "filters" in values:
        values["filters"] = tuple(values["filters"])
    if isinstance(values.get("delegate"), list):
        values["delegate"] = tuple(values["delegate"])
    if "when" in values:
        values["when"] = _when(values["when"], f"streams.{name}.")
    return StreamRecipe(**values)
