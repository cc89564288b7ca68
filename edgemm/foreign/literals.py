"""Python literals that somebody else wrote into a file: read, never run, and bounded.

`ast.literal_eval` runs nothing, but deep or long nests exhaust the stack of the parser before it. So the text is
looked at first: brackets, texts, numbers, commas and colons, and no deeper than a table of names is.
"""

from __future__ import annotations

import ast
import re
from typing import Any

MAX_CHARACTERS = 1 << 20
MAX_DEPTH = 6
"""Lists and dictionaries inside each other."""
MAX_TOKENS = 400_000

_ESCAPE = r"\\(?:[\\'\"nrt]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4})"
_TOKEN = re.compile(
    rf"\s*(?:(?P<open>[\[({{])|(?P<close>[\])}}])|(?P<between>[,:])|(?P<value>'(?:[^'\\\n]|{_ESCAPE})*'"
    rf'|"(?:[^"\\\n]|{_ESCAPE})*"|-?\d{{1,20}}(?:\.\d{{0,20}})?(?:[eE][+-]?\d{{1,3}})?|True|False|None))\s*'
)


def literal(text: str) -> Any:
    """What a literal stands for: dictionaries, lists, tuples, texts, numbers, True, False, None.

    Raises:
        ValueError: it is anything else, or too long or too deep.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{len(text)} characters; at most {MAX_CHARACTERS} are read")
    _check(text)
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"not a Python literal ({error})") from error


def _check(text: str) -> None:
    """That each value and bracket follows where one may stand."""
    at, depth, expected = 0, 0, True
    for _ in range(MAX_TOKENS):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"no part of a literal at character {at}")
        if found["open"] or found["value"]:
            if not expected:
                raise ValueError(f"no comma before character {at}")
            depth += found["open"] is not None
            expected = found["open"] is not None
        elif found["close"]:
            depth -= 1
            expected = False
        else:
            expected = True
        if not 0 <= depth <= MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} lists inside each other, or a bracket too many")
        at = found.end()
        if at == len(text):
            return
    raise ValueError(f"more than {MAX_TOKENS} parts")
