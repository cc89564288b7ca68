"""Numbers, infinities and NaN of every value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgemm.quantize import Range
from edgemm.quantize.extremes import Extremes, Probe, extremes_of_array

Make = Callable[..., Any]
NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("numbers", "low", "high", "nan", "below", "above"),
    [
        ([1, -2, 3], -2, 3, False, False, False),
        ([1, -INF, 3], 1, 3, False, True, False),
        ([INF, -INF, 3], 3, 3, False, True, True),
        ([NAN, -1, INF], -1, -1, True, False, True),
        ([3e38, 3e38, -1], -1, 3e38, False, False, False),
        ([NAN, NAN, -INF], 0, 0, True, True, False),
    ],
)
def test_what_is_seen_of_one_value(
    build: Make, numbers: Any, low: float, high: float, nan: bool, below: bool, above: bool
) -> None:
    model = build("graph (float[1, 3] x) => (float[1, 3] y) { y = Identity (x) }")
    array = np.array([numbers], np.float32)
    seen = Probe(model, model.graph.inputs).run({"x": array})[0]["x"]
    for found in (seen, extremes_of_array(array)):
        assert (found.nan, found.below, found.above) == (nan, below, above)
        assert found.finite == Range(float(np.float32(low)), float(np.float32(high)))
        assert found.whole == Range(-INF if below else found.finite.low, INF if above else found.finite.high)


def test_samples_before_and_after_an_infinite_one_count(build: Make) -> None:
    model = build("graph (float[1, 2] x) => (float[1, 2] y) { y = Identity (x) }")
    probe, seen = Probe(model, model.graph.inputs), Extremes()
    for numbers in ([5, 6], [NAN, -INF], [-7, 1]):
        seen = seen.union(probe.run({"x": np.array([numbers], np.float32)})[0]["x"])
    assert seen == Extremes(-7.0, 6.0, nan=True, below=True)


@pytest.mark.parametrize(
    ("seen", "limits", "expected"),
    [
        (Extremes(-3, 9), (-1, 2), Extremes(-1, 2)),
        (Extremes(-3, -2), (0, INF), Extremes(0, 0)),
        (Extremes(4, 9, below=True), (-8, INF), Extremes(-8, 9)),
        (Extremes(4, 9, below=True), (-INF, 5), Extremes(4, 5, below=True)),
        (Extremes(4, 9, above=True, nan=True), (0, 6), Extremes(4, 6, nan=True)),
    ],
)
def test_a_clip_makes_infinities_its_ends(seen: Extremes, limits: Any, expected: Extremes) -> None:
    assert seen.limited(*limits) == expected


def test_rows_are_looked_at_as_deep_as_asked_and_uniform_ones_not_at_all(build: Make) -> None:
    model = build("graph (float[3, 3] x) => (float[3, 3] y) { [soft] y = Softmax <axis = 1> (x) }")
    rows = np.array([[1, 2, -9], [7, -INF, 6], [-99, -99, -99]], np.float32)
    _, found = Probe(model, [], {"soft": 5.0}).run({"x": rows})
    assert found["soft"] == Extremes(-3.0, 7.0)  # 2 - 5, for -9 is deeper; 6 - 1 is not
