"""Whole sheets with lines that are known: what the reader is calibrated on and measured on, and the bundled page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from drawn_text import FONTS, chosen_font, draw_line, some_text

Pixels = npt.NDArray[np.uint8]
MARGIN = 36
UNSEEN = ("freefont/FreeSans.ttf", "freefont/FreeSerif.ttf", "freefont/FreeMono.ttf")
"""Of the package fonts-freefont-ttf: the reader never learned from them."""
SIZES = (16, 20, 24, 30)
"""Pixels of an em on sheets."""
RECEIPT = (
    ("Corner Shop & Bakery", "liberation/LiberationSerif-Bold.ttf", 34),
    ("17 Mill Lane, Northfield", "liberation/LiberationSerif-Regular.ttf", 22),
    ("Receipt No. 20481, 14 March 2026, 09:35", "dejavu/DejaVuSans.ttf", 17),
    ("3 x Rye bread, 750 g", "dejavu/DejaVuSansMono.ttf", 20),
    ("2 x Apple juice, 1.5 l", "dejavu/DejaVuSansMono.ttf", 20),
    ("12 eggs (free range)", "dejavu/DejaVuSansMono.ttf", 20),
    ("Subtotal: $27.85", "liberation/LiberationSans-Regular.ttf", 24),
    ("Tax 8%: $2.23", "liberation/LiberationSans-Regular.ttf", 24),
    ("TOTAL: $30.08", "liberation/LiberationSans-Bold.ttf", 30),
    ("Questions? Write to hello@cornershop.org", "dejavu/DejaVuSerif.ttf", 17),
)
"""Text, font and size of each line of the bundled page."""


def draw_sheet(lines: Sequence[tuple[str, str, int]], paper: int = 250, black: int = 25) -> Pixels:
    """uint8[height, width] of text, font and size of each line, one below the other."""
    drawn = [draw_line(*each) for each in lines]
    width = max(each.ink.shape[1] for each in drawn) + 2 * MARGIN
    tops, y = [], MARGIN
    for each in drawn:
        tops.append(y)
        y += round(1.35 * (each.box[3] - each.box[1]))
    sheet = np.zeros((y + 2 * MARGIN, width), np.float32)
    for each, top in zip(drawn, tops, strict=True):
        room = sheet[top : top + each.ink.shape[0], MARGIN : MARGIN + each.ink.shape[1]]
        np.maximum(room, each.ink / 255.0, out=room)
    return np.asarray(np.rint(paper + (black - paper) * sheet), np.uint8)


def write_receipt(folder: Path) -> None:
    """The bundled page: receipt.png and its lines, receipt.txt."""
    cv2.imwrite(str(folder / "receipt.png"), draw_sheet(RECEIPT), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    lines = "".join(f"{text}\n" for text, _, _ in RECEIPT)
    (folder / "receipt.txt").write_text(lines, encoding="utf-8")


def draw_known_sheets(
    seed: Sequence[int], count: int, fonts: Sequence[str] = FONTS, lines: int = 10
) -> list[tuple[Pixels, list[str]]]:
    """Sheets and their lines. Every other one is turned a little, unevenly lit, and noisy."""
    random = np.random.default_rng(seed)
    sheets = []
    for number in range(count):
        chosen = [
            (
                some_text(random, int(random.integers(12, 44))),
                chosen_font(random, fonts),
                int(random.choice(SIZES)),
            )
            for _ in range(lines)
        ]
        sheet = draw_sheet(chosen, int(random.integers(215, 256)), int(random.integers(0, 70)))
        if number % 2:
            sheet = photographed(random, sheet, float(random.uniform(-9, 9)))
        sheets.append((sheet, [text for text, _, _ in chosen]))
    return sheets


def photographed(random: np.random.Generator, sheet: Pixels, degrees: float) -> Pixels:
    """Turned clockwise on a dark table, lit from one corner, with noise."""
    height, width = sheet.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = int(width * cos + height * sin) + 30, int(width * sin + height * cos) + 30
    turn[:, 2] += np.array(size) / 2 - np.array([width, height]) / 2
    table = cv2.warpAffine(sheet, turn, size, flags=cv2.INTER_CUBIC, borderValue=80).astype(np.float32)
    y, x = np.mgrid[: size[1], : size[0]]
    light = 1 - 0.6 * (x / size[0] + y / size[1]) / 2
    return np.asarray(np.clip(np.rint(table * light + random.normal(0, 4, table.shape)), 0, 255), np.uint8)
