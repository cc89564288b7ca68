"""Which points are drawn."""

from __future__ import annotations

from collections import Counter

from tests.differential.graphs import FAMILIES, TORCH_FAMILIES
from tests.differential.points import GraphKey, every_point, matching, sample


def test_a_sample_has_as_many_points_of_each_family() -> None:
    counts = Counter(point.graph.family for point in sample(500, 0))
    assert set(counts) == {*FAMILIES, *TORCH_FAMILIES}
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(counts.values()) == 500


def test_equal_seeds_draw_equal_points() -> None:
    assert sample(60, 3) == sample(60, 3)
    assert sample(60, 3) != sample(60, 4)


def test_the_whole_product_has_every_exporter_format_scheme_and_mode() -> None:
    points = every_point()
    assert len(points) == len(set(points))
    assert {point.graph.exporter for point in points} == {"direct", "torchscript", "dynamo", "module"}
    combined = {(point.format, point.scheme, point.mode) for point in points}
    assert len(combined) == 2 * (4 + 1)


def test_points_are_found_by_name() -> None:
    found = matching(every_point(), "pools.3.direct/onnx/*/bare")
    assert {point.graph for point in found} == {GraphKey("pools", 3)}
    assert len(found) == 4
