"""JSON from a file that anybody may have written, bounded, finite, each key once, and text that is text; and lines.

Python's own reader takes NaN, 1e999 as infinity, a key twice, half a surrogate pair, and numbers of any
length; each of them fails later, or means one thing here and another in the next program.
"""

from __future__ import annotations

import json
import math
import re
from codecs import BOM_UTF8
from collections import Counter
from typing import Any, NoReturn

MAX_DEPTH = 32
"""Lists and objects inside each other."""
MAX_DIGITS = 40
"""Of a whole number."""

_NO_TEXT = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]"
"""Control characters, which a terminal may obey, and halves of characters, which cannot be written."""


def parse(text: str | bytes, limit: int) -> Any:
    """The value that `text` holds.

    Args:
        limit: bytes of a text that is not looked at any more.

    Raises:
        ValueError: it is no JSON within these rules; says which and where.
    """
    if len(text) > limit:
        raise ValueError(f"{len(text)} bytes; at most {limit} are read")
    try:
        value = json.loads(
            text.removeprefix(BOM_UTF8).decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_each_key_once,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_no_number,
        )
    except RecursionError as error:
        raise ValueError(f"more than {MAX_DEPTH} lists and objects inside each other") from error
    _check(value)
    return value


def line(content: Any) -> str:
    """One line of JSON that every reader takes: a number that is none becomes null, and what is no character in a
    name of a file, the sign for that."""
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite_parts(content), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _finite_parts(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite_parts(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite_parts(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        from edgemm.redaction import shown_address, without_secrets

        raise ValueError(f"the key {without_secrets(shown_address(twice))[:80]!r} twice in one object")
    return made


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits; at most {MAX_DIGITS} are read")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is too large for a number")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _check(value: Any) -> None:
    """Depth and text, without recursion."""
    left = [(value, 0)]
    while left:
        each, depth = left.pop()
        if isinstance(each, str):
            _check_text(each)
        elif isinstance(each, list | dict):
            if depth == MAX_DEPTH:
                raise ValueError(f"more than {MAX_DEPTH} lists and objects inside each other")
            if isinstance(each, dict):
                left.extend((key, depth) for key in each)
            left.extend((inner, depth + 1) for inner in (each.values() if isinstance(each, dict) else each))


def _check_text(text: str) -> None:
    found = None if text.isprintable() else re.search(_NO_TEXT, text)
    if found:
        from edgemm.redaction import shown_address, without_secrets

        shown = without_secrets(shown_address(text))[:40]
        raise ValueError(f"a text with the control character {found.group()!r}: {shown!r}")
