"""The steps of one picture: find the lines, cut them out, read them, put them in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from edgemm.errors import InputError
from edgemm.media import Captured, Frame
from edgemm.model.part import Part
from edgemm.results import TextLines
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.ocr.angle import AngleReader
from edgemm.tasks.ocr.boxes import Box
from edgemm.tasks.ocr.characters import Read, Reader
from edgemm.tasks.ocr.order import reading_order
from edgemm.tasks.ocr.page import PageReader
from edgemm.tasks.ocr.recipe import OcrRecipe
from edgemm.tasks.ocr.widths import LineReader


class _Line(NamedTuple):
    box: Box
    read: Read


class OcrSession:
    """One stream's private state. See `edgemm.session.Session`. Nothing is remembered from picture to picture."""

    modality: Literal["image", "audio", "text"] = "image"

    def __init__(
        self,
        recipe: OcrRecipe,
        page: PageReader,
        line: LineReader,
        reader: Reader,
        angle: AngleReader | None,
        parts: Sequence[Part],
    ) -> None:
        """Args:
        angle: says which lines stand upside down; None: nothing does.
        parts: closed with the session.
        """
        self._recipe, self._page, self._line, self._reader, self._angle = recipe, page, line, reader, angle
        self._parts, self._cancelled = tuple(parts), Cancellation()

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        """The lines of one picture.

        Raises:
            InputError: no picture.
        """
        if not isinstance(item, Frame):
            raise InputError(f"the bundle takes pictures: expected a Frame, found {type(item).__name__}")
        self._cancelled.renew()
        found = self._lines(item, clock)
        clock.stop()
        if found is not None:
            yield Emission(found, item.captured_ns, item.captured_ns)

    def whole(self, item: Captured) -> TextLines:
        """The lines of one picture; no text where it was cancelled.

        Raises:
            InputError: no picture.
        """
        for each in self.feed(item, NO_CLOCK):
            assert isinstance(each.value, TextLines)
            return each.value
        return TextLines()

    def _lines(self, frame: Frame, clock: StageClock) -> TextLines | None:
        found: list[_Line] = []
        for box in self._page(frame, clock):
            if self._cancelled:
                return None
            line = self._read(frame, box, clock)
            if line.read.text and line.read.score >= self._recipe.least_score:
                found.append(line)
        if self._cancelled:
            return None
        rows = reading_order([line.box for line in found])
        ordered = [found[at] for row in rows for at in row]
        return TextLines(
            tuple(line.read.text for line in ordered),
            np.array([line.read.score for line in ordered], np.float32),
            np.array([line.box.quad for line in ordered], np.float32).reshape(-1, 4, 2),
            tuple(len(row) for row in rows),
        )

    def _read(self, frame: Frame, box: Box, clock: StageClock) -> _Line:
        if self._angle is not None and self._angle.upside_down(frame, box, clock):
            box = box.turned()
        line = _Line(box, self._score(frame, box, clock))
        if line.read.score < self._recipe.turn_below:
            other = _Line(box.turned(), self._score(frame, box.turned(), clock))
            if other.read.score > line.read.score:
                return other
        return line

    def _score(self, frame: Frame, box: Box, clock: StageClock) -> Read:
        return self._reader(self._line(frame.pixels, frame.color, box, self._reader, clock))

    def gap(self, gap: Gap, clock: StageClock) -> Iterator[Emission]:
        """Nothing was remembered."""
        return iter(())

    def finish(self, clock: StageClock) -> Iterator[Emission]:
        """Nothing is left to be said."""
        return iter(())

    def cancel(self) -> None:
        """The picture under way ends after the line that is read. From any thread."""
        self._cancelled.cancel()

    def reset(self) -> None:
        """Forgets states of the networks, where they have any."""
        for part in self._parts:
            part.reset()

    def close(self) -> None:
        """Frees the networks' own state; may be called twice."""
        for part in self._parts:
            part.close()
