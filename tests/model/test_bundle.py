"""A bundle has the face of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from level_bundle import RATE, level, level_driver, level_folder, sound

import edgemm
from edgemm.artifact.bundle import write_bundle

__all__ = ["level_driver", "level_folder"]


@pytest.fixture(params=["folder", "zip"])
def path(request: pytest.FixtureRequest, level_folder: Path, tmp_path: Path) -> Path:
    if request.param == "folder":
        return level_folder
    write_bundle(level_folder, tmp_path / "levels.zip").close()
    return tmp_path / "levels.zip"


def test_it_answers_as_its_networks_do_one_after_the_other(path: Path) -> None:
    with edgemm.load_bundle(path) as bundle:
        for count in (20, 12, 20):  # nothing is remembered
            found = bundle(sound(count), sample_rate=RATE).to_json()["values"]["level"]
            np.testing.assert_allclose(found, level(sound(count))[-1:], rtol=1e-5)
