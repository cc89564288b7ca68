"""Reads a card from JSON: every value checked against the type and the bounds of its field.

A card comes from a file that anybody may have written, so nothing in it is believed: sizes are
bounded, numbers are finite, and an error names the key, what was expected and what was found.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import edgemm
from edgemm.card import MAX_CARD_BYTES, SCHEMA, InputCard, ModelCard, OutputCard
from edgemm.errors import CardError, UnsupportedVersion

MAX_LIST = 100_000
"""Entries in one list: labels."""
MAX_TEXT = 1 << 16
"""Characters in one string."""
MAX_INT = 1 << 31

BOUNDS: dict[str, tuple[float, float]] = {
    "shape": (1, 1 << 24),
    "top_k": (1, 10_000),
    "pad_value": (0, 255),
    "resize_short": (0, 1 << 14),
    "threshold": (0, 1),
    "smooth_windows": (1, 10_000),
    "refractory_s": (0, 3600),
    "sample_rate": (1, 1_000_000),
    "version": (0, 1 << 16),
    "window": (1, 1 << 16),
    "hop": (1, 1 << 16),
    "n_fft": (2, 1 << 16),
    "n_mels": (1, 1 << 14),
    "fmin": (0, 1_000_000),
    "fmax": (0, 1_000_000),
    "power": (0.1, 10),
    "log_offset": (1e-30, 1e6),
    "frames": (0, 1 << 20),
    "samples": (0, 1 << 24),
    "stride": (1, 1 << 24),
}
"""Key -> smallest and largest number: what is outside makes no sense, or would ask for absurd memory."""
MAX_RANK = 8
MAX_ELEMENTS = 1 << 28
"""Of one input or output."""


def read(text: str | bytes) -> ModelCard:
    """The card that `text` holds; see `ModelCard.from_json`."""
    if len(text) > MAX_CARD_BYTES:
        raise CardError(f"the card is {len(text)} bytes long; at most {MAX_CARD_BYTES} are read")
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        content = json.loads(decoded, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CardError(f"the card is not readable JSON ({error}); expected one object") from error
    if not isinstance(content, dict):
        raise CardError(f"the card is {_kind(content)}; expected one JSON object")
    _check_versions(content)
    content.pop("schema", None)
    card: ModelCard = _object(content, ModelCard, "card")
    _check_shapes(card)
    return card


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _check_versions(content: dict[str, Any]) -> None:
    schema = content.get("schema", SCHEMA)
    family, _, major = SCHEMA.partition("/")
    if not isinstance(schema, str) or not schema.startswith(family + "/"):
        raise CardError(f'card.schema: expected "{SCHEMA}", found {str(schema)[:80]!r}')
    if schema.partition("/")[2] != major:
        raise UnsupportedVersion(
            f"the card is {schema[:80]}, this edgemm reads {SCHEMA}: install a newer edgemm"
        )
    needed = content.get("min_edgemm") or "0"
    if _numbers(needed) > _numbers(edgemm.__version__):
        raise UnsupportedVersion(
            f"the model needs edgemm {str(needed)[:40]} or newer, this is {edgemm.__version__}: "
            "pip install --upgrade edgemm"
        )


def _numbers(version: Any) -> tuple[int, ...]:
    parts = str(version)[:40].split(".") if isinstance(version, str) else [""]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise CardError(f'card.min_edgemm: expected a version such as "0.1.0", found {str(version)[:40]!r}')
    return tuple(int(part) for part in parts)


@cache
def _types(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _object(content: Any, kind: Any, path: str) -> Any:
    """A dataclass from a dictionary; keys that it does not know go into its `extra`."""
    if not isinstance(content, dict):
        raise CardError(f"{path}: expected an object, found {_kind(content)}")
    known = {f.name for f in fields(kind)} - {"extra"}
    values = {
        key: _value(value, _types(kind)[key], f"{path}.{key}", key)
        for key, value in content.items()
        if key in known
    }
    extra = {key: value for key, value in content.items() if key not in known}
    try:
        return kind(**values, extra=extra)
    except TypeError as error:  # a field without a default is missing
        needed = ", ".join(sorted(known - set(values)))
        raise CardError(f"{path}: expected also {needed}") from error


def _value(value: Any, hint: Any, path: str, key: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        if value is None and NoneType in arguments:
            return None
        return _value(value, next(each for each in arguments if each is not NoneType), path, key)
    if origin is Literal:
        if value not in arguments or not isinstance(value, str):
            raise CardError(
                f"{path}: expected one of {', '.join(map(repr, arguments))}, found {_kind(value)}"
            )
        return value
    if origin is tuple:
        return _list(value, arguments[0], path, key)
    if origin is dict:
        if not isinstance(value, dict):
            raise CardError(f"{path}: expected an object, found {_kind(value)}")
        return value
    if is_dataclass(hint):
        return _object(value, hint, path)
    return _scalar(value, hint, path, key)


def _list(value: Any, hint: Any, path: str, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise CardError(f"{path}: expected a list, found {_kind(value)}")
    if len(value) > MAX_LIST:
        raise CardError(f"{path}: {len(value)} entries; at most {MAX_LIST} are read")
    return tuple(_value(each, hint, f"{path}[{index}]", key) for index, each in enumerate(value))


def _scalar(value: Any, hint: Any, path: str, key: str) -> Any:
    if hint is str:
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise CardError(f"{path}: expected text of at most {MAX_TEXT} characters, found {_kind(value)}")
        return value
    if hint is bool:
        if not isinstance(value, bool):
            raise CardError(f"{path}: expected true or false, found {_kind(value)}")
        return value
    allowed = int if hint is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise CardError(
            f"{path}: expected {'a whole number' if hint is int else 'a number'}, found {_kind(value)}"
        )
    return _number(value, hint, path, key)


def _number(value: float, hint: Any, path: str, key: str) -> float:
    low, high = BOUNDS.get(key, (-MAX_INT, MAX_INT) if hint is int else (-1e30, 1e30))
    if not low <= value <= high or not math.isfinite(value):
        raise CardError(f"{path}: expected {low:g} to {high:g}, found {_kind(value)}")
    if key == "std" and value == 0:
        raise CardError(f"{path}: expected a number other than 0, by which is divided")
    return int(value) if hint is int else float(value)


def _check_shapes(card: ModelCard) -> None:
    groups: dict[str, tuple[InputCard | OutputCard, ...]] = {"inputs": card.inputs, "outputs": card.outputs}
    for what, entries in groups.items():
        for index, entry in enumerate(entries):
            if len(entry.shape) > MAX_RANK or math.prod(entry.shape) > MAX_ELEMENTS:
                raise CardError(
                    f"card.{what}[{index}].shape: expected at most {MAX_RANK} dimensions and {MAX_ELEMENTS} "
                    f"elements, found {list(entry.shape)[:MAX_RANK]}"
                )


def _kind(value: Any) -> str:
    """A value for a message: short, whatever it is."""
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'JSON object'} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "a number of many digits"
    return repr(value)[:80]
