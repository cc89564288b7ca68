"""Rows of YOLO networks in the shape of an output: how many numbers a candidate has, and along which axis they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edgemm.tensors import TensorSpec

MOST_CLASSES = 10_000
FEW = 1000
"""Rows of an output that went through NMS; more are candidates."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One output with a row for each candidate."""

    name: str
    head: Literal["yolo", "end-to-end"]
    layout: Literal["rows", "columns"]
    classes: int
    """0 where the shape does not tell."""
    objectness: bool = False
    points: int = 0
    point_values: int = 2

    def section(self) -> dict[str, Any]:
        """The recipe's keys."""
        made: dict[str, Any] = {"head": self.head, "boxes_outputs": [self.name]}
        if self.head == "yolo":
            made |= {"layout": self.layout, "objectness": self.objectness, "box": "cxcywh"}
        else:
            made |= {"row": "xyxy-score-class", "box": "xyxy"}
        return made | ({"points": self.points, "point_values": self.point_values} if self.points else {})


def full_shape(spec: TensorSpec, rows: Rows, input_wh: tuple[int, int], stride: int) -> tuple[int, ...]:
    """The shape of candidates whose number the file leaves open: one in each cell of the grids of strides 8 to
    `stride`, three with objectness (YOLOv5). () where the file says it, or where they went through NMS."""
    _, one, two = spec.shape
    if rows.head != "yolo" or min(one, two) > 0 or stride not in (32, 64):
        return ()
    strides = (8, 16, 32, 64)[: 3 if stride == 32 else 4]
    cells = sum((input_wh[0] // each) * (input_wh[1] // each) for each in strides)
    count = 3 * cells if rows.objectness else cells
    return (1, one, count) if rows.layout == "columns" else (1, count, two)


def find_rows(
    outputs: Sequence[TensorSpec],
    classes: int,
    points: tuple[int, int] = (0, 2),
    *,
    objectness: bool = False,
    end_to_end: bool | None = None,
) -> Rows | None:
    """The rows of a detector that has one output; None where its shape is that of none.

    Args:
        outputs: of the file.
        classes: how many there are said to be; 0 where it is not said. Another number in the shape counts more, but
            not beside key points: nobody knows then which of the two is wrong.
        points: key points, and numbers of each.
        objectness: rows have a score that anything is there, before those of the classes.
        end_to_end: rows went through NMS, by what is said; None: it is not said, and few rows of six numbers did.
    """
    if len(outputs) != 1 or len(outputs[0].shape) != 3 or outputs[0].shape[0] not in (1, -1):
        return None
    spec, extra = outputs[0], points[0] * points[1]
    _, one, two = spec.shape
    may = end_to_end or (end_to_end is None and one > 0 and 4 + classes + objectness != 6)
    if two == 6 + extra and one <= FEW and may:
        return Rows(spec.name, "end-to-end", "rows", 0, False, *points)
    said = 4 + objectness + classes + extra if classes else 0
    layout, length = _layout(one, two, said)
    if extra and said and length != said:
        return None
    found = length - 4 - objectness - extra
    if not layout or not 1 <= found <= MOST_CLASSES:
        return None
    return Rows(spec.name, "yolo", layout, found, objectness, *points)


def _layout(one: int, two: int, said: int) -> tuple[Literal["rows", "columns", ""], int]:
    """Layout, and numbers of one candidate: the axis of the length that is said, else the shorter one."""
    if said and one == said and (two < 0 or two >= said):
        return "columns", one
    if said and two == said:
        return "rows", two
    if one == two:
        return "", 0
    return ("columns", one) if two < 0 or 0 < one < two else ("rows", two)
