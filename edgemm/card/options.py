"""What a user turns at run time: fields of the task's recipe, such as a threshold, for this load or this stream."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgemm.card.model_card import ModelCard
from edgemm.card.reader import read_field
from edgemm.card.tasks import find_task
from edgemm.choices import hint
from edgemm.errors import CardError, InputError
from edgemm.frozen import replace

_ARGUMENTS = ("threads", "delegate", "card", "budget", "timeout_s")
"""Of `load` and `stream` themselves, for hints."""
_OF_MANY = ("threshold", "classes", "max_detections")
"""Options that many models have: who gives one means it, and no word like it."""


def from_words(words: Sequence[str]) -> dict[str, Any]:
    """Options as a command line gives them: `threshold=0.3`, `classes=person,dog`.

    Raises:
        InputError: no `=` in one.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name and equals):
            raise InputError(f"option {word[:80]!r}: expected NAME=VALUE, such as threshold=0.3")
        name = name.replace("-", "_")
        if name in found:
            raise InputError(f"option {name}: it is given twice. Give it once")
        found[name] = _value(text)
    return found


def _value(text: str) -> Any:
    """A value as JSON has it, or a number as people write it, such as .2; else text."""
    for read in (json.loads, float):
        try:
            value = read(text)
        except ValueError:
            continue
        return text if isinstance(value, float) and not math.isfinite(value) else value
    return text


def with_options(card: ModelCard, options: Mapping[str, Any]) -> ModelCard:
    """The card with these fields of its recipe changed.

    Args:
        card: with a task.
        options: name -> value, of those that the task's recipe lists in OPTIONS. A list may be a tuple, one text, or
            several with commas between.

    Raises:
        InputError: the task has no such option, or the value is of another type or out of bounds.
    """
    if not options:
        return card
    task = find_task(card.task)
    if task is None:
        raise InputError(f"options {', '.join(options)}: a model for {card.task} has none in this version")
    recipe = task.Recipe() if card.recipe is None else card.recipe
    return card.with_(recipe=with_changes(recipe, options, f"a model for {card.task}"))


def with_changes(recipe: Any, options: Mapping[str, Any], of: str) -> Any:
    """The recipe with these of its fields changed, of those in its OPTIONS; see `with_options`.

    Args:
        of: whose options they are, for messages: "a model for detection".

    Raises:
        InputError: there is no such option, or the value is of another type or out of bounds.
    """
    kind = type(recipe)
    names: tuple[str, ...] = kind.OPTIONS
    changes = {}
    for name, value in options.items():
        if name not in names:
            known = f"expected one of {', '.join(names)}" if names else "it has none"
            near = "" if name in _OF_MANY else hint(name, (*names, *_ARGUMENTS))
            raise InputError(f"option {name!r} of {of}: {known}{near}")
        try:
            changes[name] = read_field(_plain(value, kind, name), kind, name, f"option {name}")
        except CardError as error:
            raise InputError(str(error)) from error
    changed = replace(recipe, **changes)
    try:
        changed.check()
    except CardError as error:
        raise InputError(f"option {error}") from error
    return changed


def _plain(value: Any, kind: Any, name: str) -> Any:
    """As JSON has it: a list where the field is one, and Python's numbers for NumPy's."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, tuple | list | set | frozenset):
        return list(value)
    from dataclasses import fields

    is_list = isinstance(next(each.default for each in fields(kind) if each.name == name), tuple)
    if is_list and isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        if not all(parts):
            raise InputError(f"option {name}: expected names with commas between, found {value[:80]!r}")
        return parts
    if is_list and isinstance(value, int | float) and not isinstance(value, bool):
        return [str(value)]
    return value
