"""Text in OpenCV's own letters: its size, and what becomes of letters that it does not have."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from typing import Any

from edgemm.opencv import opencv

PIXELS_PER_SCALE = 900
"""OpenCV's letters, about 20 pixels high, are drawn at scale 1 on a picture whose shorter side has so many pixels."""
SMALLEST_SCALE = 0.4
"""Below that they cannot be read."""
TALLEST = 1.1
"""Of the height that OpenCV 4 tells of a text: brackets are higher. With the margin it is enough at every scale."""
MOST_OF_HEIGHT = 1 / 3
"""Of the picture that one line of text may take: on a smaller one it would hide what it is about."""
LONGEST = 200
"""Letters of a text that are looked at: nothing that long fits."""
_SHORTENED = ".."
_SPELT = {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L",
          "đ": "d", "Đ": "D", "þ": "th", "Þ": "Th", "ð": "d", "ı": "i", "’": "'", "‘": "'", "“": '"', "”": '"',
          "–": "-", "—": "-", "…": "...", "×": "x", "°": " deg"}  # fmt: skip


def plain(text: str) -> str:
    """The text in printable ASCII, which is all that OpenCV's letters have in every version.

    Accents are left out ("café" -> "cafe"), a few letters are spelt ("ß" -> "ss"), line breaks become spaces, and every
    other letter becomes "?".
    """
    if text.isascii() and text.isprintable():
        return text
    spelt = "".join(_SPELT.get(letter, letter) for letter in unicodedata.normalize("NFC", text))
    split = unicodedata.normalize("NFKD", spelt)
    letters = (letter for letter in split if not unicodedata.combining(letter))
    return "".join(" " if each.isspace() else each if " " <= each <= "~" else "?" for each in letters)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A text that fits, and the pixels that it takes with its margin."""

    text: str
    """"" where nothing fits."""
    width: int
    height: int


class Lettering:
    """Letters for pictures of one size. Measures, in pixels."""

    __slots__ = ("_cv2", "_most_height", "ascent", "descent", "font", "margin", "scale", "thickness")

    def __init__(self, width: int, height: int) -> None:
        """Args:
        width: of the picture, in pixels.
        height: of the picture.
        """
        short_side = min(width, height)
        self._most_height = height * MOST_OF_HEIGHT
        self._cv2: Any = opencv()
        self.font = self._cv2.FONT_HERSHEY_SIMPLEX
        self.scale = max(SMALLEST_SCALE, short_side / PIXELS_PER_SCALE)
        self.thickness = max(1, round(self.scale * 1.5))
        (_, high), self.descent = self._cv2.getTextSize("Ag", self.font, self.scale, self.thickness)
        self.ascent = math.ceil(TALLEST * high)
        self.margin = max(1, round(3 * self.scale))

    @property
    def height(self) -> int:
        """Of one line with its margin, descenders counted in."""
        return int(self.ascent + self.descent + 2 * self.margin)

    def width(self, text: str) -> int:
        """Of the text with its margin."""
        (width, _), _ = self._cv2.getTextSize(text, self.font, self.scale, self.thickness)
        return int(width + 2 * self.margin)

    def fitted(self, text: str, most: int) -> Fitted:
        """The text in plain letters, its end cut off (`..`) where it is wider than `most` pixels; none on a picture
        that is too low for text."""
        letters = plain(text[:LONGEST]).strip() if self.height <= self._most_height else ""
        if self.width(letters) > most:
            letters = self._shortened(letters, most)
        return Fitted(letters, self.width(letters), self.height)

    def _shortened(self, letters: str, most: int) -> str:
        low, high = 0, len(letters)  # the longest beginning that fits lies in between
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(letters[:middle] + _SHORTENED) <= most:
                low = middle
            else:
                high = middle - 1
        return letters[:low] + _SHORTENED if low else ""
