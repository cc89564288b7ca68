"""The One Euro filter: points that hardly move stay still, points that move fast are not late.

Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems",
CHI 2012; with speeds measured in sizes of the thing, as MediaPipe does, so that near and far things are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Landmarks, Result

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Smooth:
    """How the points of a thing are smoothed over time, each coordinate by itself, at the times of capture."""

    min_cutoff_hz: float = 0.05
    """Of what does not move: lower is steadier, and later when it begins to move."""
    beta: float = 80.0
    """How much the cutoff rises with speed: higher is earlier, and less steady in motion. 0: not at all."""
    derivate_cutoff_hz: float = 1.0
    """Of the speed itself."""
    relative: bool = True
    """Speeds count in sizes of the thing per second. False: in pixels per second."""

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "min_cutoff_hz": (1e-6, 1e6), "beta": (0, 1e6), "derivate_cutoff_hz": (1e-6, 1e6),
    }  # fmt: skip

    def __post_init__(self) -> None:
        for name, (low, high) in self.BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise InputError(f"Smooth.{name}: expected {low:g} to {high:g}, found {value!r}")

        if not isinstance(self.relative, bool):
            raise InputError(f"Smooth.relative: expected True or False, found {self.relative!r}")

    def begin(self) -> PointFilter:
        """The memory of one thing."""
        return PointFilter(self)


class OneEuro:
    """The filter over any number of values at once."""

    def __init__(self, smooth: Smooth) -> None:
        self._smooth = smooth
        self._at_ns = 0
        self._raw: Floats | None = None
        self._value: Floats
        self._speed: Floats

    def __call__(self, values: Floats, at_ns: int, scale: float) -> Floats:
        """The values, smoothed; of a time that is not later than the last, the last ones.

        Args:
            values: float64[n], the same n at each call.
            at_ns: nanoseconds.
            scale: what speeds are multiplied with.
        """
        if self._raw is None:
            self._raw = self._value = values
            self._speed = np.zeros_like(values)
            self._at_ns = at_ns
            return values
        seconds = (at_ns - self._at_ns) / 1e9
        if seconds <= 0:
            return self._value
        self._at_ns = at_ns
        speed = (values - self._raw) * (scale / seconds)
        self._raw = values
        self._speed = self._speed + _alpha(self._smooth.derivate_cutoff_hz, seconds) * (speed - self._speed)
        cutoff = self._smooth.min_cutoff_hz + self._smooth.beta * np.abs(self._speed)
        self._value = self._value + _alpha(cutoff, seconds) * (values - self._value)
        return self._value


class PointFilter:
    """Landmarks of one thing, smoothed: its points, and their depths where there are any."""

    def __init__(self, smooth: Smooth) -> None:
        self._relative = smooth.relative
        self._points, self._depths = OneEuro(smooth), OneEuro(smooth)

    def __call__(self, result: Result, at_ns: int, side: float) -> Landmarks:
        """A result with smoothed points.

        Args:
            side: of the thing, pixels of the source.

        Raises:
            InputError: the result has no points.
        """
        if not isinstance(result, Landmarks):
            raise InputError(
                f"smooth: expected a stage that gives points (Landmarks), found {type(result).__name__}. Leave "
                "`smooth` out of this stage"
            )
        if not len(result.points_xy):
            return result
        scale = 1 / max(side, 1.0) if self._relative else 1.0
        shape = result.points_xy.shape
        flat = self._points(result.points_xy.astype(np.float64).reshape(-1), at_ns, scale)
        depths = result.depths
        if depths is not None:
            depths = self._depths(depths.astype(np.float64), at_ns, scale).astype(np.float32)
        return replace(result, points_xy=flat.reshape(shape).astype(np.float32), depths=depths)


def _alpha(cutoff_hz: float | Floats, seconds: float) -> float | Floats:
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * seconds))
