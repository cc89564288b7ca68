"""A silence of the sound ends what a transducer writes down before its labels tell it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.media import AudioBlock
from edgemm.session import NO_CLOCK
from edgemm.tasks.context import Context
from edgemm.tasks.sound_levels import SoundLevels
from edgemm.tasks.transcription.spelling import Spelling
from edgemm.tasks.transducer.recipe import TransducerRecipe
from edgemm.tasks.transducer.search import Label
from edgemm.tasks.transducer.utterance import Utterances
from edgemm.tasks.window_session import WindowSession
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

RECIPE = TransducerRecipe(endpoint_s=1.0, delay_s=0.1)


class Scripted:
    """Says a label in each step of these."""

    def __init__(self, steps: tuple[int, ...]) -> None:
        self.steps, self.said = steps, [Label(1, 0, 0.0)][:0]

    def push(self, row: Any, step: int) -> None:
        if step in self.steps:
            self.said.append(Label(1, step, -0.1))

    def best(self, *, final: bool = False) -> tuple[Label, ...]:
        return tuple(self.said)

    def cut(self) -> None:
        self.said = []


def utterances(*steps: int) -> Utterances:
    return Utterances(RECIPE, Spelling(("<blank>", "▁a"), RECIPE), Scripted(steps))


def pushed(heard: Utterances, first: int, last: int) -> list[int]:
    """Steps of 0.1 s with which an utterance ends."""
    return [step for step in range(first, last) if heard.push(None, step / 10, 0.1)]  # type: ignore[arg-type]


def test_labels_alone_end_it_a_second_after_the_last_one() -> None:
    assert pushed(utterances(2), 0, 14) == [12, 13]


def test_a_silence_of_the_sound_ends_it_sooner() -> None:
    heard = utterances(2)
    assert pushed(heard, 0, 9) == []
    assert not heard.quiet(0.81, 1.1)  # the label's step ends at 0.3 - 0.1, the steps at 0.9 - 0.1
    assert heard.quiet(0.15, 1.1)


def test_it_waits_until_the_steps_heard_all_of_the_voice() -> None:
    heard = utterances(2)
    assert pushed(heard, 0, 5) == []
    assert not heard.quiet(0.55, 1.0)
    assert pushed(heard, 5, 11) == [9, 10]  # 0.75 s after the label


def test_a_label_behind_it_takes_it_back() -> None:
    heard = utterances(2, 6)
    pushed(heard, 0, 6)
    assert not heard.quiet(0.2, 0.9)
    assert pushed(heard, 6, 16) == []
    assert pushed(heard, 16, 17) == [16]


def test_words_end_where_their_sound_does() -> None:
    samples = np.full(20_000, 1e-4, np.float32)
    samples[3000:7000] = 0.1
    levels = SoundLevels()
    levels.push(AudioBlock(samples, 10_000, 0, 0))
    heard = Utterances(RECIPE, Spelling(("<blank>", "▁a"), RECIPE), Scripted((4,)), levels)
    pushed(heard, 0, 7)
    assert [(each.begin_s, each.end_s) for each in heard.transcript().words] == [(0.3, 0.7)]
    pushed(heard, 7, 9)
    ((word,),) = (each.words for each in heard.finished())
    assert word.end_s == pytest.approx(0.7)


def test_silence_without_words_ends_nothing() -> None:
    heard = utterances()
    pushed(heard, 0, 9)
    assert not heard.quiet(0.1, 1.1)


class Window(WindowSession):
    """Hears nothing; notes what it is told of silences."""

    def __init__(self, silence_s: float, by_level: bool = False) -> None:
        self.told: list[Any] = []
        recipe = TransducerRecipe().audio
        spec = TensorSpec("x", (1, recipe.frames, recipe.n_mels), "float32")
        super().__init__(recipe, spec, (), mirrored=False, tail_s=0.0, silence_s=silence_s, by_level=by_level)

    def _heard(self, context: Context, clock: Any) -> Any:
        return ()

    def _ended(self, context: Context) -> Any:
        return ()

    def _forget(self) -> None:
        pass

    def _quiet(self, quiet: Any) -> Any:
        self.told.append(quiet)
        return ()


@pytest.mark.parametrize(("silence_s", "times"), [(0.5, [1.5, 1.5]), (0.0, [])])
def test_a_session_over_windows_is_told_between_them(silence_s: float, times: list[float]) -> None:
    samples = np.random.default_rng(0).standard_normal(40_000).astype(np.float32) * 1e-3
    samples[8000:16000] *= 100
    session = Window(silence_s)
    for _ in range(2):
        list(session.feed(AudioBlock(samples, 16000, 0, 0), NO_CLOCK))
        session.reset()
    assert [each.now_s for each in session.told] == pytest.approx(times, abs=0.021)


def test_how_loud_it_was_is_forgotten_with_the_rest() -> None:
    contexts: list[Context] = []

    class Noting(Window):
        def _heard(self, context: Context, clock: Any) -> Any:
            contexts.append(context)
            return ()

    session = Noting(0.0, by_level=True)
    samples = np.full(16_000, 1e-4, np.float32)
    samples[4000:12_000] = 0.1
    list(session.feed(AudioBlock(samples, 16000, 0, 0), NO_CLOCK))
    assert contexts[-1].levels is not None
    assert contexts[-1].levels.word_end(0.25, 0.5, 1.0) == pytest.approx(0.74, abs=0.021)
    session.reset()
    list(session.feed(AudioBlock(samples * 0, 16000, 0, 0), NO_CLOCK))
    assert contexts[-1].levels is not None
    assert contexts[-1].levels.word_end(0.25, 0.5, 1.0) == 0.5
