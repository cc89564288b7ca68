"""From the points of a table to times of any work: what fits them with no share below zero.

The time of a kind of operator is taken as so much for each operator, each multiplication, each element that is moved,
each weight and each row. None of the five may be negative, so that more work never takes less time, and beyond the
largest point it goes on in a straight line. Relative errors count, not microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from edgemm.costs.point import DYNAMIC, DYNAMIC_UNSIGNED, FLOAT, HYBRID, INT8, INT8_UNSIGNED, Point, Work

CHANGE, PARTITION, STREAM = "change", "partition", "stream"
FLOAT_BYTES = 4
PARTS = 5
"""Of work."""
PLAIN = "add"
"""The kind that stands for those which the table lacks: it moves numbers, and little else."""
INSTEAD = {INT8_UNSIGNED: INT8, DYNAMIC_UNSIGNED: DYNAMIC, HYBRID: DYNAMIC, DYNAMIC: FLOAT, INT8: FLOAT}
"""Precision -> the one that is taken where the table lacks it."""
NOISE_US = 0.5
"""Of a measurement, about: relative errors of what is less mean nothing."""
MACS = 1
"""Place of multiplications among the parts of work: where there are some, they are never without a share, or larger
operators would be too cheap."""
KEPT = 8
"""Formats of tables whose curves are kept."""
SPARING = 1e-3
"""What a further share has to take off the sum of squared relative errors."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The time of one kind of operator in one precision."""

    shares: tuple[float, ...]
    """Microseconds of an operator, a multiplication, an element moved, a weight, a row."""
    delegated: bool = True

    def us(self, work: Work) -> float:
        """Microseconds."""
        return float(sum(share * part for share, part in zip(self.shares, work.parts, strict=True)))


def fit(points: Iterable[Point]) -> Curve:
    """The curve with the smallest relative errors at the points, and with no more shares than these need."""
    listed = tuple(points)
    parts = np.array([each.work.parts for each in listed], np.float64)
    times = np.array([each.us for each in listed], np.float64)
    rows, wanted = parts / (times + NOISE_US)[:, None], times / (times + NOISE_US)
    sizes = np.maximum(np.abs(rows).max(0), np.finfo(np.float64).tiny)
    best, least = np.zeros(PARTS), np.inf
    present = [index for index in range(PARTS) if parts[:, index].any()]
    needed = {MACS} & set(present)
    for count in range(1, len(present) + 1):
        for chosen in combinations(present, count):
            if not needed <= set(chosen):
                continue
            columns = list(chosen)
            found = np.linalg.lstsq(rows[:, columns] / sizes[columns], wanted, rcond=None)[0]
            shares = np.zeros(PARTS)
            shares[columns] = found / sizes[columns]
            error = float(((rows @ shares - wanted) ** 2).sum()) + SPARING * count
            if (found >= 0).all() and error < least - 1e-9:
                best, least = shares, error
    delegated = sum(each.delegated for each in listed) * 2 >= len(listed)
    return Curve(tuple(map(float, best)), delegated)


@dataclass(slots=True)
class Curves:
    """The curves of one format of a table."""

    points: dict[tuple[str, str], list[Point]]
    _fitted: dict[tuple[str, str], Curve] = field(default_factory=dict)

    @classmethod
    def of(cls, points: Iterable[Point]) -> Curves:
        """From the points of a format."""
        sorted_: dict[tuple[str, str], list[Point]] = {}
        for each in points:
            sorted_.setdefault((each.kind, each.precision), []).append(each)
        return cls(sorted_)

    def find(self, kind: str, precision: str) -> Curve | None:
        """The curve of a kind; of the nearest precision where the table lacks this one; None for an unknown kind."""
        while (kind, precision) not in self.points:
            if precision not in INSTEAD:
                return None
            precision = INSTEAD[precision]
        key = (kind, precision)
        if key not in self._fitted:
            self._fitted[key] = fit(self.points[key])
        return self._fitted[key]

    def distance_us(self, bytes_: float) -> float:
        """What a byte of weights takes because it is far away, in a model that has so many of them.

        The smallest of the models that tell lies in the nearest cache, and tells what weights take there.
        """
        points = sorted(self.points.get((STREAM, FLOAT), ()), key=lambda each: each.work.weights)
        if len(points) < 2 or bytes_ <= 0:
            return 0.0
        sizes = [each.work.weights * FLOAT_BYTES for each in points]
        rates = [each.us / size for each, size in zip(points, sizes, strict=True)]
        extra = np.maximum.accumulate([max(rate - rates[0], 0.0) for rate in rates])
        return float(np.interp(np.log(bytes_), np.log(sizes), extra))


_known: dict[int, tuple[tuple[Point, ...], Curves]] = {}
"""id of points that are kept -> they, and their curves."""


def curves_of(points: tuple[Point, ...]) -> Curves:
    """Those of a format of a table; of the same points the same ones, since a search asks hundreds of times."""
    if id(points) not in _known:
        if len(_known) >= KEPT:
            _known.clear()
        _known[id(points)] = points, Curves.of(points)
    return _known[id(points)][1]
