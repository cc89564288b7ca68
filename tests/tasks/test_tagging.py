"""Tagging: labels that begin and end, by two thresholds, for each label by itself."""

from __future__ import annotations

from typing import Any

import decoding
import numpy as np
import pytest

from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard
from edgemm.errors import CardError
from edgemm.results import Tag, Tags
from edgemm.tasks import open_decoder
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.tagging import TaggingRecipe
from edgemm.tasks.tagging.task import TaggingDecoder
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

LABELS = ("speech", "bark", "rain")
SPECS = (TensorSpec("scores", (1, 3), "float32"),)


def decoder(samples: int = 1000, stride: int = 1000, **recipe: Any) -> TaggingDecoder:
    """Of a model that hears 1,000 samples a second."""
    audio = AudioRecipe(sample_rate=1000, feature="waveform", samples=samples, stride=stride)
    card = ModelCard(
        task="tagging",
        inputs=(InputCard("sound", "audio", (1, samples), "NT", audio=audio),),
        outputs=(OutputCard("scores", (1, 3), "probabilities"),),
        labels=LABELS,
        recipe=TaggingRecipe(**{"threshold": 0.5, "hysteresis": 0.2, **recipe}),
    )
    opened = open_decoder(card, SPECS)
    assert isinstance(opened, TaggingDecoder)
    return opened


def scores(*row: float) -> Outputs:
    return decoding.outputs(SPECS, np.array([row], np.float32))


def hear(read: TaggingDecoder, *barks: float, window_s: float = 1.0, stride_s: float = 1.0) -> list[Tags]:
    """The results of a stream of windows in which a dog barks so much."""
    state, found = read.begin(), list[Tags]()
    context = Context()
    for at, bark in enumerate(barks):
        end_s = window_s + at * stride_s
        context = Context(begin_s=end_s - window_s, end_s=end_s)
        found += read.decode(scores(0.1, bark, 0.0), context, state)
    return [*found, *read.end(context, state)]


def told(found: list[Tags]) -> list[tuple[str, float, float]]:
    return [(each.label, each.begin_s, each.end_s) for tags in found for each in tags.ended]


def test_a_label_begins_at_one_threshold_and_ends_at_a_lower_one() -> None:
    found = hear(decoder(), 0.4, 0.5, 0.3, 0.4, 0.29, 0.4)
    assert [len(each.begun) for each in found] == [0, 1, 0, 0, 0, 0]
    assert found[1].begun == (Tag("bark", 1.0, 2.0, 0.5),)
    assert found[4].ended == (Tag("bark", 1.0, 4.0, 0.5),)
    assert told(found) == [("bark", 1.0, 4.0)]


def test_what_goes_on_ends_with_the_sound() -> None:
    found = hear(decoder(), 0.1, 0.6, 0.9)
    assert found[-1].labels == ()
    assert found[-1].ended == (Tag("bark", 1.0, 3.0, pytest.approx(0.9)),)  # type: ignore[arg-type]


def test_what_is_shorter_than_the_shortest_is_not_told() -> None:
    found = hear(decoder(shortest_s=2.0), 0.9, 0.1, 0.9, 0.9, 0.9, 0.1)
    assert [len(each.begun) for each in found] == [0, 0, 0, 1, 0, 0]
    assert told(found) == [("bark", 2.0, 5.0)]


def test_scores_are_the_mean_over_the_newest_windows() -> None:
    found = hear(decoder(smooth_windows=2), 0.4, 0.8, 0.0, 0.0)
    assert [dict(zip(each.labels, each.scores, strict=True)).get("bark", 0) for each in found[:4]] == (
        pytest.approx([0.4, 0.6, 0.4, 0.0])
    )
    assert told(found) == [("bark", 1.0, 3.0)]


def test_each_label_stands_for_itself() -> None:
    read = decoder()
    state = read.begin()
    rows = [(0.9, 0.9, 0.0), (0.9, 0.0, 0.9), (0.0, 0.0, 0.9)]
    found = [
        tags
        for at, row in enumerate(rows)
        for tags in read.decode(scores(*row), Context(begin_s=at, end_s=at + 1), state)
    ]
    assert [[each.label for each in tags.begun] for tags in found] == [["speech", "bark"], ["rain"], []]
    assert told(found) == [("bark", 0.0, 1.0), ("speech", 0.0, 2.0)]


def test_a_window_speaks_for_the_stride_in_its_middle_the_first_for_all_before() -> None:
    read = decoder(samples=1000, stride=500)
    assert told(hear(read, 0.1, 0.9, 0.9, 0.1, stride_s=0.5)) == [("bark", 0.75, 1.75)]
    assert told(hear(read, 0.9, 0.1, 0.1, stride_s=0.5)) == [("bark", 0.0, 0.75)]


def test_the_list_has_the_best_labels_first() -> None:
    (found,) = decoder(top_k=2).decode(scores(0.2, 0.7, 0.4), Context(end_s=1.0), decoder().begin())
    assert (found.labels, found.label) == (("bark", "rain"), "bark")
    assert found.score == pytest.approx(0.7)


def test_only_some_labels_are_told_and_listed() -> None:
    read = decoder(classes=("rain",))
    (found,) = read.decode(scores(0.9, 0.9, 0.6), Context(end_s=1.0), read.begin())
    assert found.labels == ("rain",)
    assert [each.label for each in found.begun] == ["rain"]


def test_a_recording_has_the_mean_of_its_windows_and_all_events() -> None:
    windows = [scores(0.0, 0.9, 0.6), scores(0.0, 0.9, 0.0), scores(0.0, 0.0, 0.9)]
    found = decoder().whole(windows, Context(end_s=2.6), 0.0)
    assert found.labels[:2] == ("bark", "rain")
    assert found.scores[:2] == pytest.approx([0.6, 0.5])
    assert [(each.label, each.begin_s, each.end_s) for each in found.ended] == [
        ("rain", 0.0, 1.0),
        ("bark", 0.0, 2.0),
        ("rain", 1.6, 2.6),  # the last window ends where the recording does
    ]


def test_two_streams_of_one_decoder_do_not_touch() -> None:
    read = decoder()
    hear(read, 0.9, 0.9)
    assert told(hear(read, 0.4, 0.4)) == []


def test_a_class_that_is_not_known_is_refused() -> None:
    with pytest.raises(
        CardError, match=r"classes: 'barks' is none of the model's labels.*Did you mean 'bark'"
    ):
        decoder(classes=("barks",))


def test_a_model_without_sound_is_no_tagger() -> None:
    card = ModelCard(task="tagging", outputs=(OutputCard("scores", (1, 3), "probabilities"),))
    with pytest.raises(CardError, match="tagging needs an input made from sound"):
        open_decoder(card, SPECS)
