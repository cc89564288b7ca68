"""The figure of many rows is that of the task's metric, which is told all samples itself."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.errors import InputError
from edgemm.judge import METRICS, TrueBoxes, TrueClasses, TruePoints, metric
from edgemm.judge.interval import wilson
from edgemm.judge.tally import make_tally
from edgemm.results import (
    Audio,
    Classification,
    Detections,
    Embedding,
    Keyword,
    Landmarks,
    Picture,
    Segment,
    Segmentation,
    Segments,
    Tags,
    TextLines,
    Transcript,
    Written,
)

COUNT = 14


def f32(values: Any) -> npt.NDArray[np.float32]:
    return np.asarray(values, np.float32)


def classification(rng: np.random.Generator) -> tuple[Any, Any]:
    order = rng.permutation(4)
    return Classification(tuple("abcd"[i] for i in order), f32([0.4, 0.3, 0.2, 0.1]), order), 2


def keyword(rng: np.random.Generator) -> tuple[Any, Any]:
    words = ["yes", "no", ""]
    return Keyword(words[rng.integers(2)], 0.9, 0, 1, bool(rng.integers(2))), words[rng.integers(3)]


def detection(rng: np.random.Generator) -> tuple[Any, Any]:
    corners = rng.uniform(0, 50, (5, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(10, 40, (5, 2))], axis=1)
    truth = TrueBoxes(
        boxes[:3], np.array([0, 1, 0]), crowd=np.array([False, False, True]), ignored=np.zeros(3, bool)
    )
    found = boxes + rng.normal(0, 2, boxes.shape)
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2])
    classes = rng.integers(0, 2, 5)
    return Detections(f32(found), f32(rng.random(5)), classes), truth


def segmentation(rng: np.random.Generator) -> tuple[Any, Any]:
    most = int(rng.integers(2, 6))
    right = rng.integers(0, most, (6, 8)).astype(np.uint8)
    found = np.where(rng.random((6, 8)) < 0.7, right, rng.integers(0, most, (6, 8))).astype(np.uint8)
    right[0, :3] = 255
    return Segmentation(found), TrueClasses(right)


def landmarks(rng: np.random.Generator) -> tuple[Any, Any]:
    right = rng.uniform(0, 100, (6, 2))
    found = f32(right + rng.normal(0, 3, right.shape))
    return Landmarks(found, np.ones(6, np.float32)), TruePoints(right, rng.random(6) < 0.8)


def audio(rng: np.random.Generator) -> tuple[Any, Any]:
    right = rng.standard_normal(400)
    return Audio(f32(right + 0.2 * rng.standard_normal(400)), 8000), right


def embedding(rng: np.random.Generator) -> tuple[Any, Any]:
    who = int(rng.integers(3))
    return Embedding(f32(np.eye(8)[who] + rng.normal(0, 0.5, 8))), f"speaker {who}"


def tagging(rng: np.random.Generator) -> tuple[Any, Any]:
    order = tuple(str(each) for each in rng.permutation(["dog", "rain", "car", "bell"]))
    return Tags(order, f32([0.9, 0.5, 0.2, 0.1])), ["rain", "bell"]


def voice_activity(rng: np.random.Generator) -> tuple[Any, Any]:
    begin = float(rng.uniform(0, 3))
    return Segments((Segment(begin, begin + 2, 0.9),)), [(1.0, 3.5)]


def transcription(rng: np.random.Generator) -> tuple[Any, Any]:
    words = np.array(["one", "two", "three", "four"])
    said = " ".join(rng.choice(words, rng.integers(2, 6)))
    return Transcript(" ".join(rng.choice(words, 4))), said


def text_to_text(rng: np.random.Generator) -> tuple[Any, Any]:
    words = ["the", "cat", "sat", "on", "the", "mat", "and", "looked", "at", "the", "dog"]
    kept = [each for each in words if rng.random() < 0.9]
    return Written(" ".join(kept)), " ".join(words)


def ocr(rng: np.random.Generator) -> tuple[Any, Any]:
    lines = ["Total 12.50", "thank you", "come again"]
    read = tuple(line.replace("o", "0") if rng.random() < 0.5 else line for line in lines)
    return TextLines(read), "\n".join(lines)


def picture(rng: np.random.Generator) -> tuple[Any, Any]:
    right = rng.integers(0, 256, (12, 14)).astype(np.uint8)
    found = np.clip(right + rng.normal(0, rng.uniform(2, 20), right.shape), 0, 255).astype(np.uint8)
    return Picture(found), right


MADE = {
    "classification": classification, "keyword": keyword, "detection": detection, "segmentation": segmentation,
    "landmarks": landmarks, "audio": audio, "embedding": embedding, "tagging": tagging,
    "voice_activity": voice_activity, "transcription": transcription, "text_to_text": text_to_text, "ocr": ocr,
    "picture": picture,
}  # fmt: skip


def samples(task: str, seed: int = 3) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [MADE[task](rng) for _ in range(COUNT)]


def told_all(task: str, pairs: list[tuple[Any, Any]]) -> float:
    whole = metric(task)
    for result, truth in pairs:
        whole.add(result, truth)
    return whole.value()


def test_every_task_with_a_metric_is_tried() -> None:
    assert MADE.keys() == METRICS.keys()


@pytest.mark.parametrize("task", MADE)
def test_rows_make_the_figure_of_the_metric(task: str) -> None:
    pairs, tally = samples(task), make_tally(task)
    rows = json.loads(json.dumps([tally.row(*each) for each in pairs], allow_nan=False))
    wanted = told_all(task, pairs)
    assert np.isfinite(wanted)
    assert tally.value(rows) == pytest.approx(wanted, rel=1e-6, abs=1e-9)  # vectors of embeddings are float32


@pytest.mark.parametrize("task", MADE)
def test_no_rows_show_nothing(task: str) -> None:
    assert np.isnan(make_tally(task).value([]))
    assert make_tally(task).interval([], 0) is None


@pytest.mark.parametrize("task", MADE)
def test_the_figure_lies_in_its_interval(task: str) -> None:
    pairs, tally = samples(task), make_tally(task)
    rows = [tally.row(*each) for each in pairs]
    found = tally.interval(rows, seed=0)
    assert found is not None
    low, high = found
    assert low <= high
    if task != "embedding":  # a resampled pair is never of one sample: the draws have fewer pairs
        assert low - 1e-9 <= tally.value(rows) <= high + 1e-9
    assert tally.interval(rows, seed=0) == found


def test_a_share_has_the_interval_of_wilson() -> None:
    pairs, tally = samples("classification"), make_tally("classification")
    rows = [tally.row(*each) for each in pairs]
    right = sum(result.class_ids[0] == truth for result, truth in pairs)
    assert 0 < right < COUNT
    assert tally.interval(rows, seed=9) == wilson(right, COUNT)


def test_a_picture_that_is_drawn_twice_counts_as_two() -> None:
    """Of boxes that are ranked over all pictures: what the bootstrap relies on."""
    pairs = samples("detection")
    repeats = [0, 2, 1, 3] + [1] * (COUNT - 4)
    drawn = [pair for pair, times in zip(pairs, repeats, strict=True) for _ in range(times)]
    tally = make_tally("detection")
    rows = [tally.row(*each) for each in pairs]
    value_of: Any = type(metric("detection")).value_of  # type: ignore[attr-defined]
    assert value_of(rows, repeats) == pytest.approx(told_all("detection", drawn))
    assert value_of(rows, repeats) != pytest.approx(told_all("detection", pairs))


def test_an_embedding_that_is_drawn_twice_is_not_compared_with_itself() -> None:
    tally: Any = make_tally("embedding")
    rows = [["a", [1.0, 0.0]], ["a", [0.0, 1.0]], ["b", [0.6, 0.8]]]
    from edgemm.judge.tally import _pairs

    # pairs: a-a 0.0 (same), a-b 0.6 and 0.8 (different): every threshold is wrong
    assert tally.value(rows) == 1.0
    # only sample 0, three times: no pair at all
    assert np.isnan(tally._value(*_pairs(rows), np.array([3, 0, 0])))


def test_vectors_of_two_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        make_tally("embedding").value([["a", [1.0]], ["a", [0.0, 1.0]]])


def test_an_infinite_ratio_counts_200_decibels() -> None:
    tone = np.sin(np.arange(400.0))
    tally = make_tally("audio")
    row = tally.row(Audio(f32(tone), 8000), f32(tone).astype(np.float64))
    assert row == [200.0, 1.0]


def test_a_task_without_a_metric_is_refused() -> None:
    with pytest.raises(InputError, match="has a metric"):
        make_tally("tensors")
