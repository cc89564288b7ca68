"""Reads a card from JSON: every value checked against the type and the bounds of its field.

Generic over the dataclasses of cards and recipes: a new field there is read here without another line. An
error names the key, what was expected and what was found.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from edgemm.card.rules import bounds
from edgemm.errors import CardError, UnsupportedVersion
from edgemm.frozen import field_names, required_names
from edgemm.strict_json import parse
from edgemm.version import __version__

SCHEMA = "edgemm.card/1"
MAX_CARD_BYTES = 4 << 20
"""A card larger than this (4 MiB) is refused unread: 50,000 labels take 1 to 2."""
MAX_LIST = 100_000
"""Entries in one list: labels."""
MAX_TEXT = 1 << 16
"""Characters in one text."""
BESIDE = ("extra", "recipe", "files")
"""Fields that are no keys of an object: unknown keys, the section of the task, files beside the card."""
MAX_FREE = 1 << 18
"""Characters, as JSON, of what is kept as it is: the unknown keys of one object, or a section of any content."""


def read(text: str | bytes, schema: str = SCHEMA) -> dict[str, Any]:
    """The object that `text` holds, its `schema` and `min_edgemm` checked, without the key `schema`.

    Args:
        schema: the one that is read here; a card may leave it out.

    Raises:
        CardError, UnsupportedVersion: see `ModelCard.from_json`.
    """
    noun = schema.partition("/")[0].rpartition(".")[2]
    try:
        content = parse(text, MAX_CARD_BYTES)
    except ValueError as error:
        raise CardError(f"the {noun} is not readable JSON: {error}. Expected one object, as UTF-8") from error
    if not isinstance(content, dict):
        raise CardError(f"the {noun} is {_told(content)}; expected one JSON object")
    _check_versions(content, schema, noun)
    content.pop("schema", None)
    return content


def _check_versions(content: dict[str, Any], known: str, noun: str) -> None:
    schema = content.get("schema", known if noun == "card" else "none")
    if schema != known:
        _check_schema(schema, known, noun)
    needed = content.get("min_edgemm", "")
    if needed in ("", __version__):
        return
    if not isinstance(needed, str) or not re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,3}", needed):
        raise CardError(f'{noun}.min_edgemm: expected a version such as "0.1.0", found {_told(needed)}')
    if _numbers(needed) > _numbers(__version__):
        raise UnsupportedVersion(
            f"the model needs edgemm {needed} or newer, this is {__version__}: pip install --upgrade edgemm"
        )


def _check_schema(schema: Any, known: str, noun: str) -> None:
    matched = re.fullmatch(rf"edgemm\.{noun}/(\d{{1,9}})", schema) if isinstance(schema, str) else None
    if not matched:
        raise CardError(f'{noun}.schema: expected "{known}", found {_told(schema)}')
    if int(matched[1]) != int(known.rpartition("/")[2]):
        raise UnsupportedVersion(f"the {noun} is {schema}, this edgemm reads {known}: install a newer edgemm")


def _numbers(version: str) -> list[int]:
    """The release: [0, 1] of "0.1.0.dev3"."""
    release = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in release[0].split(".")] if release else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


_PLAIN: Mapping[Any, Any] = {each.__name__: each for each in (str, int, float, bool)}


@cache
def _type(kind: Any, key: str) -> Any:
    """Of one key. Not of all at once: a card says a few of those that there are."""
    of = next(each for each in kind.__mro__ if key in getattr(each, "__annotations__", ()))
    written = of.__annotations__[key]
    if written in _PLAIN:
        return _PLAIN[written]
    # `get_type_hints` takes twice as long, and a program waits for it at its start
    return eval(written, vars(sys.modules[of.__module__])) if isinstance(written, str) else written


def read_object(content: Any, kind: Any, path: str) -> Any:
    """A dataclass from a dictionary; keys that it does not know go into its `extra`.

    Raises:
        CardError: a value of another type, or out of the bounds of its field; says which key.
    """
    if not isinstance(content, dict):
        raise CardError(f"{path}: expected an object, found {_told(content)}")
    known = {name for name in field_names(kind) if name not in BESIDE}
    for name in required_names(kind):
        if name not in content:
            from edgemm.choices import near

            meant = near(name, [key for key in content if key not in known])
            found = (
                "none" if meant is None else f"none, but {meant!r}, which is no key. Did you mean {name!r}?"
            )
            raise CardError(f"{path}.{name}: expected a value, found {found}")
    values = {
        key: _value(value, _type(kind, key), f"{path}.{key}", (kind, key))
        for key, value in content.items()
        if key in known
    }
    extra = {key: value for key, value in content.items() if key not in known}
    return kind(**values, extra=_free(extra, f"{path}, keys that are not known"))


def _free(content: dict[str, Any], path: str) -> dict[str, Any]:
    """Of any content, and no more of it than `MAX_FREE`."""
    length = len(json.dumps(content, ensure_ascii=False)) if content else 0
    if length > MAX_FREE:
        raise CardError(f"{path}: expected at most {MAX_FREE} characters, found {length}")
    return content


Field = tuple[type, str]
"""The dataclass and the name of one of its fields."""


def read_field(value: Any, kind: Any, key: str, path: str) -> Any:
    """One field of a dataclass from a JSON value.

    Raises:
        CardError: of another type, or out of bounds.
    """
    return _value(value, _type(kind, key), path, (kind, key))


def _value(value: Any, wanted: Any, path: str, where: Field) -> Any:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (UnionType, Union):  # "... | None" is the only union in a card
        inner = next(each for each in arguments if each is not NoneType)
        return None if value is None else _value(value, inner, path, where)
    if origin is Literal:
        return _choice(value, arguments, path)
    if origin is tuple:
        return _list(value, arguments[0], path, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise CardError(f"{path}: expected an object, found {_told(value)}")
        return _free(value, path)
    if wanted is bool:
        return _yes_or_no(value, path)
    if wanted is str:
        return _text(value, path)
    if wanted in (int, float):
        return _number(value, path, where, whole=wanted is int)
    return read_object(value, wanted, path)


def _choice(value: Any, choices: tuple[str, ...], path: str) -> str:
    if not isinstance(value, str) or value not in choices:
        from edgemm.choices import hint

        expected = ", ".join(f'"{each}"' for each in choices)
        raise CardError(f"{path}: expected one of {expected}, found {_told(value)}{hint(value, choices)}")
    return value


def _yes_or_no(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise CardError(f"{path}: expected true or false, found {_told(value)}")
    return value


def _list(value: Any, wanted: Any, path: str, where: Field) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise CardError(f"{path}: expected a list, found {_told(value)}")
    if len(value) > MAX_LIST:
        raise CardError(f"{path}: expected at most {MAX_LIST} entries, found {len(value)}")
    if wanted is str and all(type(each) is str and len(each) <= MAX_TEXT for each in value):
        return tuple(value)  # at once: a card may have 50,000 labels
    return tuple(_value(each, wanted, f"{path}[{index}]", where) for index, each in enumerate(value))


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise CardError(f"{path}: expected a text of at most {MAX_TEXT} characters, found {_told(value)}")
    return value


def _number(value: Any, path: str, where: Field, *, whole: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise CardError(f"{path}: expected a {'whole ' if whole else ''}number, found {_told(value)}")
    low, high = bounds(*where, whole=whole)
    if not low <= value <= high:
        raise CardError(f"{path}: expected {low:g} to {high:g}, found {_told(value)}")
    return value if whole else float(value)


def _told(value: Any) -> str:
    """A value for a message: short, whatever it is."""
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'JSON object'} of {len(value)}"
    return f'"{value[:80]}"' if isinstance(value, str) else str(value)
