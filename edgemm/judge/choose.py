"""Which of several models is the best under constraints.

    choose(figures, constraints("accuracy>=0.95, latency_ms<=20, size_kb<=500"), higher_is_better=True)

The rule: of the models that meet all constraints, the one with the best figure of its task; of equal ones the faster
one (latency_ms), then the smaller one (size_kb), then the first. Where none meets all, the nearest is the one whose
misses, each as a share of its bound, add up to least.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgemm.choices import hint
from edgemm.errors import InputError

Figures = Mapping[str, float | None]
"""Name -> figure of one model; None where it is not known."""
_FORM = re.compile(r"\s*([A-Za-z0-9_ -]+?)\s*(>=|<=|>|<|=+)\s*(\S+)\s*")
_MEETS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_TIES = ("latency_ms", "size_kb")


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound of one figure."""

    name: str
    sign: str
    """">=", "<=", ">" or "<"."""
    bound: float

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.bound:g}"

    def miss(self, figures: Figures) -> float:
        """By how much a model misses it, as a share of the bound: 0 where it meets it; infinite where its figure is
        not known."""
        value = figures.get(self.name)
        if value is None or math.isnan(value):
            return math.inf
        if _MEETS[self.sign](value, self.bound):
            return 0.0
        return max(abs(value - self.bound) / (abs(self.bound) or 1.0), 1e-12)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen."""

    best: int | None
    """Which model meets all constraints and is best; None where none meets them."""
    nearest: int
    """The same, or the one that misses least."""
    missed: tuple[str, ...]
    """What the nearest one misses, a sentence each."""


def constraints(text: str, known: Sequence[str]) -> tuple[Constraint, ...]:
    """From "accuracy>=0.95, size_kb<=500".

    Args:
        known: names of the figures that there are.

    Raises:
        InputError: one cannot be understood, or there is no such figure; says which there are.
    """
    found = []
    for each in text.split(","):
        match = _FORM.fullmatch(each)
        if match is None or match[2] not in _MEETS:
            raise InputError(
                f"--choose: expected such as accuracy>=0.95, latency_ms<=20, found {each.strip()!r}. Write NAME, one "
                "of >=, <=, > and <, and a number"
            )
        name = plain_name(match[1])
        if name not in known:
            raise InputError(
                f"--choose: expected one of {', '.join(known)}; found {match[1]!r}{hint(name, known)}"
            )
        found.append(Constraint(name, match[2], _number(match[3], each.strip())))
    return tuple(found)


def plain_name(name: str) -> str:
    """As constraints write the name of a figure: "word error" is "word_error", "top-1" is "top_1"."""
    return re.sub(r"[\s-]+", "_", name.strip()).casefold()


def choose(
    models: Sequence[Figures], bounds: Sequence[Constraint], *, figure: str, higher_is_better: bool
) -> Choice:
    """The best model; see the module's head for the rule.

    Args:
        models: at least one.
        figure: name of the one that they are ranked by.

    Raises:
        InputError: there are no models.
    """
    if not models:
        raise InputError("choose: expected at least one model, found none")
    misses = [sum(each.miss(figures) for each in bounds) for figures in models]
    fitting = [at for at, miss in enumerate(misses) if miss == 0]

    def rank(at: int) -> tuple[float, ...]:
        value = _known(models[at], figure)
        best = math.inf if value is None else -value if higher_is_better else value
        costs = (_known(models[at], each) for each in _TIES)
        return (best, *(math.inf if each is None else each for each in costs))

    if fitting:
        best = min(fitting, key=rank)
        return Choice(best, best, ())
    nearest = min(range(len(models)), key=lambda at: (misses[at], rank(at)))
    missed = [_told(each, models[nearest]) for each in bounds if each.miss(models[nearest])]
    return Choice(None, nearest, tuple(missed))


def _known(figures: Figures, name: str) -> float | None:
    value = figures.get(name)
    return None if value is None or math.isnan(value) else value


def _told(missed: Constraint, figures: Figures) -> str:
    value = _known(figures, missed.name)
    return f"{missed}: {'not told' if value is None else f'it has {value:.4g}'}"


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"--choose: expected a number in {where!r}, found {text!r}")
    return number
