"""Voice activity: from probabilities to segments, held against the rules applied to the whole recording at once."""

from __future__ import annotations

import math
from typing import Any

import decoding
import numpy as np
import pytest

from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard
from edgemm.errors import CardError
from edgemm.results import Segments
from edgemm.tasks import open_decoder
from edgemm.tasks.context import Context
from edgemm.tasks.timing import Timing
from edgemm.tasks.voice_activity import VoiceActivityRecipe
from edgemm.tasks.voice_activity.segmenter import Segmenter
from edgemm.tasks.voice_activity.task import VoiceActivityDecoder
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

STEP_S = 0.125
"""A power of two, so that sums of it are exact."""
PLAIN: dict[str, Any] = {"shortest_speech_s": 0.0, "shortest_silence_s": 0.125, "padding_s": 0.0}
Times = list[tuple[float, float]]


def segments(probabilities: list[float], end_s: float | None = None, **recipe: Any) -> Times:
    """What a stream of these windows tells."""
    listening = Segmenter(VoiceActivityRecipe(**{**PLAIN, **recipe}))
    found = []
    for at, each in enumerate(probabilities):
        found += listening.push(each, at * STEP_S, (at + 1) * STEP_S)
    found += listening.end(len(probabilities) * STEP_S if end_s is None else end_s)
    return [(each.begin_s, each.end_s) for each in found]


def by_the_rules(probabilities: list[float], recipe: VoiceActivityRecipe) -> Times:
    """All at once: the runs of speech, those that are long enough, then their padding."""
    runs: list[list[float]] = []
    begin: float | None = None
    quiet: float | None = None
    for at, each in enumerate(probabilities):
        now = at * STEP_S
        if each >= recipe.threshold:
            begin, quiet = (now if begin is None else begin), None
        elif begin is not None and each < max(recipe.threshold - recipe.hysteresis, 0.01):
            quiet = now if quiet is None else quiet
            if now - quiet >= recipe.shortest_silence_s:
                runs.append([begin, quiet])
                begin = quiet = None
    total = len(probabilities) * STEP_S
    if begin is not None:
        runs.append([begin, total])
    kept = [run for run in runs if run[1] - run[0] > recipe.shortest_speech_s]
    padded = [list(run) for run in kept]
    for at, run in enumerate(kept):
        before = run[0] - kept[at - 1][1] if at else np.inf
        behind = kept[at + 1][0] - run[1] if at + 1 < len(kept) else np.inf
        padded[at][0] = max(0.0, run[0] - min(recipe.padding_s, before / 2))
        padded[at][1] = min(total, run[1] + min(recipe.padding_s, behind / 2))
    return [(run[0], run[1]) for run in padded]


@pytest.mark.parametrize(
    ("probabilities", "recipe", "found"),
    [
        ([0, 0.5, 0.9, 0, 0, 0], {}, [(0.125, 0.375)]),
        ([0, 0.49, 0], {}, []),
        ([0, 0.9, 0.4, 0.9, 0, 0], {}, [(0.125, 0.5)]),  # 0.4 is above 0.5 - 0.15
        ([0, 0.9, 0.3, 0.3, 0.9, 0, 0], {}, [(0.125, 0.25), (0.5, 0.625)]),
        ([0, 0.9, 0.3, 0.3, 0.9, 0, 0], {"shortest_silence_s": 0.3}, [(0.125, 0.875)]),
        ([0, 0.9, 0, 0, 0], {"shortest_speech_s": 0.125}, []),  # no longer than that
        ([0, 0.9, 0.9, 0, 0], {"shortest_speech_s": 0.125}, [(0.125, 0.375)]),
        ([0, 0.9, 0.9], {}, [(0.125, 0.375)]),
        ([0, 0, 0.9, 0, 0, 0], {"padding_s": 0.0625}, [(0.1875, 0.4375)]),
        ([0.9, 0, 0, 0], {"padding_s": 0.0625}, [(0.0, 0.1875)]),
        ([0.9, 0, 0, 0.9, 0, 0], {"padding_s": 0.25}, [(0.0, 0.25), (0.25, 0.75)]),  # share what is between
    ],
)
def test_segments_by_hand(probabilities: list[float], recipe: dict[str, Any], found: Times) -> None:
    assert segments(probabilities, **recipe) == found


def test_a_short_sound_between_two_segments_takes_no_padding_from_them() -> None:
    """The click is left out as too short, so that the padding of both sides is whole."""
    probabilities = [0.9] * 4 + [0, 0, 0.9, 0, 0, 0] + [0.9] * 4 + [0] * 4
    found = segments(probabilities, shortest_speech_s=0.25, padding_s=0.25)
    assert found == [(0.0, 0.75), (1.0, 2.0)]


