"""Text to be read, and its lines drawn in TrueType fonts, with the place of every character.

Words come from the licences that Debian's base-files puts into /usr/share/common-licenses; numbers, prices, dates,
addresses and rows of any characters are made as they are drawn. Fonts are those of Debian's packages
fonts-dejavu-core 2.37 and fonts-liberation 1.07. Needs Pillow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CHARACTERS = tuple(map(chr, range(32, 127)))
"""What the reader writes: letters, digits and punctuation of ASCII, and the space."""
WORDS_IN = Path("/usr/share/common-licenses")
LICENCES = ("Apache-2.0", "Artistic", "BSD", "GPL-2", "GPL-3", "LGPL-2.1", "MPL-2.0")
FONTS_IN = Path("/usr/share/fonts/truetype")
FONTS = (
    "dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf", "dejavu/DejaVuSerif.ttf",
    "dejavu/DejaVuSerif-Bold.ttf", "dejavu/DejaVuSansMono.ttf", "dejavu/DejaVuSansMono-Bold.ttf",
    "liberation/LiberationSans-Regular.ttf", "liberation/LiberationSans-Bold.ttf",
    "liberation/LiberationSans-Italic.ttf", "liberation/LiberationSerif-Regular.ttf",
    "liberation/LiberationSerif-Bold.ttf", "liberation/LiberationSerif-Italic.ttf",
    "liberation/LiberationMono-Regular.ttf", "liberation/LiberationSansNarrow-Regular.ttf",
)  # fmt: skip
Ink = npt.NDArray[np.uint8]
"""uint8[height, width]: 255 where there is ink."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line as it was drawn."""

    text: str
    ink: Ink
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels: from the first ink to the last, and from the height of a d to the depth
    of a g, whatever the line says."""
    centers: npt.NDArray[np.float32]
    """Pixels from the left of the ink's array to the middle of each character."""


@cache
def words() -> tuple[str, ...]:
    """Of the licences, in their order, with their punctuation."""
    text = " ".join((WORDS_IN / name).read_text("utf-8") for name in LICENCES)
    kept = set(CHARACTERS)
    return tuple(word for word in text.split() if set(word) <= kept and len(word) <= 16)


@cache
def font(name: str, size: int) -> Any:
    """One of `FONTS`, in pixels of an em."""
    types = import_module("PIL.ImageFont")
    return types.truetype(str(FONTS_IN / name), size, layout_engine=types.Layout.BASIC)


def some_text(random: np.random.Generator, most: int) -> str:
    """A line of at most so many characters, without spaces at its ends."""
    parts = [_part(random)]
    while len(line := " ".join(parts)) < most and random.random() < 0.85:
        parts.append(_part(random))
    return line[:most].strip() or "a"


def _part(random: np.random.Generator) -> str:
    kind = random.random()
    if kind < 0.62:
        known = words()
        word = known[int(random.integers(len(known)))]
        style = random.random()
        return word.title() if style < 0.15 else word.upper() if style < 0.25 else word
    if kind < 0.86:
        return _number(random)
    return "".join(random.choice(CHARACTERS[1:], int(random.integers(1, 7))))


def _number(random: np.random.Generator) -> str:
    value = int(10 ** random.uniform(0, 6))
    a, b, c = (int(random.integers(1, high)) for high in (32, 13, 60))
    forms = (
        f"{value}", f"{value:,}", f"{value / 100:.2f}", f"{value:,}.{c:02}", f"{a:02}.{b:02}.20{a:02}",
        f"20{b + 15}-{b:02}-{a:02}", f"{b}:{c:02}", f"${value / 100:.2f}", f"{a}%", f"#{value}", f"(0{b}) {value}",
        f"{a}/{b}", f"{b}x{a}", f"-{value}", f"+{b} {value}", f"No. {value}", f"{value} kg", f"info@mail{b}.org",
    )  # fmt: skip
    return forms[int(random.integers(len(forms)))]


def draw_line(text: str, name: str, size: int) -> Line:
    """A line in black and white, with a margin of half an em around it."""
    Image, ImageDraw = import_module("PIL.Image"), import_module("PIL.ImageDraw")
    type_ = font(name, size)
    margin = size // 2 + 2
    above, below = type_.getbbox("d", anchor="ls")[1], type_.getbbox("g", anchor="ls")[3]
    left, _, right, _ = type_.getbbox(text, anchor="ls")
    width, height = right - left + 2 * margin, below - above + 2 * margin
    picture = Image.new("L", (width, height))
    begin, baseline = margin - left, margin - above
    ImageDraw.Draw(picture).text((begin, baseline), text, font=type_, fill=255, anchor="ls")
    ends = np.array([type_.getlength(text[:at]) for at in range(len(text) + 1)], np.float32)
    return Line(
        text,
        np.asarray(picture, np.uint8),
        (margin, margin, width - margin, height - margin),
        begin + (ends[:-1] + ends[1:]) / 2,
    )


def on_paper(
    random: np.random.Generator, ink: npt.NDArray[np.float32], *, plain: bool = False
) -> npt.NDArray[np.uint8]:
    """Ink 0..1 as it looks in a picture: paper and ink of some grey, uneven light, blur, noise.

    Args:
        random: draws all that.
        ink: float32[height, width].
        plain: neither uneven light nor noise, as a screen shows it.
    """
    import cv2

    height, width = ink.shape
    paper, black = random.uniform(150, 255), random.uniform(0, 90)
    if random.random() < 0.12:  # light letters on a dark ground
        paper, black = random.uniform(0, 80), random.uniform(160, 255)
    if not plain and random.random() < 0.4:
        ink = cv2.GaussianBlur(ink, (0, 0), random.uniform(0.3, 0.9))
    picture = paper + (black - paper) * ink
    if not plain:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        turn, depth = random.uniform(0, 2 * np.pi), random.uniform(0, 0.7)
        ramp = np.cos(turn) * x / max(width, height) + np.sin(turn) * y / max(width, height)
        ramp = (ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-6)
        picture = picture * (1 - depth * ramp) + random.normal(0, random.uniform(0, 9), ink.shape)
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def chosen_font(random: np.random.Generator, fonts: Sequence[str] = FONTS) -> str:
    """One of them."""
    return fonts[int(random.integers(len(fonts)))]
