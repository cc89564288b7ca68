"""Metrics of tags and of segments of speech, against answers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.judge import metric
from edgemm.results import Segment, Segments, Tags

pytestmark = pytest.mark.device


def tags(*labels: str) -> Tags:
    return Tags(labels, np.linspace(1, 0, len(labels), dtype=np.float32))


@pytest.mark.parametrize(
    ("listed", "truth", "share"),
    [
        ("abc", "a", 1.0),
        ("abc", "b", 1 / 2),
        ("abc", "ab", 1.0),
        ("abc", "ac", (1 / 1 + 2 / 3) / 2),
        ("abc", "bc", (1 / 2 + 2 / 3) / 2),
        ("abc", "ad", 1 / 2),  # d is not listed
        ("", "a", 0.0),
    ],
)
def test_how_high_the_right_labels_are_ranked(listed: str, truth: str, share: float) -> None:
    judge = metric("tagging")
    judge.add(tags(*listed), set(truth))
    assert judge.value() == pytest.approx(share)


def test_tags_of_several_recordings() -> None:
    judge = metric("tagging")
    judge.add(tags("a", "b"), "a")
    judge.add(tags("a", "b"), "b")
    assert judge.report() == {"samples": 2, "LRAP": 0.75, "top-1": 0.5}


@pytest.mark.parametrize("truth", [(), None, 3, [1], b"a"])
def test_what_is_no_label_is_refused(truth: Any) -> None:
    with pytest.raises(InputError, match="the labels that are heard"):
        metric("tagging").add(tags("a"), truth)


def speech(*times: tuple[float, float]) -> Segments:
    return Segments(tuple(Segment(begin, end, 1.0) for begin, end in times))


@pytest.mark.parametrize(
    ("found", "truth", "error"),
    [
        ([(1, 3)], [(1, 3)], 0.0),
        ([], [(1, 3)], 1.0),
        ([(0, 4)], [(1, 3)], 1.0),
        ([(2, 4)], [(1, 3)], 1.0),
        ([(1, 2), (2, 3)], [(1, 3)], 0.0),
        ([(1, 3), (1.5, 2)], [(1, 3)], 0.0),  # what overlaps counts once
        ([(0, 1), (5, 6)], [(0.5, 1), (3, 4.5)], (0.5 + 1 + 1.5) / 2),
        ([(5, 6), (0, 1)], [(3, 4.5), (0.5, 1)], (0.5 + 1 + 1.5) / 2),
    ],
)
def test_seconds_that_are_missed_or_wrongly_found(
    found: list[tuple[float, float]], truth: list[tuple[float, float]], error: float
) -> None:
    judge = metric("voice_activity")
    judge.add(speech(*found), truth)
    assert judge.value() == pytest.approx(error)


def test_the_parts_of_the_error_over_several_recordings() -> None:
    judge = metric("voice_activity")
    judge.add(speech((0, 2)), [(1, 3)])
    judge.add(speech((0, 1)), [])
    judge.add(speech((0, 2)), speech((0, 2)))
    made = judge.report()
    assert made == {
        "samples": 3,
        "detection error": 0.75,
        "missed": 0.25,
        "false alarm": 0.5,
        "speech_s": 4.0,
    }


@pytest.mark.parametrize("truth", [[(2, 1)], [(0, np.nan)], [1, 2], "no", [(1, 2, 3)]])
def test_what_are_no_times_is_refused(truth: Any) -> None:
    with pytest.raises(InputError, match="voice activity: expected"):
        metric("voice_activity").add(speech(), truth)
