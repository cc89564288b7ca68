"""A part of several sizes: pages take the one that leaves them largest, lines the narrowest that they fit in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from needs import needs

from edgemm.media import Frame
from edgemm.opencv import opencv
from edgemm.session import NO_CLOCK
from edgemm.tasks.ocr.boxes import Box
from edgemm.tasks.ocr.characters import Reader
from edgemm.tasks.ocr.page import PageReader
from edgemm.tasks.ocr.recipe import OcrRecipe
from edgemm.tasks.ocr.widths import LineReader
from edgemm.tensors import TensorSpec

needs(opencv)


class Sizes:
    """A part with a signature for each size, which notes what it was asked; see `edgemm.model.part.Part`."""

    def __init__(self, output: tuple[int, ...], **sizes_wh: tuple[int, int]) -> None:
        self._output, self._sizes = output, sizes_wh
        self.signatures = tuple(sizes_wh)
        self.asked: list[str] = []

    def specs(self, signature: str) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        width, height = self._sizes[signature]
        return (TensorSpec("x", (1, 3, height, width), "float32"),), (
            TensorSpec("y", self._output, "float32"),
        )

    def step(self, feeds: dict[str, Any], signature: str) -> Any:
        assert feeds["x"].shape == self.specs(signature)[0][0].shape
        self.asked.append(signature)
        return SimpleNamespace(real=lambda name: np.zeros(self._output, np.float32))


@pytest.mark.parametrize(
    ("width", "height", "signature"),
    [(200, 100, "wide"), (100, 200, "tall"), (900, 300, "wide"), (64, 64, "square")],
)
def test_a_page_is_looked_at_in_the_size_that_leaves_it_largest(
    width: int, height: int, signature: str
) -> None:
    part: Any = Sizes((1, 1, 32, 32), tall=(64, 128), square=(96, 96), wide=(160, 64))
    assert PageReader(OcrRecipe(), part)(Frame(np.zeros((height, width, 3), np.uint8), 0, 0), NO_CLOCK) == []
    assert part.asked == [signature]


@pytest.mark.parametrize(
    ("long", "signatures"), [(50, ["short"]), (64, ["short"]), (65, ["long"]), (230, ["long"] * 2)]
)
def test_a_line_is_read_in_the_narrowest_size_that_it_fits_in(long: int, signatures: list[str]) -> None:
    part: Any = Sizes((1, 8, 3), long=(160, 16), short=(64, 16))
    reader = LineReader(OcrRecipe(overlap=32), part)
    page = np.zeros((40, 400, 3), np.uint8)
    characters = Reader(("", "a", "b"), 0, "probabilities")
    reader(page, "rgb", Box((200.0, 20.0), (long, 16.0), 0.0, 1.0), characters, NO_CLOCK)
    assert part.asked == signatures
