"""How much of a network shall be left: exactly one measure, and how much of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from edgemm.errors import InputError

Measure = Literal["macs", "parameters", "size", "ms"]
MEASURES: tuple[Measure, ...] = get_args(Measure)


@dataclass(frozen=True, slots=True)
class Target:
    """What pruning aims at: `macs`, `parameters` and `size` are the fraction that is left, in (0, 1); `ms` is the
    latency in milliseconds that is to be met, measured on this machine. Raises InputError outside of these."""

    measure: Measure
    value: float

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise InputError(f"a target is one of {', '.join(MEASURES)}, not {self.measure!r}")
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not number or not math.isfinite(self.value) or self.value <= 0:
            raise InputError(f"the target {self.measure} is a number above 0, not {self.value!r}")
        if self.measure != "ms" and self.value >= 1:
            raise InputError(
                f"the target {self.measure} is the fraction that is left, between 0 and 1, not {self.value:g}"
            )

    @classmethod
    def of(cls, target: Target | str) -> Target:
        """A target, or one as text. Raises InputError for anything else."""
        if isinstance(target, Target):
            return target
        if not isinstance(target, str):
            raise InputError(
                f'target: expected a Target or a text such as "macs=0.5", found {type(target).__name__} {target!r}'
            )
        return cls.parse(target)

    @classmethod
    def parse(cls, text: str) -> Target:
        """A target written as `macs=0.6`, `parameters=0.5`, `size=0.5` or `ms=4`."""
        measure, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"a target is written as MEASURE=VALUE, such as macs=0.6, not {text!r}")
        try:
            number = float(value)
        except ValueError:
            raise InputError(f"the value of a target is a number, such as macs=0.6, not {value!r}") from None
        return cls(measure.strip(), number)  # type: ignore[arg-type]  # checked by the class

    def __str__(self) -> str:
        return f"{self.measure}={self.value:g}"
