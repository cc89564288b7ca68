"""Speech that goes on: what is written again for partial results, what is settled, and words of parts that share sound.

The writer says a word for every half second that it is given, and takes as long as it is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from edgemm.media import AudioBlock
from edgemm.session import NO_CLOCK, Cancellation, Emission
from edgemm.tasks.attention.recipe import AttentionRecipe
from edgemm.tasks.attention.session import AttentionSession
from edgemm.tasks.attention.vocabulary import Vocabulary
from edgemm.tasks.search import Hypothesis
from edgemm.tasks.speech.endpoint import Span
from edgemm.tasks.speech.voice import LevelVoice

pytestmark = pytest.mark.device

RATE, FIRST = 16000, 3
WORDS = [f"{a}{b}{c}" for a in "bdgkl" for b in "aeiou" for c in "mn"]
CUT = Span(0, 8000, 0, 8000, goes_on=True)
BETWEEN = CUT._replace(continues=True)


class Writer:
    """Words in order, one for every half second; seconds pass on a clock of its own."""

    most_s = np.inf

    def __init__(self, pace: float) -> None:
        self.pace, self.now_s = pace, 0.0
        self.written_s: list[float] = []

    def write(self, samples: Any) -> Hypothesis:
        seconds = len(samples) / RATE
        self.written_s.append(round(seconds, 2))
        self.now_s += self.pace * seconds
        return Hypothesis(tuple(FIRST + at % len(WORDS) for at in range(round(seconds * 2))))


def opened(pace: float = 0.0, **recipe: Any) -> tuple[AttentionSession, Writer]:
    made = AttentionRecipe(**{"partial_s": 0.5, **recipe})
    tokens = "\n".join(["<pad>", "<s>", "</s>", *(f"▁{each}" for each in WORDS)]).encode()
    writer: Any = Writer(pace)
    session = AttentionSession(made, writer, Vocabulary(tokens, made), LevelVoice(RATE), {}, Cancellation())
    session._now = lambda: writer.now_s
    return session, writer


def blocks(seconds: float, *spoken_s: tuple[float, float]) -> Iterator[AudioBlock]:
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(round(seconds * RATE)) * 1e-3
    for begin_s, end_s in spoken_s:
        begin, end = round(begin_s * RATE), round(end_s * RATE)
        times = np.arange(end - begin) / RATE
        samples[begin:end] += rng.standard_normal(len(times)) * 0.1 * np.sin(9 * times) ** 2
    for at in range(0, len(samples), 1600):
        yield AudioBlock(samples[at : at + 1600].astype(np.float32), RATE, 0, at)


def heard(session: AttentionSession, seconds: float, *spoken_s: tuple[float, float]) -> list[Emission]:
    return [each for block in blocks(seconds, *spoken_s) for each in session.feed(block, NO_CLOCK)]


def texts(found: list[Emission], *, final: bool) -> list[str]:
    return [each.value.text for each in found if each.final is final]  # type: ignore[attr-defined]


@pytest.mark.parametrize("pace", [0.05, 0.2, 0.6])
def test_partial_results_take_no_more_than_half_of_the_time(pace: float) -> None:
    session, writer = opened(pace)
    found = heard(session, 14.0, (0.5, 1.9), (2.25, 3.8), (4.15, 6.0), (6.35, 12.0))
    assert len(texts(found, final=True)) == 1
    again = sum(writer.written_s[:-1])
    assert pace * again <= 0.5 * 12.0 + pace * 12.0  # and each second once where it is settled
    assert len(texts(found, final=False)) >= 2


def test_where_writing_costs_nothing_it_is_done_as_often_as_is_asked_for() -> None:
    session, writer = opened(0.0)
    found = heard(session, 5.0, (0.5, 4.0))
    assert len(texts(found, final=False)) >= 5
    assert writer.written_s[0] <= 0.75


def test_what_is_settled_is_not_written_again_until_it_is_final() -> None:
    session, writer = opened(0.1)
    found = heard(session, 14.0, (0.5, 6.0), (6.35, 12.0))
    (said,) = texts(found, final=True)
    assert writer.written_s[-1] == pytest.approx(12.0, abs=0.15)
    assert len(said.split()) == round(writer.written_s[-1] * 2)
    settled = next(at for at, each in enumerate(writer.written_s) if each == pytest.approx(6.0, abs=0.15))
    assert len(writer.written_s) - settled > 3
    assert all(each < 6.2 for each in writer.written_s[settled + 1 : -1])
    told = texts(found, final=False)
    lengths = [len(each.split()) for each in told]
    assert lengths == sorted(lengths)
    assert lengths[-1] >= 22  # the settled words and those behind them


def test_a_short_utterance_is_never_settled() -> None:
    session, writer = opened(0.05)
    heard(session, 6.0, (0.5, 2.0), (2.35, 4.0))
    assert writer.written_s == sorted(writer.written_s)


@pytest.mark.parametrize(("pace", "before"), [(0.05, True), (0.6, False)])
def test_a_likely_end_is_written_before_it_is_certain_where_there_is_time(pace: float, before: bool) -> None:
    session, writer = opened(pace, partial_s=60.0)
    session._pace = pace
    found = heard(session, 3.2, (0.5, 1.9))
    assert writer.written_s == [pytest.approx(2.0, abs=0.06)]
    assert [each.final for each in found] == ([False, True] if before else [True])


def spoken(*said: tuple[Span, str]) -> list[str]:
    """Texts of the final results of parts of which these are written."""
    session, _ = opened()
    heard(session, 1.0)
    found = []
    for span, text in said:
        session._vocabulary.text = lambda tokens, text=text: text  # type: ignore[method-assign,misc]
        found += [each.text for each in session._finals(span, Hypothesis((1,)))]
    return found


def test_a_part_that_says_nothing_new_does_not_make_the_next_one_say_it_again() -> None:
    last = BETWEEN._replace(goes_on=False)
    assert spoken((CUT, "one two thr"), (BETWEEN, "two thr"), (last, "two three")) == ["one two", "three"]


def test_the_only_word_of_a_part_may_be_cut_too() -> None:
    assert spoken((CUT, "amia"), (BETWEEN._replace(goes_on=False), "amiable woman")) == ["amiable woman"]


def test_words_of_a_part_are_nothing_to_one_with_sound_of_its_own() -> None:
    assert spoken((CUT, "one two thr"), (CUT._replace(goes_on=False), "one two")) == ["one two", "one two"]
