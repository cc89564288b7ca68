"""Numbers that a function of the caller's gives."""

from __future__ import annotations

import math

from edgemm.errors import InputError


def as_number(value: object) -> float | None:
    """A number, also of NumPy or torch, as a float; None where it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return None


def reading(found: object, expected: str, *, above: float = -math.inf) -> float:
    """A number, also of NumPy or torch, as a float.

    Args:
        expected: what it should be, for the message.
        above: it is larger than this.

    Raises:
        InputError: it is none, or not finite, or too small.
    """
    number = as_number(found)
    if number is None or not (math.isfinite(number) and number > above):
        raise InputError(f"{expected}, found {found!r}")
    return number
