"""A clip of 720p made of photographs: panned, zoomed and turned a little, one after the other.

Each photograph is shown for two seconds around its face or its body, along a seeded path. Before each there are a few
empty frames: one whose place is lost must be found again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, FPS = 1280, 720, 30.0
EACH, EMPTY = 60, 4
"""Frames of one shot: those with the photograph, and the empty ones before it."""
GREY = (96, 96, 96)
"""Beyond the photograph."""
Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shot:
    """One photograph."""

    path: str
    """In the folder of shared files."""
    x: float
    """Of the middle of the face or body, pixels of the photograph."""
    y: float
    side: float
    """Of a square around it, pixels of the photograph."""


FACES = (
    Shot("data/coral_samples/grace_hopper.bmp", 268, 215, 290),
    Shot("data/images/astronaut.png", 223, 111, 160),
    Shot("data/coral_samples/face.jpg", 303, 102, 160),
    Shot("data/coral_samples/grace_hopper.bmp", 268, 215, 290),
)
"""In the order that they are shown in."""
BODY = Shot("data/coral_samples/squat.bmp", 240, 370, 520)
FACE_SHARE, BODY_SHARE = 0.5, 0.75
"""Of the frame's height that the square is shown as, on average."""


def bodies(folder: Path, count: int = 4) -> tuple[Shot, ...]:
    """One photograph, and those of coco128 that show one whole person alone, the largest first."""
    found = []
    for boxes in sorted((folder / "data/coco128_val/boxes").glob("*.txt")):
        rows = np.loadtxt(boxes, ndmin=2).reshape(-1, 5)
        persons = rows[rows[:, 0] == 0]
        if len(persons) != 1:
            continue
        path = f"data/coco128_val/images/{boxes.stem}.jpg"
        height, width = read(folder / path).shape[:2]
        x, y, wide, high = persons[0, 1:] * (width, height, width, height)
        whole = 0.02 * height < y - high / 2 and y + high / 2 < 0.98 * height
        if whole and high > 1.5 * wide and high > 200:
            found.append(Shot(path, float(x), float(y), float(high)))
    return (BODY, *sorted(found, key=lambda shot: -shot.side)[:count])


def read(path: Path) -> Frames:
    """uint8[height, width, 3], RGB."""
    import cv2

    found: Any = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(found[:, :, ::-1])


def begins(shots: Sequence[Shot]) -> list[int]:
    """The frame that each photograph is shown from."""
    return [EMPTY + at * (EACH + EMPTY) for at in range(len(shots))]


def frames(folder: Path, shots: Sequence[Shot], share: float, seed: int = 0) -> Iterator[Frames]:
    """The frames of a clip, uint8[720, 1280, 3], RGB.

    Args:
        folder: of shared files.
        share: of the frame's height that the square around face or body takes, on average.
    """
    import cv2

    rng = np.random.default_rng(seed)
    for shot in shots:
        photograph = read(folder / shot.path)
        phase, turn = rng.uniform(0, 2 * math.pi, 4), float(rng.uniform(4, 8)) * (-1) ** int(rng.integers(2))
        for _ in range(EMPTY):
            yield np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
        for at in range(EACH):
            t = 2 * math.pi * at / (EACH * 1.5)
            zoom = share * HEIGHT / shot.side * (1 + 0.2 * math.sin(t + phase[0]))
            x = WIDTH * (0.5 + 0.18 * math.sin(t + phase[1]))
            y = HEIGHT * (0.5 + 0.1 * math.sin(2 * t + phase[2]))
            matrix = cv2.getRotationMatrix2D((shot.x, shot.y), turn * math.sin(t + phase[3]), zoom)
            matrix[:, 2] += (x - shot.x, y - shot.y)
            yield np.asarray(cv2.warpAffine(photograph, matrix, (WIDTH, HEIGHT), borderValue=GREY))
