"""A line in the widths that the network takes that reads it; a longer one in pieces that overlap."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card.model_card import InputCard
from edgemm.errors import ArtifactError, CardError
from edgemm.media import Color
from edgemm.model.part import Part
from edgemm.preprocess import compile_image
from edgemm.preprocess.image import ImagePreprocessor
from edgemm.session import StageClock
from edgemm.tasks.ocr.boxes import Box
from edgemm.tasks.ocr.characters import Reader
from edgemm.tasks.ocr.crop import cut
from edgemm.tasks.ocr.page import layout_of, only_input
from edgemm.tasks.ocr.recipe import OcrRecipe
from edgemm.tensors import TensorSpec

Rows = npt.NDArray[np.float32]
"""float32[steps, characters]."""
_SIDES = {"NCHW": (3, 2), "NHWC": (2, 1)}
GRID = 8
"""Pixels: widths of open files, and beginnings of pieces, are multiples of it."""


class LineReader:
    """Scores of the characters of a line. For one thread at a time.

    Raises:
        CardError: the part takes no picture of a line, or gives no scores.
    """

    def __init__(self, recipe: OcrRecipe, part: Part) -> None:
        self._recipe, self._part = recipe, part
        self._ways = [(each, only_input(part, "recognizer", each)) for each in part.signatures]
        first = self._ways[0][1]
        self._layout = layout_of(first, "recognizer")
        self._columns, rows = _SIDES[self._layout]
        self.height = first.shape[rows] if first.shape[rows] > 0 else recipe.line_height
        """Pixels of a line."""
        self._rows = rows
        if any(spec.shape[rows] != first.shape[rows] for _, spec in self._ways):
            raise CardError(
                "part 'recognizer': expected lines of one height in all signatures, found several"
            )
        self._ways.sort(key=lambda each: each[1].shape[self._columns])
        self._output, self.scores = self._scores_of(part)
        narrow = [spec.shape[self._columns] for _, spec in self._ways]
        self._open = narrow[0] < 0
        self.widest = recipe.most_width if self._open else narrow[-1]
        """Pixels of the longest line that is read in one piece."""
        self._overlap = min(recipe.overlap, self.widest // 2)
        self._compiled: dict[int, tuple[ImagePreprocessor, npt.NDArray[Any]]] = {}

    def _scores_of(self, part: Part) -> tuple[str, int]:
        outputs = part.specs(part.signatures[0])[1]
        if len(outputs) != 1 or len(outputs[0].shape) < 2 or outputs[0].shape[-1] < 2:
            raise CardError(
                "part 'recognizer': expected one output, scores [1, steps, characters], found "
                f"{', '.join(f'{each.name} {list(each.shape)}' for each in outputs) or 'none'}"
            )
        return outputs[0].name, outputs[0].shape[-1]

    def __call__(
        self, pixels: npt.NDArray[np.uint8], color: Color, box: Box, reader: Reader, clock: StageClock
    ) -> Rows:
        """The scores of a box's line, from its begin to its end.

        Args:
            pixels: of the whole picture.
            color: order of its channels.
            box: in pixels of the picture.
            reader: which knows the blank: pieces are joined where nothing stands.
        """
        clock.start("preprocess")
        long, high = box.size_wh
        columns = max(1, math.ceil(self.height * long / max(high, 1e-6)))
        columns = min(columns, 64 * self.widest)  # a stroke along a whole page is no line that can be read
        line = cut(pixels, box, (columns, self.height))
        if columns <= self.widest:
            return self._read(line, color, clock)
        joined: Rows | None = None
        begins = piece_begins(columns, self.widest, self._overlap)
        for before, begin in zip((0, *begins), begins, strict=False):
            rows = self._read(line[:, begin : begin + self.widest], color, clock)
            joined = rows if joined is None else join(joined, rows, begin - before, self.widest, reader)
        assert joined is not None
        return joined

    def _read(self, line: npt.NDArray[np.uint8], color: Color, clock: StageClock) -> Rows:
        clock.start("preprocess")
        columns = line.shape[1]
        signature, spec = self._way(columns)
        width = spec.shape[self._columns]
        if width not in self._compiled:
            if self._open:
                self._compiled.clear()  # any number of widths may come
            recipe = replace(self._recipe.line, resize="none")
            card = InputCard(spec.name, "image", spec.shape, self._layout, image=recipe)
            self._compiled[width] = compile_image(card, spec), np.empty(spec.shape, spec.dtype)
        prepare, room = self._compiled[width]
        whole = np.full((self.height, width, *line.shape[2:]), self._recipe.line.pad_value, np.uint8)
        whole[:, :columns] = line
        prepare(whole, color, room)
        clock.start("infer")
        found = self._part.step({spec.name: room}, signature).real(self._output)
        clock.start("decode")
        rows = np.array(found, np.float32).reshape(-1, found.shape[-1])
        if not np.isfinite(rows).all():
            raise ArtifactError(
                "part 'recognizer': expected finite scores, found NaN or infinity. Try another delegate "
                '(delegate="cpu"); if that is the same, convert or train the model again'
            )
        return rows

    def _way(self, columns: int) -> tuple[str, TensorSpec]:
        """The narrowest that a line fits in."""
        signature, spec = self._ways[0]
        if self._open:
            width = max(self._recipe.least_width, -(-columns // GRID) * GRID)
            shape = list(spec.shape)
            shape[self._rows], shape[self._columns] = self.height, width
            return signature, replace(spec, shape=tuple(shape))
        return next(each for each in self._ways if columns <= each[1].shape[self._columns])


def piece_begins(columns: int, width: int, overlap: int) -> list[int]:
    """Where the pieces of a line begin: evenly, the last one at its end."""
    count = max(2, math.ceil((columns - overlap) / (width - overlap)))
    last = columns - width
    return [*(round(at * last / (count - 1) / GRID) * GRID for at in range(count - 1)), last]


def join(rows: Rows, behind: Rows, shift: int, width: int, reader: Reader) -> Rows:
    """The scores of two pieces as those of one line, joined where both see a gap.

    Args:
        rows: up to the end of the first piece.
        behind: of the second.
        shift: pixels from the begin of the first piece to the begin of the second.
        width: pixels of a piece.
        reader: which knows the blank.
    """
    steps = len(behind)
    common = steps - round(shift * steps / width)  # steps that both have
    if common < 1:
        return np.concatenate([rows, behind])
    first, second = reader.blanks(rows[-common:]), reader.blanks(behind[:common])
    middle = (
        np.abs(np.arange(common) - (common - 1) / 2) / common
    )  # the ends of a piece lack half of a character
    at = int(np.argmax(np.minimum(first, second) - middle))
    return np.concatenate([rows[: len(rows) - common + at], behind[at:]])
