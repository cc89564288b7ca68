"""NaN and infinite values: right where source and file have the same one in the same place, else wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Finite:
    """The finite rest of two arrays, and what was not finite."""

    expected: Array
    """0 where either side is not finite."""
    found: Array
    natural: int = 0
    """Values that are the same infinity, or NaN, in source and file."""
    wrong: int = 0
    """Values that are not finite on one side alone, or differ in sign."""
    places: str = ""
    """What is wrong and where, in words; empty for nothing."""


def finite_part(expected: Array, found: Array) -> Finite:
    """Both arrays, of one shape, with what is not finite set to 0 on both sides."""
    if not all(array.dtype.kind == "f" for array in (expected, found)):
        return _real(expected, found)
    usable = np.isfinite(expected) & np.isfinite(found)
    if usable.all():
        return Finite(expected, found)
    wrong = wrongly_infinite(expected, found)
    count = int(wrong.sum())
    return Finite(
        np.where(usable, expected, 0),
        np.where(usable, found, 0),
        int((~usable).sum()) - count,
        count,
        _places(expected, found, wrong) if count else "",
    )


def _real(expected: Array, found: Array) -> Finite:
    """Integers and truth values, as real numbers."""
    pair = [array if array.dtype.kind == "f" else array.astype(np.float64) for array in (expected, found)]
    return finite_part(*pair)


def wrongly_infinite(expected: Array, found: Array) -> npt.NDArray[np.bool_]:
    """True where one side is not finite and the other is not the same."""
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    wrong: npt.NDArray[np.bool_] = ~same & ~(np.isfinite(expected) & np.isfinite(found))
    return wrong


def _places(expected: Array, found: Array, wrong: npt.NDArray[np.bool_]) -> str:
    """ "3 of 120 values are NaN or infinite where the source is finite (first in sample 0 at [0, 17])" """
    in_file = int((wrong & np.isfinite(expected)).sum())
    in_source = int((wrong & np.isfinite(found)).sum())
    groups = (
        (in_file, "NaN or infinite where the source is finite"),
        (in_source, "finite where the source is NaN or infinite"),
        (int(wrong.sum()) - in_file - in_source, "another infinity, or NaN, than in the source"),
    )
    sample, *index = np.argwhere(wrong)[0].tolist()
    told = ", ".join(f"{count} of {wrong.size} values are {what}" for count, what in groups if count)
    return f"{told} (first in sample {sample}" + (f" at {index})" if index else ")")
