"""Lines of JSON objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from edgemm.errors import InputError


def read_objects(content: str, where: object) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Number of the line, counted from 1, and its object; empty lines are passed over.

    Args:
        where: the file's name, for messages.

    Raises:
        InputError: a line is no JSON object.
    """
    for at, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}, line {at}: expected a JSON object ({error})") from error
        if not isinstance(row, dict):
            raise InputError(f"{where}, line {at}: expected a JSON object, found {type(row).__name__}")
        yield at, row
