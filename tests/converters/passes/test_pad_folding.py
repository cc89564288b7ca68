from __future__ import annotations

from typing import Any

import numpy as np
import pytest

TEXT = """g (float[1,2,4,4] x) => (float[n,c,h,w] y) {
    r = Relu(x) p = Pad(r, pads, fill) y = Conv<pads=[1,1,1,1]>(p, weights)
}"""
WEIGHTS = np.random.default_rng(0).standard_normal((3, 2, 3, 3)).astype(np.float32)
SPATIAL = np.array([0, 0, 1, 2, 0, 0, 0, 1])


def test_zeros_around_a_picture_become_the_convolutions_padding(
    build: Any, canonical: Any, operators: Any
) -> None:
    model = canonical(build(TEXT, weights=WEIGHTS, pads=SPATIAL, fill=np.float32(0)))
    assert operators(model) == ["Relu", "Conv"]
    assert model.graph[1].attributes["pads"].as_ints() == (2, 3, 1, 2)


@pytest.mark.parametrize(
    ("pads", "fill", "channels"),
    [(SPATIAL, 1.0, 2), (np.array([0, 1, 0, 0, 0, 0, 0, 0]), 0.0, 3)],
    ids=["other value", "channels"],
)
def test_other_padding_stays(
    build: Any, canonical: Any, operators: Any, pads: Any, fill: float, channels: int
) -> None:
    weights = np.ones((3, channels, 3, 3), np.float32)
    model = canonical(build(TEXT, weights=weights, pads=pads, fill=np.float32(fill)))
    assert operators(model) == ["Relu", "Pad", "Conv"]
