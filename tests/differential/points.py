"""Which conversions are tried: the whole product, or a seeded part of it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import product
from typing import Literal

from tests.differential.graphs import FAMILIES, TORCH_FAMILIES

Exporter = Literal["direct", "torchscript", "dynamo", "module"]
"""How the source came to be: built in ONNX, written by one of torch's exporters, or the torch module itself."""
Format = Literal["tflite", "onnx"]
Scheme = Literal["float", "dynamic", "static", "auto"]
Mode = Literal["bare", "default"]
"""Without gate and repair, or with both as `convert` has them."""

GRAPHS_PER_FAMILY = 16
"""In the whole product; families of torch have 2 for each exporter, since the network itself is always the same."""
FORMATS: tuple[Format, ...] = ("tflite", "onnx")
SCHEMES: tuple[Scheme, ...] = ("float", "dynamic", "static", "auto")


@dataclass(frozen=True, slots=True, order=True)
class GraphKey:
    """One source."""

    family: str
    seed: int
    exporter: Exporter = "direct"

    def __str__(self) -> str:
        return f"{self.family}.{self.seed}.{self.exporter}"


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One conversion of one source."""

    graph: GraphKey
    format: Format
    scheme: Scheme
    mode: Mode = "bare"

    def __str__(self) -> str:
        return f"{self.graph}/{self.format}/{self.scheme}/{self.mode}"


def graphs() -> Iterator[GraphKey]:
    """Every source of the whole product."""
    for family in FAMILIES:
        yield from (GraphKey(family, seed) for seed in range(GRAPHS_PER_FAMILY))
    exporters: tuple[Exporter, ...] = ("torchscript", "dynamo", "module")
    for family, seed, exporter in product(TORCH_FAMILIES, range(2), exporters):
        yield GraphKey(family, seed, exporter)


def every_point(keys: Iterable[GraphKey] | None = None) -> list[Point]:
    """Each source in each format and scheme without gate or repair, and with both where the scheme is left open."""
    points = []
    for key, format_ in product(graphs() if keys is None else keys, FORMATS):
        points += [Point(key, format_, scheme) for scheme in SCHEMES]
        points.append(Point(key, format_, "auto", "default"))
    return points


def sample(count: int, seed: int, points: Sequence[Point] | None = None) -> list[Point]:
    """`count` points, as many of each family as can be, ordered by source; equal seeds give equal points."""
    chance = random.Random(seed)
    by_family: dict[str, list[Point]] = {}
    for point in every_point() if points is None else points:
        by_family.setdefault(point.graph.family, []).append(point)
    for each in by_family.values():
        chance.shuffle(each)
    rounds = [[each.pop() for each in by_family.values() if each] for _ in range(_longest(by_family))]
    flat = [point for one in rounds for point in one]
    return sorted(flat[:count])


def _longest(by_family: dict[str, list[Point]]) -> int:
    return max((len(each) for each in by_family.values()), default=0)


def matching(points: Iterable[Point], pattern: str) -> list[Point]:
    """Those whose name fits a shell pattern, such as 'resized.*' or '*/onnx/static/*'."""
    return [point for point in points if fnmatch(str(point), pattern)]
