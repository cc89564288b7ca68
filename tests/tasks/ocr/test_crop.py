"""A line that is larger than the network takes it is averaged, not sampled here and there."""

from __future__ import annotations

import numpy as np
import pytest
from needs import needs

from edgemm.opencv import opencv
from edgemm.tasks.ocr.boxes import Box
from edgemm.tasks.ocr.crop import cut

needs(opencv)


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_stripes_finer_than_a_pixel_of_the_line_are_their_mean(angle: float) -> None:
    """Every seventh column is black: a line that is made eight times smaller is six sevenths white everywhere."""
    page = np.full((400, 900), 240, np.uint8)
    page[:, ::7] = 0
    line = cut(page, Box((450.0, 200.0), (640.0, 256.0), angle, 1.0), (80, 32))
    assert line.shape == (32, 80)
    assert np.abs(line[:, 2:-2].astype(float) - 206).max() < 40


def test_a_line_of_its_own_size_keeps_its_pixels() -> None:
    page = np.random.default_rng(1).integers(0, 256, (64, 200), np.uint8)
    line = cut(page, Box((100.0, 32.0), (80.0, 16.0), 0.0, 1.0), (80, 16))
    np.testing.assert_array_equal(line, page[24:40, 60:140])
