"""Sound is heard to its end: tags and segments of a model on a stream, and of the whole recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import edgemm
from edgemm.card import ModelCard, OutputCard
from edgemm.media import AudioBlock
from edgemm.results import Segments, Tags
from edgemm.session import NO_CLOCK, Emission, Gap
from edgemm.tasks.tagging import TaggingRecipe
from edgemm.tasks.voice_activity import VoiceActivityRecipe

pytestmark = pytest.mark.device
RATE = 8000
Make = Callable[..., edgemm.Model]


def loud_between(begin: int, end: int, count: int) -> npt.NDArray[np.float32]:
    samples = np.zeros(count, np.float32)
    samples[begin:end] = 1.0
    return samples


def stream(
    model: edgemm.Model, samples: npt.NDArray[np.float32], size: int, start: int = 0
) -> list[Emission]:
    session = model.session()
    found: list[Emission] = []
    for at in range(0, len(samples), size):
        position = start + at
        block = AudioBlock(samples[at : at + size], RATE, position * 125_000, position)
        found += session.feed(block, NO_CLOCK)
    return [*found, *session.finish(NO_CLOCK)]


@pytest.fixture
def tagger(make: Make, loud_card: ModelCard) -> edgemm.Model:
    card = replace(
        loud_card, task="tagging", outputs=(OutputCard("logits", (1, 2), "sigmoid"),),
        recipe=TaggingRecipe(threshold=0.6, hysteresis=0.05, classes=("loud",)),
    )  # fmt: skip
    return make("loud.tflite", card)


@pytest.fixture
def listener(make: Make, loud_card: ModelCard) -> edgemm.Model:
    recipe = VoiceActivityRecipe(speech="loud", shortest_speech_s=0.0, shortest_silence_s=0.01, padding_s=0.0)
    return make("loud.tflite", replace(loud_card, task="voice_activity", recipe=recipe))


@pytest.mark.parametrize("size", [7, 40, 400])
@pytest.mark.parametrize("count", [400, 413, 439])
def test_tags_of_a_stream_are_those_of_the_recording(tagger: edgemm.Model, size: int, count: int) -> None:
    samples = loud_between(160, count, count)
    whole = tagger(samples, sample_rate=RATE)
    assert isinstance(whole, Tags)
    ended = [each for found in stream(tagger, samples, size) for each in found.value.ended]  # type: ignore[attr-defined]
    for (one,) in (whole.ended, ended):
        assert one.label == "loud"
        assert one.begin_s == pytest.approx(160 / RATE, abs=40 / RATE)  # a stride
        assert one.end_s == pytest.approx(count / RATE, abs=1e-9)


def test_what_only_the_end_holds_is_tagged(tagger: edgemm.Model) -> None:
    """45 loud samples, 5 of them behind the last whole stride."""
    found = stream(tagger, loud_between(400, 445, 445), 64)
    assert [each.label for item in found for each in item.value.begun] == ["loud"]  # type: ignore[attr-defined]
    assert max(each.newest_ns for each in found) == 445 * 125_000


def test_a_sound_shorter_than_a_window_is_tagged(tagger: edgemm.Model) -> None:
    found = stream(tagger, np.ones(60, np.float32), 20)
    (ended,) = [each for item in found for each in item.value.ended]  # type: ignore[attr-defined]
    assert (ended.begin_s, ended.end_s) == pytest.approx((0.0, 60 / RATE))
    times = [(each.value.begin_s, each.value.end_s) for each in found]  # type: ignore[attr-defined]
    np.testing.assert_allclose(times, [(0.0, 60 / RATE)] * 2)
    session = tagger.session()
    for _ in range(2):  # what a sound before it was filled up with does not count
        session.reset()
        again = [*session.feed(AudioBlock(np.ones(400, np.float32), RATE, 0, 0), NO_CLOCK)]
        assert max(each.value.end_s for each in again) == pytest.approx(400 / RATE)  # type: ignore[attr-defined]
        list(session.feed(AudioBlock(np.ones(60, np.float32), RATE, 0, 400), NO_CLOCK))
        list(session.finish(NO_CLOCK))


@pytest.mark.parametrize("size", [7, 400])
@pytest.mark.parametrize(("begin", "end"), [(0, 0), (120, 320), (240, 800), (360, 611)])
def test_segments_of_a_stream_are_those_of_the_recording(
    listener: edgemm.Model, size: int, begin: int, end: int
) -> None:
    samples = loud_between(begin, end, max(end, 600))
    whole = listener(samples, sample_rate=RATE)
    assert isinstance(whole, Segments)
    told: list[Any] = [each.value for each in stream(listener, samples, size) if each.final]
    found = [each for result in told for each in result.segments]
    assert len(found) == len(whole.segments) == (end > 0)
    for one, other in zip(found, whole.segments, strict=True):
        assert (one.begin_s, one.end_s) == pytest.approx((other.begin_s, other.end_s), abs=1e-9)
        assert one.begin_s == pytest.approx(begin / RATE, abs=40 / RATE)
        assert one.end_s == pytest.approx(end / RATE, abs=40.1 / RATE)  # a stride


def test_times_count_from_the_beginning_of_the_source(listener: edgemm.Model) -> None:
    samples = loud_between(120, 320, 600)
    early, late = (
        [each.value.segments[0] for each in stream(listener, samples, 64, start) if each.final]  # type: ignore[attr-defined]
        for start in (0, 8000)
    )
    assert late[0].begin_s - early[0].begin_s == pytest.approx(1.0)
    assert late[0].end_s - early[0].end_s == pytest.approx(1.0)


def test_speech_ends_at_a_gap(listener: edgemm.Model) -> None:
    session = listener.session()
    block = AudioBlock(np.ones(400, np.float32), RATE, 0, 0)
    begun = list(session.feed(block, NO_CLOCK))
    assert [each.final for each in begun] == [False]
    (ended,) = session.gap(Gap(80), NO_CLOCK)
    assert ended.final
    assert isinstance(ended.value, Segments)
    assert ended.value.segments[0].end_s == pytest.approx(400 / RATE)
    after = AudioBlock(np.zeros(400, np.float32), RATE, 0, 480)
    assert list(session.feed(after, NO_CLOCK)) == []
    assert list(session.finish(NO_CLOCK)) == []
