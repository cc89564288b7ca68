"""Numbers that a caller gives: checked where they are given, not where they are first used."""

from __future__ import annotations

from numbers import Integral, Real

from edgemm.errors import InputError


def amount(option: str, value: object, unit: str, *, zero: bool = False) -> float:
    """`value`, a number above 0; infinity is one.

    Args:
        option: what it is for, as the caller knows it: "max_age_ms".
        unit: "milliseconds", "seconds".
        zero: 0 is allowed too.

    Raises:
        InputError: no number, NaN, or too small.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, Real)
        or not (float(value) >= 0 if zero else float(value) > 0)
    ):
        raise InputError(
            f"{option}: expected a number of {unit}, {'0 or more' if zero else 'above 0'}; found {value!r}"
        )
    return float(value)


def count(option: str, value: object) -> int:
    """`value`, a whole number of 1 or more.

    Raises:
        InputError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise InputError(f"{option}: expected a whole number, 1 or more; found {value!r}")
    return int(value)
