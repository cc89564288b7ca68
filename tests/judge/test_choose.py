"""The best model under constraints, and what the nearest one misses."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edgemm.errors import InputError
from edgemm.judge.choose import Constraint, choose, constraints

KNOWN = ("top_1", "accuracy", "latency_ms", "size_kb", "energy_mj")


def model(
    accuracy: float | None, latency_ms: float | None, size_kb: float = 100.0, **more: Any
) -> dict[str, Any]:
    return {"accuracy": accuracy, "top_1": accuracy, "latency_ms": latency_ms, "size_kb": size_kb, **more}


def best(models: list[dict[str, Any]], text: str, *, higher: bool = True) -> Any:
    return choose(models, constraints(text, KNOWN), figure="top_1", higher_is_better=higher)


def test_constraints_are_read_with_their_signs() -> None:
    assert constraints(" accuracy>=0.95,latency_ms <= 20, Size-KB<5e2, top-1>0 ", KNOWN) == (
        Constraint("accuracy", ">=", 0.95), Constraint("latency_ms", "<=", 20.0), Constraint("size_kb", "<", 500.0),
        Constraint("top_1", ">", 0.0),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found ''"), ("accuracy", "found 'accuracy'"), ("accuracy=0.9", "one of >=, <=, > and <"),
        ("accuracy>=a", "expected a number"), ("accuracy>=nan", "expected a number"),
        ("accuracy>=inf", "expected a number"), ("latency_m<=2", "Did you mean 'latency_ms'"),
        ("accuracy>=0.9,", "found ''"), ("accuracy>=0.9;size_kb<=3", "expected a number"),
    ],
)  # fmt: skip
def test_what_is_no_constraint_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        constraints(text, KNOWN)


def test_the_best_figure_among_those_that_fit_is_taken() -> None:
    models = [model(0.99, 30), model(0.96, 10), model(0.97, 19), model(0.90, 1)]
    assert best(models, "accuracy>=0.95, latency_ms<=20").best == 2
    assert best(models, "accuracy>=0.5").best == 0


def test_bounds_that_are_met_exactly_are_met_where_the_sign_says_so() -> None:
    models = [model(0.95, 20)]
    assert best(models, "accuracy>=0.95, latency_ms<=20").best == 0
    assert best(models, "accuracy>0.95").best is None
    assert best(models, "latency_ms<20").best is None
    assert best([model(0.95, 0.0)], "latency_ms>0").best is None


def test_of_equal_ones_the_faster_then_the_smaller_then_the_first() -> None:
    assert best([model(0.9, 5), model(0.9, 4), model(0.9, 6)], "accuracy>0").best == 1
    assert best([model(0.9, 5, 9), model(0.9, 5, 8), model(0.9, 5, 8)], "accuracy>0").best == 1
    assert best([model(0.9, None, 1), model(0.9, 5, 8)], "accuracy>0").best == 1


def test_an_error_is_better_when_it_is_lower() -> None:
    assert best([model(0.3, 5), model(0.1, 9)], "top_1<=0.5", higher=False).best == 1


def test_the_nearest_is_named_with_what_it_misses() -> None:
    models = [model(0.94, 40), model(0.80, 19), model(0.93, 21)]
    found = best(models, "accuracy>=0.95, latency_ms<=20")
    # misses: 0.011 + 1.0; 0.158 + 0; 0.021 + 0.05
    assert (found.best, found.nearest) == (None, 2)
    assert found.missed == ("accuracy>=0.95: it has 0.93", "latency_ms<=20: it has 21")


def test_what_is_not_told_meets_nothing() -> None:
    found = best([model(0.99, 5, energy_mj=None), model(0.9, math.nan, energy_mj=3.0)], "energy_mj<=1")
    assert (found.best, found.nearest, found.missed) == (None, 1, ("energy_mj<=1: it has 3",))
    found = best([model(0.99, math.nan)], "latency_ms<=20")
    assert found.missed == ("latency_ms<=20: not told",)


def test_a_bound_of_zero_is_missed_by_its_distance() -> None:
    assert best([model(0.5, 3), model(0.5, 2)], "latency_ms<=0").nearest == 1


def test_no_models_are_refused() -> None:
    with pytest.raises(InputError, match="at least one model"):
        best([], "accuracy>0")
