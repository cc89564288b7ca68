"""Lines as the reader gets them: cut out of a picture a little too wide or too narrow, 32 pixels high."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from drawn_text import CHARACTERS, Line, chosen_font, draw_line, on_paper, some_text

HEIGHT, STEP = 32, 4
"""Pixels of a line, and of one step of the reader."""
BLANK = 0
BESIDE = 127
"""Grey level that a short line is filled up with."""
SIZES = (12, 48)
"""Pixels of an em, as drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """A batch."""

    pictures: torch.Tensor
    """float32[n, 1, HEIGHT, width] in -1..1."""
    due: torch.Tensor
    """int64[n, steps]: the character whose middle lies in a step, else the blank."""
    labels: torch.Tensor
    """int64[all characters]."""
    counts: torch.Tensor
    """int64[n]: characters of each line."""


def draw_lines(random: np.random.Generator, count: int, width: int) -> Lines:
    """Lines that fill most of a width, which is a multiple of STEP."""
    pictures = np.full((count, HEIGHT, width), BESIDE, np.uint8)
    due = np.full((count, width // STEP), BLANK, np.int64)
    labels: list[int] = []
    counts = np.zeros(count, np.int64)
    for at in range(count):
        line, picture, centers = _line(random, width)
        pictures[at, :, : picture.shape[1]] = picture
        numbers = [1 + CHARACTERS.index(each) for each in line.text]
        _fill(due[at], numbers, centers)
        labels += numbers
        counts[at] = len(numbers)
    tensor = torch.from_numpy(pictures[:, None].astype(np.float32) / 127.5 - 1)
    return Lines(tensor, torch.from_numpy(due), torch.tensor(labels), torch.from_numpy(counts))


def _fill(due: npt.NDArray[np.int64], numbers: list[int], centers: npt.NDArray[np.float32]) -> None:
    """Puts each character in its step; one that is taken gives it to the next step."""
    last = -1
    for number, center in zip(numbers, centers, strict=True):
        step = max(int(center / STEP), last + 1)
        if last >= 0 and due[last] == number and step == last + 1:
            step += 1  # a blank between two that are equal
        if step < len(due):
            due[step], last = number, step


def _line(
    random: np.random.Generator, width: int
) -> tuple[Line, npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    while True:
        most = int(random.integers(1, max(3, width // 8)))
        size = int(random.integers(*SIZES))
        line = draw_line(some_text(random, most), chosen_font(random), size)
        picture, centers = _cut(random, line)
        if picture.shape[1] <= width:
            return line, picture, centers


def _cut(random: np.random.Generator, line: Line) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """What a box shows that does not lie exactly around the line."""
    left, top, right, bottom = line.box
    high = bottom - top
    ink = on_paper(random, line.ink.astype(np.float32) / np.float32(255), plain=random.random() < 0.3)
    around = random.uniform(0.92, 1.35) * high
    middle = (top + bottom) / 2 + random.uniform(-0.1, 0.1) * high
    begin = left - random.uniform(-0.03, 0.35) * high
    end = right + random.uniform(-0.03, 0.35) * high
    scale = HEIGHT / around
    columns = max(STEP, round((end - begin) * scale))
    tilt = np.deg2rad(random.uniform(-1.2, 1.2)) * min(1.0, 8 * high / (end - begin))
    cos, sin = np.cos(tilt) / scale, np.sin(tilt) / scale
    center = (begin + end) / 2
    to_source = np.array(
        [
            [cos, -sin, center - cos * columns / 2 + sin * HEIGHT / 2],
            [sin, cos, middle - sin * columns / 2 - cos * HEIGHT / 2],
        ]
    )
    flags = (cv2.INTER_AREA if scale < 0.7 else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
    if scale < 0.7:  # thin strokes would fall between the pixels
        ink = cv2.GaussianBlur(ink, (0, 0), 0.35 / scale)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(ink, to_source, (columns, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return picture, ((line.centers - begin) * scale).astype(np.float32)
