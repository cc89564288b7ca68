from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from edgemm.quantize.cut import NEVER, Cut


def cost(sides: tuple[bool, ...], alone: list[tuple[int, int]], apart: list[tuple[int, int, int]]) -> int:
    """By hand: what a division costs; True is the first side."""
    own = sum(first if here else second for here, (first, second) in zip(sides, alone, strict=True))
    return own + sum(price for one, other, price in apart if sides[one] and not sides[other])


@pytest.mark.parametrize("seed", range(12))
def test_no_division_is_cheaper(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 7
    alone = [(int(a), int(b)) for a, b in random.integers(0, 20, (count, 2))]
    apart = [
        (int(a), int(b), int(price))
        for a, b, price in zip(*random.integers(0, count, (2, 14)), random.integers(0, 9, 14), strict=True)
        if a != b
    ]
    cut = Cut()
    for thing, (first, second) in enumerate(alone):
        cut.side(thing, first, second)
    for one, other, price in apart:
        cut.apart(one, other, price)
    found = cut.first_side()
    least = min(cost(sides, alone, apart) for sides in product((False, True), repeat=count))
    assert cost(tuple(thing in found for thing in range(count)), alone, apart) == least


def test_what_must_not_be_is_not() -> None:
    cut = Cut()
    cut.side("a", 0, 5)
    cut.side("b", NEVER, 0)
    cut.apart("a", "b", NEVER)
    assert cut.first_side() == frozenset()


def test_of_equal_divisions_the_first_side_has_the_fewest() -> None:
    cut = Cut()
    cut.side("a", 3, 3)
    cut.side("b", 2, 3)
    assert cut.first_side() == {"b"}
