"""The section `ocr` of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from edgemm.card.recipes import ImageRecipe
from edgemm.errors import CardError


def _page() -> ImageRecipe:
    return ImageRecipe(color="bgr", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def _line() -> ImageRecipe:
    return ImageRecipe(color="bgr", resize="none", pad_value=127, mean=(0.5,), std=(0.5,))


@dataclass(frozen=True, slots=True)
class OcrRecipe:
    """How lines of text are found in a picture, and read. The defaults are those of PP-OCR's networks."""

    page: ImageRecipe = field(default_factory=_page)
    """How a picture becomes the input of `detector`. Where the file leaves the size open the picture keeps its shape
    as nearly as `multiple` lets it; a file of fixed size gets it as a letterbox."""
    line: ImageRecipe = field(default_factory=_line)
    """How a line that was cut out becomes the input of `recognizer`; `pad_value` is the level beside a short one."""
    least_side: int = 736
    """Pixels. A picture whose shorter side is shorter is enlarged to it, as far as `most_side` lets it; for files of
    open size, as the next two are."""
    most_side: int = 1920
    """Pixels. A picture whose longer side is longer is made smaller for `detector`; lines are cut out of the picture
    itself. More finds smaller letters on large pages, and takes longer."""
    multiple: int = 32
    """The sides of the input of `detector` are multiples of it."""
    threshold: float = 0.3
    """A pixel whose probability is above it belongs to text."""
    box_score: float = 0.5
    """Least mean probability of the pixels of a line."""
    least_px: float = 3.0
    """Pixels of the map: least height of what is taken for a line, before it is widened."""
    unclip: float = 1.6
    """The map shows lines shrunk: each side moves outward by area / perimeter times this."""
    ends: float = 0.1
    """Of the height of a line, by which both of its ends are moved outward besides: a full stop is easily left out."""
    most_lines: int = 1000
    """Of one picture: those of the largest area."""
    tall: float = 1.5
    """A box that is taller than wide by this factor is a line that runs downward, and is turned before it is read."""
    line_height: int = 48
    """Pixels of the recogniser's input, where the file leaves it open."""
    least_width: int = 320
    """Pixels. A shorter line is filled up to it, where the file leaves the width open."""
    most_width: int = 2400
    """Pixels. A longer line is read in pieces, where the file leaves the width open."""
    overlap: int = 96
    """Pixels, of two pieces that follow each other of a line that is longer than the recogniser's input."""
    decode: Literal["probabilities", "logits"] = "probabilities"
    """What the recogniser's numbers are."""
    blank: Literal["first", "last"] = "first"
    """Place of the score that stands for no character. The alphabet has no line for it."""
    turn_below: float = 0.7
    """0..1. A line that is read with a lower score is read upside down too, and the better one is taken; 0: none is."""
    angle_score: float = 0.9
    """0..1. Least probability with which the part `angle` says that a line stands upside down."""
    least_score: float = 0.5
    """0..1. A line that is read with a lower score is left out."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "least_side": (0, 8192),
        "most_side": (32, 8192),
        "multiple": (1, 1024),
        "threshold": (0, 1),
        "box_score": (0, 1),
        "least_px": (0, 1000),
        "unclip": (0, 10),
        "ends": (0, 2),
        "most_lines": (1, 10000),
        "tall": (1, 100),
        "line_height": (8, 512),
        "least_width": (8, 8192),
        "most_width": (64, 8192),
        "overlap": (0, 4096),
        "turn_below": (0, 1),
        "angle_score": (0, 1),
        "least_score": (0, 1),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = (
        "least_side", "most_side", "threshold", "box_score", "unclip", "ends", "most_lines", "turn_below",
        "angle_score", "least_score",
    )  # fmt: skip

    def check(self) -> None:
        """Rules between fields.

        Raises:
            CardError: one is broken.
        """
        if self.most_side < self.multiple:
            raise CardError(
                f"most_side: expected at least `multiple` ({self.multiple}), found {self.most_side}"
            )
        if self.least_width > self.most_width:
            raise CardError(
                f"least_width: expected at most `most_width` ({self.most_width}), found {self.least_width}"
            )
        if self.most_width < 2 * self.overlap:
            raise CardError(
                f"overlap: expected at most half of `most_width` ({self.most_width}), found {self.overlap}"
            )
