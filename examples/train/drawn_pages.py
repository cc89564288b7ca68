"""Pages with lines of text, and the map that the finder of lines learns: each line shrunk to its middle."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
from drawn_text import Line, chosen_font, draw_line, on_paper, some_text

SIDE = 256
"""Pixels of the pages that are learned from."""
COARSER = 2
"""Pixels of a page for one of the map."""
SHRUNK = 0.25
"""Of a line's height: how far each side of it moves inward in the map."""
UNCLIP = SHRUNK / (0.5 - SHRUNK)
"""How far it is moved outward again, in area / perimeter of a long line."""
VIEWS = 2
EDGE = 4.0
Quads = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""The corners of a line, float64[4, 2], and of its middle."""
SIZES = (9, 52)
"""Pixels of an em."""


def draw_pages(random: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures, float32[n, 1, SIDE, SIDE] in -1..1; maps, float32[n, 1, SIDE / COARSER, the same], 1 within a line;
    and what each pixel of a map weighs: EDGE times as much around the lines, which must not run into each other."""
    pages = [view for _ in range(-(-count // VIEWS)) for view in draw_page(random)][:count]
    pictures, maps, weights = (np.stack(each)[:, None] for each in zip(*pages, strict=True))
    shown = pictures.astype(np.float32) / np.float32(127.5) - 1
    return torch.from_numpy(shown), torch.from_numpy(maps), torch.from_numpy(weights)


View = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32]]


def draw_page(random: np.random.Generator) -> list[View]:
    """VIEWS pictures of one page, each in a rotation of its own, mostly a small one; and their maps and weights."""
    large = SIDE * 3 // 2  # what is left after it was rotated
    ink = np.zeros((large, large), np.float32)
    lines: list[Quads] = []
    _draw_column(random, ink, lines)
    return [_view(random, ink, lines) for _ in range(VIEWS)]


def _view(random: np.random.Generator, page: npt.NDArray[np.float32], lines: list[Quads]) -> View:
    """With other things in it than text."""
    large = len(page)
    turn = random.uniform(-15, 15) if random.random() < 0.75 else random.uniform(-180, 180)
    rotation = cv2.getRotationMatrix2D((large / 2, large / 2), turn, 1.0)
    rotation[:, 2] -= (large - SIDE) / 2 + random.uniform(-0.15, 0.15, 2) * SIDE
    ink = cv2.warpAffine(page, rotation, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    map_ = np.zeros((SIDE // COARSER, SIDE // COARSER), np.float32)
    weights = np.ones_like(map_)
    for whole, quad in lines:
        for plane, corners, value in ((weights, whole, EDGE), (map_, quad, 1.0)):
            points = (corners @ rotation[:, :2].T + rotation[:, 2]) / COARSER - 0.5
            cv2.fillPoly(plane, [np.rint(points * 16).astype(np.int32)], value, shift=4)
    _draw_things(random, ink, map_)
    return on_paper(random, np.clip(ink, 0, 1), plain=random.random() < 0.3), map_, weights


def _draw_column(random: np.random.Generator, ink: npt.NDArray[np.float32], lines: list[Quads]) -> None:
    """Lines below each other, some beside each other."""
    large = len(ink)
    size = int(np.exp(random.uniform(*np.log(SIZES))))
    y = int(random.integers(0, 2 * size))
    while y < large:
        if random.random() < 0.35:
            size = int(np.exp(random.uniform(*np.log(SIZES))))
        x = int(random.integers(-20, large // 3))
        high = size
        while x < large:
            line = draw_line(some_text(random, int(random.integers(1, 48))), chosen_font(random), size)
            high = int(line.box[3] - line.box[1])
            _place(ink, line, x, y)
            left, top, right, bottom = (each + at for each, at in zip(line.box, (x, y, x, y), strict=True))
            inward = SHRUNK * (bottom - top)
            if right - left > 2 * inward:
                lines.append((_quad(left, top, right, bottom, 0.0), _quad(left, top, right, bottom, inward)))
            x = int(right + random.uniform(2.0, 6.0) * high)
            if random.random() < 0.6:
                break
        y += int(high * random.uniform(1.1, 2.4))


def _quad(left: float, top: float, right: float, bottom: float, inward: float) -> npt.NDArray[np.float64]:
    left, top, right, bottom = left + inward, top + inward, right - inward, bottom - inward
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _place(ink: npt.NDArray[np.float32], line: Line, x: int, y: int) -> None:
    """Puts a line's ink where its array's corner is (x, y)."""
    height, width = line.ink.shape
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, len(ink)), min(y + height, len(ink))
    if right > left and bottom > top:
        part = line.ink[top - y : bottom - y, left - x : right - x].astype(np.float32) / 255
        room = ink[top:bottom, left:right]
        np.maximum(room, part, out=room)


def _draw_things(
    random: np.random.Generator, ink: npt.NDArray[np.float32], map_: npt.NDArray[np.float32]
) -> None:
    """Rules, frames, the edge of the paper and a picture: where there is no text."""
    for _ in range(int(random.integers(0, 4))):
        x, y = (int(each) for each in random.integers(0, SIDE, 2))
        long = int(random.integers(20, SIDE))
        x2, y2 = (x + long, y) if random.random() < 0.7 else (x, y + long)
        shade, thick = float(random.uniform(0.3, 1)), int(random.integers(1, 4))
        mask = np.zeros(ink.shape, np.uint8)
        if random.random() < 0.6:
            cv2.line(mask, (x, y), (x2, y2), 1, thick)
        else:
            cv2.rectangle(mask, (x, y), (x + long, y + long // 2), 1, thick)
        ink[mask > 0] = np.maximum(ink[mask > 0], shade)
    if random.random() < 0.3:
        x, y = (int(each) for each in random.integers(-40, SIDE - 40, 2))
        wide, high = (int(each) for each in random.integers(30, 140, 2))
        left, top = max(x, 0), max(y, 0)
        room = ink[top : y + high, left : x + wide]
        if room.size:
            grains = random.uniform(0, 1, (max(2, high // 9), max(2, wide // 9))).astype(np.float32)
            room[:] = cv2.resize(grains, room.shape[::-1], interpolation=int(random.integers(0, 3)))
            map_[top // COARSER : (y + high) // COARSER, left // COARSER : (x + wide) // COARSER] = 0.0
    if random.random() < 0.25:
        side = int(random.integers(4, 90))
        edge = [slice(0, side), slice(-side, None)][int(random.integers(2))]
        shade = float(random.uniform(0.4, 1))
        if random.random() < 0.5:
            ink[edge], map_[_coarse(edge)] = shade, 0.0
        else:
            ink[:, edge], map_[:, _coarse(edge)] = shade, 0.0


def _coarse(edge: slice) -> slice:
    begin, end = edge.start, edge.stop
    return slice(begin // COARSER if begin else begin, end // COARSER if end else end)
