"""A slice of the differential test: some points of every family, each in another format and scheme by chance.

`make sweep` runs more of them, and these of four seeds.
"""

from __future__ import annotations

import os

import pytest
from sweep import swept

from tests.differential.graphs import FAMILIES, TORCH_FAMILIES
from tests.differential.points import every_point, graphs, sample
from tests.differential.pool import results
from tests.differential.report import holds, tables

pytestmark = pytest.mark.slow
JOBS = min(2, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("seed", swept(range(1, 5), slice(1)))
def test_graphs_of_every_family_are_right(seed: int) -> None:
    direct = every_point(key for key in graphs() if key.exporter == "direct")
    found = list(results(sample(len(FAMILIES), seed, direct), JOBS))
    assert {each.point.graph.family for each in found} == set(FAMILIES)
    assert holds(found), tables(found)


def test_networks_of_both_exporters_are_right() -> None:
    torch = every_point(key for key in graphs() if key.exporter != "direct")
    found = list(results(sample(len(TORCH_FAMILIES), 1, torch), JOBS))
    assert {each.point.graph.exporter for each in found} == {"torchscript", "dynamo", "module"}
    assert holds(found), tables(found)
