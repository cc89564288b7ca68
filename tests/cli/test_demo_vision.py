"""The demo's scene networks, float against int8, in both formats: what int8 may lose, and what it must save."""

from __future__ import annotations

from pathlib import Path

import pytest
from needs import needs

from edgemm.cli.demo import vision
from edgemm.opencv import opencv

needs(opencv)
pytestmark = pytest.mark.slow


def by_file(made: tuple[vision.SceneVariant, ...]) -> dict[tuple[str, str], vision.SceneVariant]:
    return {(each.format, each.scheme): each for each in made}


def test_the_detector_keeps_its_figures_in_int8(tmp_path: Path) -> None:
    made = by_file(vision.measure_detector(tmp_path, lambda *_: None))
    for format_ in vision.FORMATS:
        whole, small = made[format_, "float"], made[format_, "int8"]
        assert whole.score >= 0.95
        assert small.score >= whole.score - 0.01
        assert small.kept >= 0.95
        assert small.size_bytes < 0.4 * whole.size_bytes
        assert len(small.shown) == len(vision.SHOWN)


def test_the_segmenter_keeps_its_figures_in_int8(tmp_path: Path) -> None:
    made = by_file(vision.measure_segmenter(tmp_path, lambda *_: None))
    for format_ in vision.FORMATS:
        whole, small = made[format_, "float"], made[format_, "int8"]
        assert small.score >= whole.score - 0.01
        assert small.kept >= 0.9  # mIoU of the two answers: thin ink differs at its edges
        assert small.size_bytes < 0.4 * whole.size_bytes
