"""Running sound in overlapping windows, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest

from edgemm.preprocess.framer import Framer

pytestmark = pytest.mark.device


@pytest.mark.parametrize("block", [1, 3, 7, 40])
@pytest.mark.parametrize(("window", "hop", "skip"), [(8, 3, 0), (8, 8, 5), (5, 1, 2)])
def test_window_t_begins_after_t_hops(window: int, hop: int, skip: int, block: int) -> None:
    samples, framer = np.arange(40.0), Framer(window, hop, skip)
    found = [each.copy() for at in range(0, 40, block) for each in framer.push(samples[at : at + block])]
    begins = range(skip, 40 - window + 1, hop)
    assert np.array_equal(found, [samples[begin : begin + window] for begin in begins])


def test_a_reset_skips_anew() -> None:
    framer = Framer(2, 2, 1)
    list(framer.push(np.arange(4.0)))
    framer.reset()
    assert [each.tolist() for each in framer.push(np.arange(3.0))] == [[1.0, 2.0]]
