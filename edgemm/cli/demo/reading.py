"""Text in a picture: the bundled reader on the bundled page, as it is and as a camera might see it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from edgemm.cli.demo.live import Progress
from edgemm.results import TextLines

Pixels = npt.NDArray[np.uint8]
READER = "models/page_reader.tflite.zip"
PAGE, LINES = "pages/receipt.png", "pages/receipt.txt"
DEGREES, DARKEST, NOISE = 6.0, 0.4, 3.0
"""How far the page is turned clockwise, the light in its darkest corner (1: full), and the grain in grey levels."""
FRAME = (20, 150, 190)
"""Red, green, blue, around lines."""
TABLE = 80
"""Grey level around the page."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadPage:
    """One picture of the page, and what was read in it."""

    about: str
    drawn: Pixels
    """uint8[height, width, 3] RGB, a frame around each line that was found."""
    read: tuple[str, ...]
    lines: tuple[str, ...]
    """What the page says."""

    @property
    def exact(self) -> int:
        """Lines that were read without a mistake; spaces do not count."""
        found, right = (Counter(map(plain, some)) for some in (self.read, self.lines))
        return sum((found & right).values())

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "picture": self.about,
            "lines": len(self.lines),
            "exact": self.exact,
            "read": list(self.read),
        }


def plain(line: str) -> str:
    """Without spaces."""
    return "".join(line.split())


def read_page(progress: Progress) -> tuple[ReadPage, ...]:
    """The page as it is, and photographed."""
    from edgemm import data
    from edgemm.opencv import opencv

    cv = opencv()
    lines = tuple(data.path(LINES).read_text(encoding="utf-8").splitlines())
    plain = np.asarray(cv.imread(str(data.path(PAGE)), cv.IMREAD_GRAYSCALE), np.uint8)
    pictures = {"as it is": plain, "turned, in uneven light": photographed(plain)}
    found: list[ReadPage] = []
    with edgemm.load_bundle(data.path(READER)) as reader:
        for about, grey in pictures.items():
            progress("reading", len(found), len(pictures))
            pixels = np.repeat(grey[:, :, None], 3, axis=2)
            result = reader(pixels)
            assert isinstance(result, TextLines)
            around = [np.rint(quad).astype(np.int32) for quad in result.quads_xy]
            drawn: Any = cv.polylines(pixels.copy(), around, isClosed=True, color=FRAME, thickness=2)
            found.append(ReadPage(about, drawn, tuple(result.text.splitlines()), lines))
    progress("reading", len(pictures), len(pictures))
    return tuple(found)


def photographed(page: Pixels) -> Pixels:
    """The page turned on a dark table, lit from its upper left corner, with the noise of a camera."""
    from edgemm.opencv import opencv

    cv = opencv()
    height, width = page.shape
    turn = cv.getRotationMatrix2D((width / 2, height / 2), -DEGREES, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = round(width * cos + height * sin), round(width * sin + height * cos)
    turn[:, 2] += np.array(size) / 2 - np.array([width, height]) / 2
    table = cv.warpAffine(page, turn, size, flags=cv.INTER_CUBIC, borderValue=(TABLE,))
    y, x = np.mgrid[: size[1], : size[0]]
    light = 1 - (1 - DARKEST) * (x / size[0] + y / size[1]) / 2
    grain = np.random.default_rng(0).normal(0.0, NOISE, table.shape)
    return np.asarray(np.clip(np.rint(table * light + grain), 0, 255), np.uint8)
