"""The demo's scenes: the film plays as it was drawn, calibration shares no digit with what measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm.cli.demo import scenes
from edgemm.opencv import opencv

needs(opencv)


def test_the_film_plays_as_it_was_drawn(tmp_path: Path) -> None:
    drawn = scenes.held_out_film(45)
    path = tmp_path / "film.avi"
    scenes.write_film(path, drawn)
    played = []
    with edgemm.open_source(str(path)) as source:
        while isinstance(frame := source.read(), edgemm.Frame):
            assert frame.color == "bgr"
            played.append(frame.pixels[:, :, ::-1].copy())
    assert len(played) == 45
    off = [
        np.abs(_lightness(shown) - _lightness(scene.pixels)).mean()
        for shown, scene in zip(played, drawn, strict=True)
    ]
    assert max(off) < 5  # Motion JPEG: a few grey levels, at noise and edges


def _lightness(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return np.asarray(pixels @ np.array([0.299, 0.587, 0.114]))


def test_a_film_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(edgemm.InputError, match=r"none/film\.avi: OpenCV cannot write"):
        scenes.write_film(tmp_path / "none" / "film.avi", scenes.held_out_film(1))


def test_the_three_sets_are_different() -> None:
    sets = (scenes.calibration_scenes(3), scenes.held_out_scenes(3), scenes.held_out_film(3))
    assert len({scene.pixels.tobytes() for each in sets for scene in each}) == 9
