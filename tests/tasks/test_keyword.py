"""Keyword spotting: threshold, smoothing, background, and each word found once."""

from __future__ import annotations

from typing import Any

import decoding
import numpy as np
import pytest

from edgemm.card import ModelCard, OutputCard
from edgemm.errors import CardError
from edgemm.results import Keyword
from edgemm.tasks.context import Context
from edgemm.tasks.keyword import KeywordRecipe
from edgemm.tasks.keyword.task import KeywordDecoder
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

SPECS = (TensorSpec("scores", (1, 3), "float32"),)
NONE, YES, NO = [0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.0, 0.1, 0.9]


def decoder(**recipe: Any) -> KeywordDecoder:
    recipe = {"threshold": 0.6, "background": ("noise",), **recipe}
    card = ModelCard(
        task="keyword",
        outputs=(OutputCard("scores", (1, 3), "probabilities"),),
        labels=("noise", "yes", "no"),
    )
    return KeywordDecoder(card, KeywordRecipe(**recipe), SPECS)


class Spotter:
    """A decoder on one stream."""

    def __init__(self, decoder: KeywordDecoder) -> None:
        self.decoder, self.state = decoder, decoder.begin()

    def __call__(self, scores: Outputs, start_s: float, end_s: float) -> Keyword:
        (found,) = self.decoder.decode(scores, Context(begin_s=start_s, end_s=end_s), self.state)
        return found

    def reset(self) -> None:
        self.state = self.decoder.begin()


def outputs(scores: list[float]) -> Outputs:
    return decoding.outputs(SPECS, np.array([scores], np.float32))


def hear(*windows: list[float], **recipe: Any) -> list[Keyword]:
    """One window each 0.1 s, each 1 s long."""
    spot = Spotter(decoder(**recipe))
    return [spot(outputs(each), at / 10, 1 + at / 10) for at, each in enumerate(windows)]


def test_a_word_above_the_threshold_is_detected() -> None:
    (found,) = hear(YES)
    assert (found.label, found.detected, found.start_s, found.end_s) == ("yes", True, 0.0, 1.0)


def test_a_word_under_the_threshold_is_named_and_not_detected() -> None:
    (found,) = hear([0.1, 0.5, 0.4])
    assert (found.label, found.detected) == ("yes", False)


def test_background_is_never_detected() -> None:
    (found,) = hear(NONE)
    assert (found.label, found.detected) == ("noise", False)


def test_a_word_is_found_once_within_the_refractory_time() -> None:
    found = hear(YES, YES, YES, YES, refractory_s=0.25)
    assert [each.detected for each in found] == [True, False, False, True]


def test_another_word_is_found_at_once() -> None:
    assert [each.label for each in hear(YES, NO) if each.detected] == ["yes", "no"]


def test_the_score_is_the_mean_over_the_last_windows() -> None:
    found = hear(NONE, YES, YES, smooth_windows=2, refractory_s=0.0)
    assert [each.label for each in found] == ["noise", "noise", "yes"]
    # means of float32 scores
    assert [each.score for each in found] == pytest.approx([0.9, 0.5, 0.8], rel=1e-6)


def test_nothing_is_detected_while_the_model_warms_up() -> None:
    found = hear(YES, YES, YES, warmup_windows=2, refractory_s=0.0)
    assert [(each.label, each.detected) for each in found] == [("yes", False), ("yes", False), ("yes", True)]


def test_the_warm_up_begins_again_after_a_reset() -> None:
    spot = Spotter(decoder(warmup_windows=1, refractory_s=0.0))
    assert [spot(outputs(YES), 0.0, 1.0).detected for _ in range(2)] == [False, True]
    spot.reset()
    assert not spot(outputs(YES), 0.0, 1.0).detected


def test_one_score_is_a_word_that_is_there_or_not() -> None:
    card = ModelCard(
        task="keyword", outputs=(OutputCard("p", (1, 1), "probabilities"),), labels=("alexa",),
    )  # fmt: skip
    recipe = KeywordRecipe(threshold=0.9, smooth_windows=5, warmup_windows=4, refractory_s=2.0)
    spec = TensorSpec("p", (1, 1), "uint8", 1 / 256)
    spot = Spotter(KeywordDecoder(card, recipe, (spec,)))
    stored = [0, 0, 255, 255, 255, 255, 255, 255]
    found = [spot(decoding.outputs((spec,), np.array([[each]], np.uint8)), 0.0, 0.03 * at)
             for at, each in enumerate(stored)]  # fmt: skip
    assert [each.detected for each in found] == [False] * 6 + [True, False]


@pytest.mark.parametrize(("scores", "detected"), [([NONE, YES, YES, NONE], True), ([NONE, YES, NONE], False)])
def test_the_clearest_word_of_a_recording_is_smoothed_as_on_a_stream(
    scores: list[list[float]], detected: bool
) -> None:
    read = decoder(smooth_windows=2, threshold=0.7)
    found = read.whole([outputs(each) for each in scores], Context(end_s=3.0), 0.1)
    assert (found.detected, found.start_s, found.end_s) == (detected, 0.0, 3.0)


def test_a_reset_forgets_all() -> None:
    spot = Spotter(decoder(smooth_windows=4, refractory_s=9.0))
    spot(outputs(YES), 0.0, 1.0)
    spot.reset()
    assert spot(outputs(YES), 0.0, 1.1).detected


def test_two_spotters_of_one_decoder_do_not_touch() -> None:
    shared = decoder(refractory_s=9.0)
    assert all(Spotter(shared)(outputs(YES), 0.0, 1.0).detected for _ in range(2))


def test_a_recording_is_judged_by_the_window_where_a_word_is_clearest() -> None:
    found = decoder().whole([outputs(NONE), outputs(NO), outputs([0.2, 0.4, 0.4])], Context(end_s=2.5), 0.0)
    assert (found.label, found.detected, found.start_s, found.end_s) == ("no", True, 0.0, 2.5)


def test_background_must_be_among_the_labels() -> None:
    with pytest.raises(CardError, match=r"keyword\.background: silence"):
        decoder(background=("silence",))


def test_smoothing_needs_a_window() -> None:
    with pytest.raises(CardError, match="smooth_windows: expected 1 or more, found 0"):
        decoder(smooth_windows=0)
