"""Which form of a network `auto` takes: the one rule, in one place.

A form is float, static, dynamic or mixed. Its predicted time is by a table of costs, its size what its weights take;
neither depends on what else a machine does, so the same network always becomes the same file.

The forms are tried in an order, and the first that keeps the fidelity is taken:

- "speed": the fastest first. Forms within `ALIKE` of the fastest count as equally fast; of these the smallest comes
  first, and of equally small ones (within `ALIKE` or `LEAST_BYTES`) the first in `ORDER`. A slower form comes before
  them where it saves room that counts (a tenth, and `LEAST_BYTES`), and is slower by no more than `LEAST_US`, or by
  no more than `SMALL_ALIKE` for half of the room. Float, which keeps everything, comes before a form that is faster by
  no more than `ALIKE` and saves no room that counts. Mixed counts as slower by `SEARCHED`: it was
  searched for in the predictions and has the best of their errors, and it keeps less than dynamic does.
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
SEARCHED = {"tflite": 1.05, "onnx": 1.1}
"""For a mixed form of each format: the predictions of `.onnx` are off by more."""
LEAST_BYTES = 4096
"""Of sizes: names and descriptions in a file take more."""
SAVING = 0.9
"""The share of the room that a form may take at most to have saved some that counts."""
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
    """Of its file, or of its constants where they are nearly all of it; the same of all forms of a network."""
    format: str = "onnx"
    """"tflite" or "onnx"."""

    @property
    def counted_us(self) -> float:
        """The time that it is put in order by."""
        return self.predicted_us * (SEARCHED[self.format] if self.form == "mixed" else 1.0)


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
    alike = [each for each in forms if each.counted_us <= best * ALIKE]
    first = min(alike, key=_by_size(alike))
    saving = [each for each in forms if saves_room(each, first) and _is_worth(each, first, best)]
    if saving:
        small = [each for each in saving if each.size_bytes <= _alike_bytes(saving)]
        best = min(each.counted_us for each in small)
        first = min((each for each in small if each.counted_us <= best * ALIKE), key=_by_size(small))
    for each in forms:
        if (
            each.form == "float"
            and not saves_room(first, each)
            and each.counted_us <= first.counted_us * ALIKE
        ):
            return each
    return first


def saves_room(form: Estimate, other: Estimate) -> bool:
    """Whether a form is smaller than another by more than counts."""
    saved = other.size_bytes - form.size_bytes
    return saved >= LEAST_BYTES and form.size_bytes <= SAVING * other.size_bytes


def _is_worth(form: Estimate, other: Estimate, best_us: float) -> bool:
    """A smaller form is not too slow for what it saves."""
    if form.counted_us <= best_us + LEAST_US:
        return True
    return form.counted_us <= best_us * SMALL_ALIKE and form.size_bytes <= HALF * other.size_bytes


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
    """Why a form was taken, for people: what can be seen in the figures of the forms.

    Args:
        missed: of a form, whether it was tried and did not keep the fidelity.
    """
    lost = [each.form for each in forms if missed(each.form)]
    besides = f"; {' and '.join(lost)} did not hold the gate" if lost else ""
    rest = [each for each in forms if each.form not in lost]
    if len(rest) == 1:
        return ("it alone is left" if lost else "no other form is possible") + besides
    told = {"accuracy": _most_accurate, "size": _small_enough, "speed": _fast_enough}[prefer]
    return told(chosen, rest) + besides


def _most_accurate(chosen: Estimate, rest: Sequence[Estimate]) -> str:
    if chosen in rivals(rest):
        return "it keeps most of those that are predicted to be no slower than float"
    if chosen.form == "float":
        return "none is predicted to be faster by more than counts"
    return "it is the next that holds the gate"


def _small_enough(chosen: Estimate, rest: Sequence[Estimate]) -> str:
    if chosen.size_bytes > _alike_bytes(rest):
        return "it is the next that holds the gate"
    return "none is smaller by more than counts"


def _fast_enough(chosen: Estimate, rest: Sequence[Estimate]) -> str:
    fastest = min(rest, key=lambda each: each.counted_us)
    if chosen is fastest:
        sooner = any(each.predicted_us < chosen.predicted_us for each in rest)
        told = "none is predicted to be faster by more than counts"
        return told if sooner else "it is predicted to be the fastest"
    gained_us = chosen.predicted_us - fastest.predicted_us
    if gained_us <= 0.0:
        return "none is predicted to be faster"
    gained = f"{fastest.form} is predicted to be faster by {_us(gained_us)} alone"
    if saves_room(chosen, fastest):
        return f"{gained}, and takes {_kb(fastest.size_bytes - chosen.size_bytes)} more"
    if chosen.form == "float":
        return f"{gained} and saves no room that counts, and float keeps everything"
    return gained


def against(form: Estimate, chosen: Estimate) -> str:
    """Why another form was not taken, for people: how it differs from the one that was."""
    ratio = form.predicted_us / max(chosen.predicted_us, 1e-9)
    more = form.size_bytes - chosen.size_bytes
    larger = form.size_bytes > _alike_bytes([form, chosen])
    smaller = chosen.size_bytes > _alike_bytes([form, chosen])
    room = f"larger by {_kb(more)}" if larger else f"smaller by {_kb(-more)}" if smaller else ""
    if ratio > ALIKE:
        return f"slower: predicted {ratio:.2f} times as long" + (
            f", and {room}" if larger else f", though {room}" if smaller else ""
        )
    if ratio * ALIKE >= 1.0:
        return room or "neither smaller nor faster by more than counts"
    faster = f"faster by {_us(chosen.predicted_us - form.predicted_us)}"
    if larger or smaller:
        return f"{room}, though {faster}" if larger else f"{faster}, and {room}"
    if form.form == "mixed" and form.counted_us * ALIKE >= chosen.counted_us:
        return f"{faster}, less than the {SEARCHED[form.format] - 1:.0%} that mixed has to win"
    return f"{faster} alone"


def _us(us: float) -> str:
    return f"{us:.2g} us" if us < 100 else f"{us:.0f} us"


def _kb(count: int) -> str:
    return f"{count / 1000:.1f} kB" if count < 100_000 else f"{count / 1000:.0f} kB"
