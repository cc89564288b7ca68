"""Values out of an app file, each checked: known, of the right type, in range."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.redaction import shown_address, shown_json

_CHOICES = {
    "policy": ("auto", "newest", "all"),
    "on_late": ("deliver", "drop"),
    "on_error": ("stop", "go-on"),
}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "live": (bool,),
    "wait": (bool,),
    "overwrite": (bool,),
    "max_age_ms": (int, float),
    "timeout_s": (int, float),
    "threads": (int,),
    "delegate": (str, list),
    "save": (str, list),
    "filters": (list,),
    "then": (list,),
    "crop": (dict,),
    "track": (dict,),
    "smooth": (dict,),
    "streams": (dict,),
    "record": (str, dict),
    "when": (dict,),
    "options": (dict,),
    "label": (str, list),
    "min_score": (int, float),
    "changed": (bool,),
    "ahead": (bool,),
    "every_s": (int, float),
    "rotate_mb": (int, float),
    "rotate_hours": (int, float),
    "keep_files": (int,),
    "max_mb": (int, float),
}
"""Key -> types that are allowed for its value; text for a key that is not here."""
_WORDS: Mapping[type, str] = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "an object",
}  # fmt: skip
"""JSON's words."""
_LISTS_OF_OBJECTS = ("then",)
_POSITIVE = ("max_age_ms", "timeout_s", "threads", "rotate_mb", "rotate_hours", "keep_files", "max_mb")


def from_folder(folder: Path, path: str) -> str:
    """A path that is meant from the app file's folder."""
    return os.path.join(folder, os.path.expanduser(path))


def values_of(content: Any, kind: type, path: str) -> dict[str, Any]:
    """The keys of an object, each checked, none missing and none unknown; what is null is left out.

    Args:
        content: what the file has.
        kind: the dataclass whose fields are the keys.
        path: of the object, for messages, with a dot behind it.

    Raises:
        InputError: it is no object, or a key or value is wrong; says which.
    """
    if not isinstance(content, dict):
        raise InputError(f"{path.rstrip('.')}: expected an object, found {type(content).__name__}")
    known = {each.name: _default(each) for each in fields(kind)}
    for key in content:
        if key not in known:
            raise InputError(
                f"{path}{shown_address(key)}: is not known. Expected {', '.join(known)}{hint(key, known)}"
            )
    missing = [key for key, default in known.items() if default is MISSING and key not in content]
    if missing:
        raise InputError(f"{path}{missing[0]}: expected a value, found none")
    return {key: _checked(key, value, path) for key, value in content.items() if value is not None}


def _default(key: Field[Any]) -> Any:
    """MISSING where a value must be given."""
    return key.default if key.default_factory is MISSING else None


def _checked(key: str, value: Any, path: str) -> Any:
    if key in _CHOICES and value not in _CHOICES[key]:
        raise InputError(
            f"{path}{key}: expected one of {', '.join(_CHOICES[key])}, found {shown_json(value)}"
            + hint(value, _CHOICES[key])
        )
    kinds = _KINDS.get(key, (str,))
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(_WORDS[kind] for kind in kinds)
        raise InputError(f"{path}{key}: expected {expected}, found {shown_json(value)}")
    if (
        isinstance(value, list)
        and key not in _LISTS_OF_OBJECTS
        and not ((value or key == "label") and all(isinstance(each, str) for each in value))
    ):
        raise InputError(f"{path}{key}: expected a list of names, found {shown_json(value)}")
    if key in _POSITIVE and isinstance(value, int | float) and not value > 0:
        raise InputError(f"{path}{key}: expected more than 0, found {value!r}")
    return value
