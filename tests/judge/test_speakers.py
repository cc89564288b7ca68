"""The equal error rate and fitted thresholds, against answers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.judge import equal_error, fit_threshold, metric
from edgemm.results import Embedding

pytestmark = pytest.mark.device


@pytest.mark.parametrize(
    ("same", "different", "rate"),
    [
        ([0.9, 0.8], [0.1, 0.2], 0.0),
        ([0.1, 0.2], [0.8, 0.9], 1.0),
        ([0.5], [0.5], 0.5),
        ([0.2, 0.8], [0.2, 0.8], 0.5),
        # one of four rejected and one of four accepted between 0.4 and 0.6
        ([0.4, 0.7, 0.8, 0.9], [0.1, 0.2, 0.3, 0.6], 0.25),
        # rejected 0 at 0.3, 1/2 at 0.5; accepted 1/4 at 0.3, 1/4 at 0.5: the lines meet half-way, at 1/4
        ([0.3, 0.9], [0.1, 0.2, 0.25, 0.7], 0.25),
    ],
)
def test_equal_error_by_hand(same: list[float], different: list[float], rate: float) -> None:
    assert equal_error(same, different)[0] == pytest.approx(rate)


def test_equal_error_of_two_normal_distributions() -> None:
    """Means 2 apart, deviation 1: the normal distribution has 15.87 % below -1."""
    draw = np.random.default_rng(0)
    rate, threshold = equal_error(draw.normal(2, 1, 200_000), draw.normal(0, 1, 200_000))
    assert rate == pytest.approx(0.15866, abs=0.002)
    assert threshold == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("allowed", "accepts", "rejects"),
    [(0.0, 0.0, 0.75), (0.25, 0.25, 0.5), (0.49, 0.25, 0.5), (0.5, 0.5, 0.25), (0.75, 0.75, 0.0)],
)
def test_a_threshold_for_a_stated_rate(allowed: float, accepts: float, rejects: float) -> None:
    found = fit_threshold([0.25, 0.45, 0.65, 0.95], [0.2, 0.4, 0.6, 0.8], allowed)
    assert (found.false_accepts, found.false_rejects) == (accepts, rejects)
    assert (found.same, found.different) == (4, 4)


def test_equal_similarities_are_accepted_together_or_not_at_all() -> None:
    found = fit_threshold([0.9], [0.5, 0.5, 0.5, 0.1], 0.5)
    assert found.false_accepts == 0.0
    assert 0.5 < found.threshold <= 0.9


def test_a_rate_that_the_pairs_cannot_show_is_refused() -> None:
    with pytest.raises(InputError, match=r"0\.001 cannot be measured on 10 pairs.*give 1000 pairs"):
        fit_threshold([0.9], [0.1] * 10, 0.001)


@pytest.mark.parametrize(
    ("same", "different", "rate", "words"),
    [
        ([], [0.1], 0.1, "at least one pair of the same one"),
        ([0.1], [], 0.1, "at least one pair of different ones"),
        ([np.nan], [0.1], 0.0, "finite similarities"),
        ([0.1], [0.1], 1.0, "0 or more and below 1"),
        ([0.1], [0.1], -0.1, "0 or more and below 1"),
    ],
)
def test_pairs_that_show_nothing_are_refused(same: Any, different: Any, rate: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit_threshold(same, different, rate)


def vector(*numbers: float) -> Embedding:
    return Embedding(np.array(numbers, np.float32))


def test_all_pairs_of_samples_count() -> None:
    judge = metric("embedding")
    for name, embedding in (("a", (1, 0)), ("a", (2, 0)), ("b", (0, 1)), ("b", (1, 0)), ("c", (0, -1))):
        judge.add(vector(*embedding), name)
    made = judge.report()
    assert (made["samples"], made["same"], made["different"]) == (5, 2, 8)
    # same: 1 (a), 0 (b). different: a-b 0 and 1, twice; a-c 0, 0; b-c -1, 0: 2 of 8 are 1. At thresholds in (0, 1]:
    # rejected 1/2, accepted 1/4; at 0: rejected 0, accepted 7/8. 7/8 - 7/8 t + 1/4 t = t/2 ... meets at t = 7/9.
    assert made["EER"] == pytest.approx(7 / 18)


def test_one_name_alone_has_no_rate() -> None:
    judge = metric("embedding")
    judge.add(vector(1, 0), "a")
    judge.add(vector(1, 1), "a")
    assert np.isnan(judge.value())
    assert judge.report() == {"samples": 2, "EER": None, "threshold": None, "same": 1, "different": 0}


@pytest.mark.parametrize(
    ("embedding", "truth", "words"),
    [
        (vector(1, 0), 3, "expected a name"),
        (vector(0, 0), "a", "not all of them 0"),
        (vector(np.nan, 0), "a", "finite"),
        (vector(1, 0, 0), "a", "expected 2 numbers as before, found 3"),
    ],
)
def test_samples_that_do_not_fit_are_refused(embedding: Embedding, truth: Any, words: str) -> None:
    judge = metric("embedding")
    judge.add(vector(1, 1), "a")
    with pytest.raises(InputError, match=words):
        judge.add(embedding, truth)
