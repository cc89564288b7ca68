"""What each key of a card or an app file is: type, unit, default, allowed values, meaning.

Read from the dataclasses themselves, with the docstring under each field: docs/cards.md and the help of
`edgemm card new` are made of it.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from edgemm.card.drivers import DRIVERS, driver_names, find_driver
from edgemm.card.reader import BESIDE
from edgemm.card.tasks import TASKS, find_task, task_names

_UNITS = {"_ms": "milliseconds", "_s": "seconds", "_mb": "10^6 bytes", "_hours": "hours"}
"""How the name of a key ends -> its unit."""
_UNIT_WORDS = ("Hertz", "Samples", "Seconds", "Milliseconds", "Pixels", "Decibels")
"""A docstring that begins with one of these says the unit."""
_TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false", dict: "object"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a JSON object."""

    name: str
    type: str
    """In JSON's terms: "text", "list of numbers"."""
    unit: str
    """"" where there is none."""
    default: str
    """As JSON; "required" where a value must be given."""
    allowed: str
    """"" where any value of the type is."""
    meaning: str


def keys(kind: type) -> tuple[Key, ...]:
    """All keys of the object that a dataclass stands for, in its order."""
    hints, meanings = get_type_hints(kind), explanations(kind)
    return tuple(
        _key(kind, each, hints[each.name], meanings.get(each.name, ""))
        for each in fields(kind)
        if each.name not in BESIDE
    )


def recipes() -> dict[str, type]:
    """Task -> the dataclass of its section in a card, of those that have keys."""
    found = {name: _recipe(name) for name in TASKS}
    return {name: kind for name, kind in found.items() if keys(kind)}


def drivers() -> dict[str, Any]:
    """Name -> the driver, of ours; its settings are `Recipe`."""
    return {name: find_driver(name) for name in DRIVERS}


def _recipe(task: str) -> type:
    task_type = find_task(task)
    assert task_type is not None, task
    recipe: type = task_type.Recipe
    return recipe


def objects(kind: type) -> tuple[type, ...]:
    """The dataclass, and all that stand inside it, each once, in the order of a reader."""
    found: list[type] = [kind]
    for each in found:
        hints = get_type_hints(each)
        parts = [part for name in hints for part in _parts(hints[name])]
        inner = [part for part in parts if isinstance(part, type) and is_dataclass(part)]
        found.extend(part for part in dict.fromkeys(inner) if part not in found)
    return tuple(found)


@cache
def explanations(kind: type) -> Mapping[str, str]:
    """Field -> the docstring under it, as one line; of a field that is inherited, the one where it is written."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    found: dict[str, str] = {}
    for base in reversed(kind.__bases__):
        if is_dataclass(base):
            found |= explanations(base)
    name = ""
    for statement in body.body if isinstance(body, ast.ClassDef) else []:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            continue
        if name and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            found[name] = _as_json(" ".join(str(statement.value.value).split()))
        name = ""
    return found


def _as_json(text: str) -> str:
    """Python's names of values in JSON's words."""
    for python, name in (("None", "null"), ("True", "true"), ("False", "false")):
        text = re.sub(rf"\b{python}\b", name, text)
    return text


def _key(kind: type, field: Field[Any], hint: Any, meaning: str) -> Key:
    return Key(
        field.name,
        _type(hint),
        _unit(field.name, meaning),
        _default(field),
        _allowed(kind, field.name, hint),
        meaning,
    )


def _unit(name: str, meaning: str) -> str:
    ends = [unit for ending, unit in _UNITS.items() if name.endswith(ending)]
    begins = [word.lower() for word in _UNIT_WORDS if meaning.startswith(word)]
    return (ends or begins or [""])[0]


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return _json(field.default)
    return "required" if field.default_factory is MISSING else _json(field.default_factory())


def _json(value: Any) -> str:
    if isinstance(value, float) and value == 1.0 / 255.0:
        return "1/255"
    if is_dataclass(value):
        return "{}"  # an object whose keys all have their defaults
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _type(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join("null" if each is NoneType else _type(each) for each in arguments)
    if origin is Literal:
        return "text"
    if origin is tuple:
        inner = _type(arguments[0])
        return f"list, each {inner}" if " or " in inner else f"list of {inner}s"
    if is_dataclass(hint):
        return "object"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "object of objects" if any(map(is_dataclass, arguments)) else "object"
    return _TYPES.get(hint, "any")


def _allowed(kind: type, name: str, hint: Any) -> str:
    choices = [part for each in _parts(hint, whole=True) for part in _choices(each)]
    if choices:
        return ", ".join(json.dumps(each) for each in choices)
    if name == "task" and hasattr(kind, "recipe"):
        return ", ".join(json.dumps(each) for each in task_names())
    if name == "driver" and hasattr(kind, "recipe"):
        return ", ".join(json.dumps(each) for each in driver_names())
    bounds = getattr(kind, "BOUNDS", {}).get(name)
    if bounds is not None:
        return f"{bounds[0]:.12g} to {bounds[1]:.12g}"
    return ""


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


def _parts(hint: Any, *, whole: bool = False) -> Iterator[Any]:
    """The types that a hint is made of.

    Args:
        whole: unions alone are taken apart.
    """
    unions = get_origin(hint) in (Union, UnionType)
    inner = get_args(hint) if unions or (not whole and get_origin(hint) is not Literal) else ()
    if not inner:
        yield hint
    for each in inner:
        yield from _parts(each, whole=whole)