def test_a_stream_tells_what_the_rules_say_of_the_whole() -> None:
    draw = np.random.default_rng(0)
    seen = 0
    for _ in range(300):
        recipe = VoiceActivityRecipe(
            hysteresis=float(draw.choice([0, 0.15, 0.6])),
            shortest_speech_s=float(draw.choice([0, 0.125, 0.375])),
            shortest_silence_s=float(draw.choice([0, 0.125, 0.3])),
            padding_s=float(draw.choice([0, 0.0625, 0.25, 0.5])),
        )
        walk = 0.5 + np.cumsum(draw.normal(0, 0.3, 60))
        probabilities = np.abs((walk + 1) % 2 - 1).tolist()
        settings = {key: getattr(recipe, key) for key in (*PLAIN, "hysteresis")}
        expected = by_the_rules(probabilities, recipe)
        seen += len(expected)
        found = segments(probabilities, **settings)
        assert len(found) == len(expected), recipe
        assert np.ravel(found) == pytest.approx(np.ravel(expected), abs=1e-9), recipe
    assert seen > 800


def test_speech_is_under_way_once_it_is_longer_than_the_shortest() -> None:
    listening = Segmenter(VoiceActivityRecipe(**{**PLAIN, "shortest_speech_s": 0.25}))
    told = []
    for at, each in enumerate([0, 0.9, 0.7, 0.8, 0, 0]):
        listening.push(each, at * STEP_S, (at + 1) * STEP_S)
        now = listening.under_way
        told.append(None if now is None else (now.begin_s, now.end_s, round(now.score, 3)))
    assert told == [None, None, None, (0.125, 0.5, 0.8), (0.125, 0.5, 0.8), None]


SPECS = (TensorSpec("scores", (1, 2), "float32"),)


def decoder(**recipe: Any) -> VoiceActivityDecoder:
    audio = AudioRecipe(sample_rate=1000, feature="waveform", version=2, samples=150, stride=125, lead=25)
    card = ModelCard(
        task="voice_activity",
        inputs=(InputCard("sound", "audio", (1, 150), "NT", audio=audio),),
        outputs=(OutputCard("scores", (1, 2), "probabilities"),),
        labels=("noise", "speech"),
        recipe=VoiceActivityRecipe(**{**PLAIN, "speech": "speech", **recipe}),
    )
    opened = open_decoder(card, SPECS)
    assert isinstance(opened, VoiceActivityDecoder)
    return opened


def stream(read: VoiceActivityDecoder, *probabilities: float) -> list[Segments]:
    state, context, found = read.begin(), Context(), list[Segments]()
    for at, each in enumerate(probabilities, 1):
        outputs = decoding.outputs(SPECS, np.array([[1 - each, each]], np.float32))
        context = Context(end_s=at * STEP_S)
        found += read.decode(outputs, context, state)
    return [*found, *read.end(context, state)]


def test_begun_is_told_once_and_what_is_over_is_final() -> None:
    found = stream(decoder(), 0, 0.9, 0.9, 0.9, 0, 0, 0.9)
    assert [(each.final, each.segments[0].begin_s, each.segments[0].end_s) for each in found] == [
        (False, 0.125, 0.25),
        (True, 0.125, 0.5),
        (False, 0.75, 0.875),
        (True, 0.75, 0.875),
    ]


def test_a_recording_has_all_segments_and_ends_where_it_ends() -> None:
    rows = [0, 0.9, 0, 0, 0.9]
    windows = [decoding.outputs(SPECS, np.array([[0, each]], np.float32)) for each in rows]
    found = decoder(padding_s=0.0625).whole(windows, Context(end_s=0.6), 0.0)
    times = [time for each in found.segments for time in (each.begin_s, each.end_s)]
    assert times == pytest.approx([0.0625, 0.3125, 0.4375, 0.6])
    assert found.final


def test_times_are_earlier_by_the_delay() -> None:
    (_, found) = stream(decoder(delay_s=0.125), 0, 0, 0.9, 0.9, 0, 0)
    assert (found.segments[0].begin_s, found.segments[0].end_s) == (0.125, 0.375)


@pytest.mark.parametrize(
    ("speech", "words"),
    [
        ("", "expected the label of the score of speech, of noise, speech"),
        ("speach", "Did you mean 'speech'"),
    ],
)
def test_which_score_is_speech_must_be_said(speech: str, words: str) -> None:
    with pytest.raises(CardError, match=words):
        decoder(speech=speech)


@pytest.mark.parametrize(("rate", "stride"), [(1000, 125), (16_000, 512), (8000, 1), (44_100, 441)])
def test_the_silence_behind_a_sound_completes_its_last_window_and_no_other(rate: int, stride: int) -> None:
    audio = AudioRecipe(sample_rate=rate, feature="waveform", samples=stride, stride=stride)
    card = ModelCard(task="voice_activity", inputs=(InputCard("sound", "audio", audio=audio),))
    silence = math.ceil(Timing.of(card).rest_s * rate)
    assert all(1 <= (rest + silence) // stride < 2 for rest in range(1, stride))
    assert silence < stride
