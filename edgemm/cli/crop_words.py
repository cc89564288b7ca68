"""A crop as a command line gives it: `box?margin=1.5&square=true`."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any
from urllib.parse import unquote

from edgemm.card.options import from_words
from edgemm.chain.crop import Crop
from edgemm.choices import hint
from edgemm.errors import InputError

_LISTS = ("of", "turn", "shift", "classes")


def read_crop(text: str, option: str) -> Crop:
    """A crop from `BY` or `BY?KEY=VALUE&KEY=VALUE`; lists are JSON, or values with commas between.

    Args:
        text: as it was given.
        option: of the command line, for messages.

    Raises:
        InputError: no such key, or a value that does not fit; says which.
    """
    by, question, settings = text.partition("?")
    words = [unquote(each) for each in settings.split("&")] if question and settings else []
    try:
        values = from_words(words)
        known = [each.name for each in fields(Crop) if each.name != "by"]
        for key in values:
            if key not in known:
                raise InputError(f"{key}: is not known. Expected {', '.join(known)}{hint(key, known)}")
        return Crop(by, **{key: _listed(key, value) for key, value in values.items()})  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{option}: {str(error).removeprefix('Crop.')}") from error


def _listed(key: str, value: Any) -> Any:
    """A list where the key takes one: "0,1" is two numbers, "face" one label."""
    if key not in _LISTS or isinstance(value, list):
        return value
    return [_value(each.strip()) if key != "classes" else each.strip() for each in str(value).split(",")]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
