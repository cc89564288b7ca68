"""A map of text to rotated boxes, as networks for differentiable binarisation (DB, Liao et al. 2020) are trained to
show them: each line shrunk to its middle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgemm.affine import Affine, transform
from edgemm.opencv import opencv


class BoxRules(Protocol):
    """What a recipe says of boxes: see `OcrRecipe`."""

    @property
    def threshold(self) -> float:
        """Of a pixel."""

    @property
    def box_score(self) -> float:
        """Least mean of a box."""

    @property
    def least_px(self) -> float:
        """Least height, before a box is widened."""

    @property
    def unclip(self) -> float:
        """How far it is widened."""

    @property
    def ends(self) -> float:
        """How much of its height a line is longer at both ends."""

    @property
    def most_lines(self) -> int:
        """At most so many."""

    @property
    def tall(self) -> float:
        """From which ratio on a box is a line that runs downward."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in any rotation: a line of text."""

    center_xy: tuple[float, float]
    size_wh: tuple[float, float]
    """Along the line, and across it, in pixels."""
    angle: float
    """Radians, clockwise as the picture is seen: the line runs toward (cos, sin)."""
    score: float
    """0..1: the mean of the map in it."""

    @property
    def quad(self) -> npt.NDArray[np.float64]:
        """float64[4, 2]: begin above, end above, end below, begin below, as the line is read."""
        along = np.array([math.cos(self.angle), math.sin(self.angle)]) * self.size_wh[0] / 2
        across = np.array([-math.sin(self.angle), math.cos(self.angle)]) * self.size_wh[1] / 2
        return self.center_xy + np.stack([-along - across, along - across, along + across, across - along])

    def turned(self) -> Box:
        """The same box, read from its other end."""
        return Box(self.center_xy, self.size_wh, self.angle + math.pi, self.score)

    def moved(self, affine: Affine) -> Box:
        """Where it lies in another picture. What such a map makes oblique is a rectangle again."""
        begin, end, last, below = transform(affine, self.quad)
        along, across = (end - begin + last - below) / 2, (below - begin + last - end) / 2
        x, y = transform(affine, np.array(self.center_xy))
        size = float(np.hypot(*along)), float(np.hypot(*across))
        return Box((float(x), float(y)), size, math.atan2(along[1], along[0]), self.score)


def find_boxes(map_: npt.NDArray[np.float32], rules: BoxRules) -> list[Box]:
    """The lines of a map.

    Args:
        map_: float32[height, width], the probability that a pixel belongs to text.

    Returns:
        In pixels of the map, largest first.
    """
    cv = opencv()
    mask = (map_ > rules.threshold).astype(np.uint8)
    contours, tree = cv.findContours(mask, cv.RETR_CCOMP, cv.CHAIN_APPROX_SIMPLE)
    if not len(contours):
        return []
    outer = [contour for contour, (*_, parent) in zip(contours, tree[0], strict=True) if parent < 0]
    rectangles = [(_rectangle(cv, contour), contour) for contour in outer]
    rectangles.sort(key=lambda each: each[0][1][0] * each[0][1][1], reverse=True)
    found: list[Box] = []
    for (center, (width, height), angle), contour in rectangles:
        if len(found) == rules.most_lines:
            break
        if min(width, height) < rules.least_px:
            continue
        score = _mean(cv, map_, contour)
        if score < rules.box_score:
            continue
        grown = width * height * rules.unclip / (width + height)  # on both sides: twice area / perimeter
        line = _as_line(center, (width + grown, height + grown), angle, score, rules.tall)
        long, high = line.size_wh
        found.append(replace(line, size_wh=(long + 2 * rules.ends * high, high)))
    return found


def _rectangle(cv: Any, contour: Any) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Centre, width and height, angle in radians: around whole pixels, not around their centres."""
    (x, y), (width, height), degrees = cv.minAreaRect(contour)
    return (x + 0.5, y + 0.5), (width + 1.0, height + 1.0), math.radians(degrees)


def _mean(cv: Any, map_: npt.NDArray[np.float32], contour: Any) -> float:
    """Of the map within a contour's rectangle, its angle left as it is."""
    left, top, width, height = cv.boundingRect(contour)
    corners = cv.boxPoints(cv.minAreaRect(contour)) - (left, top)
    inside = np.zeros((height, width), np.uint8)
    cv.fillPoly(inside, [np.rint(corners).astype(np.int32)], 1)
    return float(cv.mean(map_[top : top + height, left : left + width], inside)[0])


def _as_line(
    center: tuple[float, float], size: tuple[float, float], angle: float, score: float, tall: float
) -> Box:
    """Which way a line runs: to the right, rather than to the left; a tall one down."""
    width, height = size
    while angle > math.pi / 4:
        angle, width, height = angle - math.pi / 2, height, width
    while angle <= -math.pi / 4:
        angle, width, height = angle + math.pi / 2, height, width
    if height >= tall * width:
        angle, width, height = angle + math.pi / 2, height, width
    return Box(center, (width, height), angle, score)
