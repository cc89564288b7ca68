"""How near the pictures of a file have to be to the source's."""

from __future__ import annotations

import numpy as np
import pytest
from picture_networks import scene

from edgemm.converters.fidelity.task_gate import agreed
from edgemm.results import Picture


@pytest.mark.parametrize(("off", "psnr", "holds"), [(0, 100.0, True), (8, 30.069, True), (9, 29.046, False)])
def test_pictures_are_held_to_those_of_the_source(off: int, psnr: float, holds: bool) -> None:
    """All pixels off by 8 or 9 grey levels: 20 log10(255 / off), against 30 dB."""
    right = np.clip(scene(20, 30, channels=1), 0, 200)
    found = agreed("picture", [(Picture(right), Picture(right + np.uint8(off)))] * 2)
    assert found is not None
    assert found.figure == pytest.approx(psnr, abs=0.01)
    assert found.holds is holds
    assert f"{psnr:.1f} dB on average (at least 30)" in found.sentence
