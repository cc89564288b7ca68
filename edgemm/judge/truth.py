"""What is right: the truth about one picture, in the terms that metrics take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError

IGNORE = 255
"""Number of a pixel that counts neither way, as PASCAL VOC's masks have it."""


@dataclass(frozen=True, slots=True, eq=False)
class TrueBoxes:
    """All things in one picture; none at all is an answer too.

    Raises:
        InputError: the arrays do not fit each other, or a box is not finite or ends before it begins.
    """

    boxes_xyxy: npt.NDArray[np.float64]
    """float64[n, 4]: left, top, right, bottom in pixels of the picture, continuous: its right edge is at its width."""
    class_ids: npt.NDArray[np.int64]
    """int64[n], in the numbers that the model answers with."""
    crowd: npt.NDArray[np.bool_] = None  # type: ignore[assignment]  # all False
    """bool[n]: a region of many things that were not told apart. What is found in it is neither right nor wrong."""
    ignored: npt.NDArray[np.bool_] = None  # type: ignore[assignment]  # all False
    """bool[n]: one thing that need not be found ("difficult"). Who finds it is neither right nor wrong."""

    def __post_init__(self) -> None:
        count = len(self.class_ids)
        boxes = np.asarray(self.boxes_xyxy, np.float64).reshape(-1, 4)
        put = object.__setattr__
        put(self, "boxes_xyxy", boxes)
        put(self, "class_ids", np.asarray(self.class_ids, np.int64).reshape(-1))
        for name in ("crowd", "ignored"):
            flags = getattr(self, name)
            put(self, name, np.zeros(count, bool) if flags is None else np.asarray(flags, bool).reshape(-1))
        sizes = {len(boxes), count, len(self.crowd), len(self.ignored)}
        if len(sizes) != 1:
            raise InputError(
                f"true boxes: expected one class, crowd and ignored for each, found {len(boxes)} boxes, {count} "
                f"classes, {len(self.crowd)} crowd, {len(self.ignored)} ignored"
            )
        require_boxes(boxes, "a true box")

    def __len__(self) -> int:
        return len(self.class_ids)

    def renumbered(self, numbers: Sequence[int]) -> TrueBoxes:
        """With class `numbers[i]` in place of class i; a thing whose new number is negative is left out.

        Raises:
            InputError: a class has no number.
        """
        if len(self) and not 0 <= self.class_ids.min() <= self.class_ids.max() < len(numbers):
            raise InputError(
                f"true boxes: expected classes 0 to {len(numbers) - 1}, found {self.class_ids.min()} to "
                f"{self.class_ids.max()}"
            )
        new = np.asarray(numbers, np.int64)[self.class_ids]
        kept = new >= 0
        return replace(
            self,
            boxes_xyxy=self.boxes_xyxy[kept],
            class_ids=new[kept],
            crowd=self.crowd[kept],
            ignored=self.ignored[kept],
        )


@dataclass(frozen=True, slots=True, eq=False)
class TrueClasses:
    """The class of each pixel of one picture."""

    classes: npt.NDArray[np.integer[Any]]
    """uint8 or uint16 [height, width], in the numbers that the model answers with."""
    ignore: int | None = IGNORE
    """Number of the pixels that count neither way; None where all count."""

    def renumbered(self, numbers: Sequence[int]) -> TrueClasses:
        """With class `numbers[i]` in place of class i; pixels whose new number is negative are ignored.

        Raises:
            InputError: a class has no number.
        """
        size = max(len(numbers), int(self.classes.max(initial=0)) + 1, (self.ignore or 0) + 1)
        table = np.full(size, -1, np.int64)
        table[: len(numbers)] = numbers
        unknown = np.arange(size) >= len(numbers)
        if self.ignore is not None:
            table[self.ignore], unknown[self.ignore] = -1, False
        if unknown[self.classes].any():
            raise InputError(
                f"true classes: expected 0 to {len(numbers) - 1} (and {self.ignore} where nothing counts), found "
                f"{int(self.classes[unknown[self.classes]].max())}"
            )
        kept = table[table >= 0]
        wide = kept.size and kept.max() >= IGNORE
        ignore = int(np.iinfo(np.uint16).max) if wide else IGNORE
        table[table < 0] = ignore
        return TrueClasses(table.astype(np.uint16 if wide else np.uint8)[self.classes], ignore)


@dataclass(frozen=True, slots=True, eq=False)
class TruePoints:
    """The points of one thing."""

    points_xy: npt.NDArray[np.float64]
    """float64[k, 2] in pixels of the picture, continuous."""
    known: npt.NDArray[np.bool_] = None  # type: ignore[assignment]  # all True
    """bool[k]: the place of the point is known; the others are not compared."""
    scale_px: float | None = None
    """What a distance is divided by to be normalised; None: the diagonal of the upright box around the known points."""
    box_xyxy: tuple[float, float, float, float] | None = None
    """Around the whole thing, for models that are given a crop."""

    def __post_init__(self) -> None:
        points = np.asarray(self.points_xy, np.float64).reshape(-1, 2)
        known = np.ones(len(points), bool) if self.known is None else np.asarray(self.known, bool)
        if known.shape != (len(points),):
            raise InputError(
                f"true points: expected `known` for each of {len(points)} points, found {known.shape}"
            )
        if not np.isfinite(points[known]).all():
            raise InputError("true points: expected finite coordinates, found NaN or infinity")
        object.__setattr__(self, "points_xy", points)
        object.__setattr__(self, "known", known)

    @property
    def scale(self) -> float:
        """Pixels; 0 where there is none: less than two known points and no `scale_px`."""
        if self.scale_px is not None:
            return float(self.scale_px)
        known = self.points_xy[self.known]
        return float(np.hypot(*np.ptp(known, axis=0))) if len(known) else 0.0


def require_boxes(boxes: npt.NDArray[np.floating[Any]], what: str) -> None:
    """Refuses boxes that are no boxes.

    Raises:
        InputError: one is not finite, or ends before it begins.
    """
    wrong = ~np.isfinite(boxes).all(axis=1) | (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{what}: expected finite left <= right and top <= bottom, found {boxes[at].tolist()} (number {at})"
        )


@dataclass(frozen=True, slots=True, eq=False)
class TruePicture:
    """The picture that is to be made, or a part of it."""

    pixels: npt.NDArray[np.uint8]
    """uint8[height, width, 3] RGB, or uint8[height, width]."""
    border: int = 0
    """Pixels along its edges that are not compared: there, methods to enlarge differ in what they think is beyond."""
    at_xy: tuple[int, int] = (0, 0)
    """Where its left upper pixel lies in the result."""
    within: bool = False
    """The result has more pixels around it, which are not compared."""
