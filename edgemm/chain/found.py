"""What a result has places for, whatever its type: boxes with a score and a label, and points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError
from edgemm.results import Detections, Landmarks, Result, TextLines

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, pixels of the source."""


class Sighting(NamedTuple):
    """One thing that a result has a place for."""

    box: Box | None
    """None where it has points alone: `around` makes one."""
    points_xy: npt.NDArray[np.floating[Any]]
    """float[k, 2], pixels of the source; k = 0 where there are none."""
    score: float
    label: str


class Kind(NamedTuple):
    """How one type of result is read."""

    several: bool
    """It has any number of things; otherwise it is about one."""
    sightings: Callable[[Any], list[Sighting]]


def around(points_xy: npt.NDArray[np.floating[Any]]) -> Box:
    """The upright box around points, at least one."""
    columns = np.ascontiguousarray(points_xy.T)  # a tenth of the time of looking along the first axis
    (left, top), (right, bottom) = columns.min(axis=1).tolist(), columns.max(axis=1).tolist()
    return left, top, right, bottom


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two upright boxes, 0..1."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return wide * high / (areas - wide * high)


def _detections(found: Detections) -> list[Sighting]:
    points, labels = found.points_xy, found.labels
    return [
        Sighting(
            tuple(box),
            points[at] if at < len(points) else _NO_POINTS,
            score,
            labels[at] if at < len(labels) else "",
        )
        for at, (box, score) in enumerate(zip(found.boxes_xyxy.tolist(), found.scores.tolist(), strict=True))
    ]


def _landmarks(found: Landmarks) -> list[Sighting]:
    """None where the thing is not there."""
    if not len(found.points_xy):
        return []
    return [Sighting(None, found.points_xy, float(found.score), "")]


def _text_lines(found: TextLines) -> list[Sighting]:
    """Each line, its four corners as key points."""
    return [
        Sighting(None, quad, score, line)
        for quad, score, line in zip(found.quads_xy, found.scores.tolist(), found.lines, strict=True)
    ]


_NO_POINTS = np.zeros((0, 2), np.float32)
KINDS: dict[type[Any], Kind] = {
    Detections: Kind(True, _detections),
    Landmarks: Kind(False, _landmarks),
    TextLines: Kind(True, _text_lines),
}
"""Type of a result -> how it is read. What is not here has no places."""


def kind_of(result: Result) -> Kind:
    """How a result is read.

    Raises:
        InputError: it has no places to cut out.
    """
    for each in type(result).__mro__:
        if each in KINDS:
            return KINDS[each]
    raise InputError(
        f"Crop: expected a result with places in front of it ({_names(list(KINDS))}), found "
        f"{type(result).__name__}. Put a model that finds things, or the points of one, in front of the crop"
    )


def _names(kinds: Sequence[type[Any]]) -> str:
    return ", ".join(each.__name__ for each in kinds)
