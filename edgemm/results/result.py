"""What all results are."""

from __future__ import annotations

from typing import Any

import numpy as np


def jsonable(value: Any) -> Any:
    """Plain JSON values of a field."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [jsonable(item) for item in value]
    from dataclasses import fields, is_dataclass

    if is_dataclass(value):
        return {each.name: jsonable(getattr(value, each.name)) for each in fields(value)}
    return value


class Result:
    """Base of every result: gives `to_json()`."""

    __slots__ = ()

    @property
    def final(self) -> bool:
        """False for a result that a later one replaces."""
        return True

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values, one key per field."""
        from dataclasses import fields

        return {f.name: jsonable(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]
