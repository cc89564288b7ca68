"""Metrics of tags and of segments of speech, against answers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.judge import metric
from edgemm.results import Audio, Classification, Embedding, Keyword, Segment, Segments, Tags, Transcript

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
        ([(1, 10), (2, 3), (5, 6)], [(1, 10)], 0.0),
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


def test_si_sdr_by_hand() -> None:
    """The rest is at right angles to the true sound and half as strong: 20 log10(2) dB, whatever the loudness."""
    right = np.array([1.0, -1.0, 1.0, -1.0], np.float32)
    rest = np.array([0.5, 0.5, -0.5, -0.5], np.float32)
    judge = metric("audio")
    for gain in (1.0, 0.1, -3.0):
        judge.add(Audio((gain * (right + rest)).astype(np.float32), 8000), right)
    assert judge.value() == pytest.approx(20 * np.log10(2), abs=1e-5)
    assert judge.report()["samples"] == 3


def test_si_sdr_takes_no_mean_into_account() -> None:
    right = np.sin(np.arange(100)).astype(np.float32)
    judge = metric("audio")
    judge.add(Audio(right + np.float32(0.5), 8000), Audio(right, 8000))
    assert judge.value() > 100


def test_the_same_sound_is_infinitely_near_and_silence_infinitely_far() -> None:
    right = np.array([1.0, -1.0], np.float32)
    for samples, figure in ((right, np.inf), (np.zeros(2, np.float32), -np.inf)):
        judge = metric("audio")
        judge.add(Audio(samples, 8000), right)
        assert judge.value() == figure
        assert judge.report() == {"samples": 1, "SI-SDR": None, "worst": None}


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (np.zeros(2, np.float32), "something is to be heard"),
        (np.ones(3, np.float32), "expected 3 samples as the truth has, found 2"),
        (np.array([1, np.nan], np.float32), "finite samples in the truth"),
        (np.array([1, 2]), r"the truth as float\[n\]"),
        (Audio(np.array([1, -1], np.float32), 16_000), "expected 16000 Hz as the truth, found 8000"),
    ],
)
def test_truths_of_sound_that_do_not_fit_are_refused(truth: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        metric("audio").add(Audio(np.array([1, -1], np.float32), 8000), truth)


@pytest.mark.parametrize(
    "task", ["transcription", "embedding", "tagging", "keyword", "classification", "text_to_text"]
)
def test_a_truth_that_is_sound_is_not_shown(task: str) -> None:
    """Of recordings in noisy/ and clean/ for a model of another task: what was said stands in no message."""
    judge: Any = metric(task)
    results: dict[str, Any] = {
        "transcription": Transcript(""), "embedding": Embedding(np.ones(2, np.float32)), "text_to_text": "a",
        "keyword": Keyword("", 0.0, 0.0, 1.0),
        "classification": Classification(("a",), np.ones(1, np.float32), np.zeros(1, np.int64)),
        "tagging": Tags(("a",), np.ones(1, np.float32)),
    }  # fmt: skip
    with pytest.raises(InputError, match=r"truth.*found Audio") as refused:
        judge.add(results[task], Audio(np.full(4, 0.0625, np.float32), 16_000))
    assert "0625" not in str(refused.value)


def test_a_text_where_clean_sound_is_expected() -> None:
    with pytest.raises(InputError, match="expected the clean sound as the truth, found str"):
        metric("audio").add(Audio(np.ones(4, np.float32), 16_000), "secret")
