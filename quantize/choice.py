"""Which form of a network `auto` takes: the one rule, in one place.

A form is float, static, dynamic or mixed. Its predicted time is by a table of costs, its size what its weights take;
neither depends on what else a machine does, so the same network always becomes the same file.

The forms are tried in an order, and the first that keeps the fidelity is taken:

- "speed": the fastest first. Forms within `ALIKE` or `LEAST_US` of the fastest count as equally fast, and so does one
  within `SMALL_ALIKE` that takes at most half of the room; of equally fast ones, the smallest comes first, and of
  equally small ones (within `ALIKE` or `LEAST_BYTES`) the first in `ORDER`. Mixed counts as slower by `SEARCHED`: it
  was searched for in the predictions and has the best of their errors, and it keeps less than dynamic does.
- "size": the smallest first; of equally small ones, the fastest.
- "accuracy": of those that are no slower than float, the one that keeps most; so all of these are tried. Float itself,
  which keeps everything, comes after them, and what is slower than float last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Prefer = Literal["speed", "size", "accuracy"]
PREFER = ("speed", "size", "accuracy")
ALIKE = 1.03
"""Predictions that differ by less say nothing."""
LEAST_US = 10.0
"""Microseconds that nobody notices: a call from Python takes more."""
SMALL_ALIKE = 1.05
"""The same, where the other form takes at most half of the room."""
SEARCHED = 1.1
LEAST_BYTES = 4096
"""Of sizes: names and descriptions in a file take more."""
HALF = 0.5
ORDER = ("static", "dynamic", "mixed", "float")
"""Of forms that are alike in all else."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of a form before it is written."""

    form: str
    predicted_us: float
    """One inference, one thread."""
    size_bytes: int
    """Of its constants."""

    @property
    def counted_us(self) -> float:
        """The time that it is put in order by."""
        return self.predicted_us * (SEARCHED if self.form == "mixed" else 1.0)


def in_order(forms: Sequence[Estimate], prefer: Prefer = "speed") -> tuple[Estimate, ...]:
    """The forms, first the one that is to be tried first."""
    if prefer == "accuracy":
        return _accurate(forms)
    first = _smallest if prefer == "size" else _fastest
    left, found = list(forms), list[Estimate]()
    while left:
        found.append(first(left))
        left.remove(found[-1])
    return tuple(found)


def rivals(forms: Sequence[Estimate]) -> tuple[Estimate, ...]:
    """For "accuracy": those of which the one that keeps most is taken, as they stand in the order."""
    in_float = next((each.predicted_us for each in forms if each.form == "float"), float("inf"))
    return tuple(each for each in forms if each.form != "float" and each.counted_us <= in_float)


def _fastest(forms: Sequence[Estimate]) -> Estimate:
    best = min(each.counted_us for each in forms)
    alike = [each for each in forms if each.counted_us <= max(best * ALIKE, best + LEAST_US)]
    first = min(alike, key=_by_size(alike))
    small = [
        each
        for each in forms
        if each.counted_us <= best * SMALL_ALIKE and each.size_bytes <= HALF * first.size_bytes
    ]
    return min(small or [first], key=_by_size(small))


def _smallest(forms: Sequence[Estimate]) -> Estimate:
    alike = [each for each in forms if each.size_bytes <= _alike_bytes(forms)]
    return min(alike, key=lambda each: (each.counted_us, each.size_bytes, ORDER.index(each.form)))


def _accurate(forms: Sequence[Estimate]) -> tuple[Estimate, ...]:
    fast = rivals(forms)
    in_float = tuple(each for each in forms if each.form == "float")
    slow = [each for each in forms if each not in fast and each not in in_float]
    return (*in_order(fast), *in_float, *in_order(slow))


def _by_size(forms: Sequence[Estimate]) -> Callable[[Estimate], tuple[bool, int, float]]:
    """The smallest first; those that are alike in size in `ORDER`."""
    most = _alike_bytes(forms)
    return lambda each: (each.size_bytes > most, ORDER.index(each.form), each.counted_us)


def _alike_bytes(forms: Sequence[Estimate]) -> float:
    """Up to what size forms are as small as the smallest."""
    least = min((each.size_bytes for each in forms), default=0)
    return max(ALIKE * least, least + LEAST_BYTES)


def said(chosen: Estimate, forms: Sequence[Estimate], missed: Callable[[str], bool], prefer: Prefer) -> str:
    """Why a form was taken, for people.

    Args:
        missed: of a form, whether it was tried and did not keep the fidelity.
    """
    lost = [each.form for each in forms if missed(each.form)]
    besides = f"; {' and '.join(lost)} did not hold the gate" if lost else ""
    rest = [each for each in forms if each.form not in lost]
    fastest = min(rest, key=lambda each: each.counted_us)
    if prefer == "accuracy" and chosen in rivals(forms):
        why = "it keeps most of those that are predicted to be no slower than float"
    elif len(rest) == 1:
        why = "it alone is left" if lost else "no other form is possible"
    elif prefer == "size":
        why = "none is smaller by more than counts"
    elif chosen is fastest:
        sooner = any(each.predicted_us < chosen.predicted_us for each in rest)
        why = (
            "none is predicted to be faster by more than counts"
            if sooner
            else "it is predicted to be the fastest"
        )
    else:
        gained_us = chosen.counted_us - fastest.counted_us
        why = f"{fastest.form} is predicted to be faster by {gained_us:.2g} us alone, and is not as small or plain"
    return why + besides
