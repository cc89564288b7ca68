"""`Crop`: from what was found to the part of the frame that the next model sees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from edgemm.chain.found import Box, Sighting, around, kind_of, overlap
from edgemm.choices import choice
from edgemm.errors import InputError
from edgemm.preprocess.view import Region
from edgemm.results import Result

By = Literal["box", "points", "circle"]
Points = npt.NDArray[np.floating[Any]]
FARTHEST = 1e6
"""Pixels: what is farther away than that, or larger, is nowhere."""


class Part(NamedTuple):
    """A region of the frame, and what it was cut out around."""

    region: Region
    sighting: Sighting
    side: float
    """Pixels of the source: the mean of the region's sides before the margin."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Which part of the frame a model sees of each thing found, and of which things. No pixels are copied: the model's
    tensor is filled from the frame itself.

    The part is measured, turned, shifted, made square, and enlarged by the margin, in this order, all in pixels of
    the source.
    """

    by: By = "box"
    """box: the box of a detection, or the one around the points of landmarks. points: the box around key points.
    circle: the square around a circle: its centre is a key point, another lies on it."""
    of: tuple[int, ...] = ()
    """points: the key points that the box is around; () all of them. circle: the two, the centre first."""
    turn: tuple[int | tuple[int, ...], int | tuple[int, ...]] | None = None
    """Two key points; what the model sees is turned so that the line from the first to the second points to
    `toward`. Instead of a point several may be named: their mean is meant, repeated ones count more. None: upright."""
    toward: float = 0.0
    """Degrees, counter-clockwise as the picture is seen: 0 right, 90 up."""
    turned: bool = False
    """points: True measures the box along the axes that are turned. False: upright, before it is turned."""
    shift: tuple[float, float] = (0.0, 0.0)
    """To the right and down as the model sees it, in widths and heights of the box."""
    square: bool = False
    """The shorter side is made as long as the longer one."""
    margin: float = 1.0
    """Both sides are made so many times as long, around the middle."""
    at_most: int | None = None
    """So many things, the best first; None: all."""
    min_score: float = 0.0
    """0..1: things of a lower score are left out."""
    classes: tuple[str, ...] = ()
    """Labels of the things that are looked at; () all."""

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "toward": (-360, 360), "shift": (-100, 100), "margin": (0.01, 100), "at_most": (1, 1000), "min_score": (0, 1),
    }  # fmt: skip

    def __post_init__(self) -> None:
        choice("Crop.by", self.by, get_args(By))
        for name in ("toward", "margin", "min_score"):
            _number(name, getattr(self, name), *self.BOUNDS[name])
        if not (isinstance(self.shift, tuple | list) and len(self.shift) == 2):
            raise InputError(f"Crop.shift: expected two numbers, right and down, found {self.shift!r}")
        _set(self, "shift", tuple(self.shift))
        for each in self.shift:
            _number("shift", each, *self.BOUNDS["shift"])
        for name in ("square", "turned"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"Crop.{name}: expected True or False, found {getattr(self, name)!r}")
        if self.at_most is not None:
            _number("at_most", self.at_most, *self.BOUNDS["at_most"])
            if not _is_index(self.at_most):
                raise InputError(f"Crop.at_most: expected a whole number, found {self.at_most!r}")
        _set(self, "of", _indices("of", self.of, empty=True))
        _set(self, "classes", _labels(self.classes))
        if self.turn is not None:
            if isinstance(self.turn, str | int) or len(self.turn) != 2:
                raise InputError(f"Crop.turn: expected two key points, such as (0, 1), found {self.turn!r}")
            _set(self, "turn", tuple(_indices("turn", each, empty=False) for each in self.turn))
        if self.by == "circle" and len(self.of) != 2:
            raise InputError(
                f"Crop.of: expected the two key points of a circle, such as (0, 1), found {self.of!r}"
            )
        if self.by == "box" and self.of:
            raise InputError('Crop.of: expected by="points" or by="circle" beside key points, found by="box"')
        if self.turned and (self.turn is None or self.by != "points"):
            raise InputError('Crop.turned: expected by="points" and turn=(a, b) beside it, found none')

    def parts(self, result: Result, known: Sequence[Box] = (), least: float = 1.0) -> tuple[list[Part], int]:
        """What is cut out around the things of a result, best first, and how many were left out.

        Args:
            known: upright boxes of what is looked at already; they count into `at_most`.
            least: a part that covers one of them so much, intersection over union of upright boxes, is left out.

        Raises:
            InputError: the result has no places, or not the key points that are named.
        """
        found = kind_of(result).sightings(result)
        wanted = [
            each
            for each in found
            if each.score >= self.min_score and (not self.classes or each.label in self.classes)
        ]
        wanted.sort(key=_by_score)
        parts: list[Part] = []
        for each in wanted:
            if self.at_most is not None and len(parts) + len(known) >= self.at_most:
                break
            part = self.part(each)
            if part is not None and not _is_among(part.region.upright_xyxy, known, least):
                parts.append(part)
        return parts, len(found) - len(parts)

    def part(self, sighting: Sighting) -> Part | None:
        """What is cut out around one thing; None where it is nowhere, or has no size.

        Raises:
            InputError: it has not the key points that are named.
        """
        points = sighting.points_xy
        self.require_points(len(points))
        angle = self._angle(points)
        x, y, width, height = self._measured(sighting, angle)
        cos, sin = math.cos(angle), math.sin(angle)
        across, down = width * self.shift[0], height * self.shift[1]
        x, y = x + across * cos - down * sin, y + across * sin + down * cos
        if self.square:
            width = height = max(width, height)
        size = width * self.margin, height * self.margin
        if not (
            abs(x) <= FARTHEST and abs(y) <= FARTHEST and min(size) > 0 and max(size) <= FARTHEST
        ):  # NaN is not
            return None
        return Part(Region((x, y), size, angle), sighting, (width + height) / 2)

    def require_points(self, count: int) -> None:
        """Whether so many key points are enough.

        Raises:
            InputError: the crop names one beyond them, or needs some where there are none.
        """
        turn = () if self.turn is None else self.turn
        highest = max((at for named in (self.of, *turn) for at in _several(named)), default=-1)
        if highest >= count:
            raise InputError(
                f"Crop: expected key points up to {highest} (from 0), found {count} in the result in front of it"
            )
        if self.by == "points" and not count:
            raise InputError('Crop: expected key points, found none in the result. Take by="box"')

    def _angle(self, points: Points) -> float:
        if self.turn is None:
            return 0.0
        (ax, ay), (bx, by) = (_mean(points, _several(each)) for each in self.turn)
        angle = math.radians(self.toward) - math.atan2(ay - by, bx - ax)
        return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))

    def _measured(self, sighting: Sighting, angle: float) -> tuple[float, float, float, float]:
        """Middle, width and height."""
        points = sighting.points_xy
        if self.by == "circle":
            (x, y), (other_x, other_y) = points[list(self.of)].tolist()
            side = 2 * math.hypot(other_x - x, other_y - y)
            return x, y, side, side
        if self.by == "box":
            left, top, right, bottom = sighting.box or around(points)
            return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        chosen = points[list(self.of)] if self.of else points
        if not self.turned:
            left, top, right, bottom = around(chosen)
            return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        cos, sin = math.cos(angle), math.sin(angle)
        left, top, right, bottom = around(chosen @ np.array([[cos, -sin], [sin, cos]]))
        x, y = (left + right) / 2, (top + bottom) / 2
        return x * cos - y * sin, x * sin + y * cos, right - left, bottom - top


def _is_among(box: Box, known: Sequence[Box], least: float) -> bool:
    return any(overlap(box, each) >= least for each in known)


def _by_score(each: Sighting) -> float:
    return -each.score


def _several(named: int | tuple[int, ...]) -> tuple[int, ...]:
    return (named,) if isinstance(named, int) else named


def _mean(points: Points, named: tuple[int, ...]) -> tuple[float, float]:
    x, y = points[named[0]].tolist() if len(named) == 1 else points[list(named)].mean(axis=0).tolist()
    return x, y


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _indices(name: str, value: Any, *, empty: bool) -> tuple[int, ...]:
    several = (value,) if _is_index(value) else value
    fits = isinstance(several, tuple | list) and all(_is_index(each) and each >= 0 for each in several)
    if not fits or not (several or empty):
        raise InputError(f"Crop.{name}: expected numbers of key points from 0, found {value!r}")
    return tuple(several)


def _labels(value: Any) -> tuple[str, ...]:
    if not isinstance(value, tuple | list) or not all(isinstance(each, str) for each in value):
        raise InputError(f"Crop.classes: expected labels, such as ('face',), found {value!r}")
    return tuple(value)


def _number(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"Crop.{name}: expected {low:g} to {high:g}, found {value!r}")


def _set(crop: Crop, name: str, value: Any) -> None:
    """In a frozen value, while it is made."""
    object.__setattr__(crop, name, value)
