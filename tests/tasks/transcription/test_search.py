"""The searches against every alignment counted by hand, and the score of what they find against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.tasks.transcription.alignment import align
from edgemm.tasks.transcription.greedy import Greedy
from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.prefix_beam import PrefixBeam
from edgemm.tasks.transcription.recipe import TranscriptionRecipe
from edgemm.tasks.transcription.scores import log_softmax
from edgemm.tasks.transcription.spelling import Spelling
from tests.by_hand.ctc import best_path, collapsed, texts

pytestmark = pytest.mark.device

Array = npt.NDArray[Any]
LABELS = ("-", "a", "b", " ")


def drawn(seed: int, steps: int = 5, labels: int = 4, sharp: float = 1.5) -> Array:
    return log_softmax(np.random.default_rng(seed).standard_normal((steps, labels)) * sharp)


def beam(beam: int, labels: tuple[str, ...] = LABELS, blank: int = 0, **recipe: Any) -> PrefixBeam:
    made = TranscriptionRecipe(blank=blank, **recipe)
    spelling = Spelling(labels, made)
    return PrefixBeam(blank, beam, spelling, HotWords(made, spelling))


def greedy(blank: int = 0, labels: tuple[str, ...] = LABELS, **recipe: Any) -> Greedy:
    return Greedy(blank, Spelling(labels, TranscriptionRecipe(blank=blank, **recipe)))


def through(search: Any, rows: Array) -> Any:
    for row in rows:
        search.push(row)
    return search


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("blank", [0, 2])
def test_a_wide_beam_finds_the_most_probable_of_all_texts_and_its_probability(seed: int, blank: int) -> None:
    rows = drawn(seed)
    every = texts(rows, blank)
    best = max(every, key=lambda text: every[text])
    search = through(beam(512, blank=blank), rows)
    assert search.best() == best
    assert search.score() == pytest.approx(every[best], abs=1e-6)


def test_it_is_not_the_text_of_the_best_alignment() -> None:
    rows = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    assert through(beam(4, ("-", "a")), rows).best() == (1,)  # 0.16 + 2 * 0.24 against 0.36
    assert through(greedy(), rows).best() == ()


def test_the_same_letter_twice_needs_a_blank_between() -> None:
    sure = np.log(np.array([[0.01, 0.99], [0.01, 0.99], [0.99, 0.01], [0.01, 0.99]]))
    assert through(beam(8, ("-", "a")), sure[:2]).best() == (1,)
    assert through(beam(8, ("-", "a")), sure).best() == (1, 1)
    assert through(greedy(), sure).best() == (1, 1)


@pytest.mark.parametrize("seed", range(8))
def test_greedy_is_the_best_path(seed: int) -> None:
    rows = drawn(seed, steps=40)
    assert through(greedy(1), rows).best() == collapsed(tuple(rows.argmax(axis=1).tolist()), 1)


def test_the_score_of_a_text_is_minus_the_loss_that_networks_are_trained_with() -> None:
    torch = pytest.importorskip("torch")
    rows = drawn(3, steps=8, labels=5, sharp=3.0)
    search = through(beam(512, ("-", "a", "b", " ", "c")), rows)
    found = search.best()
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(rows)[:, None], torch.tensor([found]), torch.tensor([8]), torch.tensor([len(found)]),
        reduction="sum",
    )  # fmt: skip
    assert search.score() == pytest.approx(-float(loss), abs=1e-3)


def test_a_narrow_beam_keeps_no_more_than_it_may() -> None:
    search = beam(3)
    for row in drawn(0, steps=200):
        search.push(row)
        assert len(search._kept) <= 3
    assert len(search._known) <= 3 * (len(search.best()) + 1)


@pytest.mark.parametrize("seed", range(8))
def test_labels_lie_where_the_best_alignment_of_the_text_has_them(seed: int) -> None:
    rows = drawn(seed, steps=6, labels=3)
    text = collapsed(tuple(rows.argmax(axis=1).tolist()), 0) if seed % 2 else (1, 1, 2)
    path = np.array(best_path(rows, text, 0))
    places = align(rows, text, 0)
    said = np.zeros(len(rows), int)
    for place, label in zip(places, text, strict=True):
        said[place.first : place.last + 1] = label
        assert place.best == pytest.approx(float(rows[place.first : place.last + 1, label].max()))
    assert said.tolist() == path.tolist()


def ambiguous() -> Array:
    """ "ab" or "bb" or " b": a step of a, a little better than b, then a blank, then b."""
    shares = [[0.05, 0.5, 0.4, 0.05], [0.97, 0.01, 0.01, 0.01], [0.05, 0.05, 0.85, 0.05]]
    return np.asarray(np.log(shares))


def said(search: PrefixBeam) -> str:
    spelling = Spelling(LABELS, TranscriptionRecipe())
    return " ".join(each.text for each in spelling.words(search.best(final=True)))


def test_a_hot_word_wins_where_others_sound_alike() -> None:
    assert said(through(beam(8), ambiguous())) == "ab"
    assert said(through(beam(8, hot_words=("bb",), hot_bonus=2.0), ambiguous())) == "bb"


def test_a_small_bonus_does_not_overrule_what_is_heard() -> None:
    assert said(through(beam(8, hot_words=("bb",), hot_bonus=0.1), ambiguous())) == "ab"


def test_half_a_hot_word_earns_nothing_in_the_end() -> None:
    assert said(through(beam(8, hot_words=("bbaa",), hot_bonus=2.0), ambiguous())) == "ab"


def test_a_hot_word_counts_as_a_whole_word_only() -> None:
    rows = np.concatenate([ambiguous(), np.log(np.array([[0.01, 0.97, 0.01, 0.01]]))])
    assert said(through(beam(8, hot_words=("bb",), hot_bonus=2.0), rows)) == "aba"


def test_each_hot_word_of_a_text_counts() -> None:
    space = np.log(np.array([[0.01, 0.01, 0.01, 0.97]]))
    rows = np.concatenate([ambiguous(), space, ambiguous()])
    assert said(through(beam(32, hot_words=("bb",), hot_bonus=2.0), rows)) == "bb bb"


def test_a_word_is_only_found_after_its_mark() -> None:
    labels = ("-", "^", "one", "two")
    units: dict[str, Any] = {"units": "words", "separator": "^"}
    steps = [0, 2, 0, 1, 0, 2, 0, 2, 0, 1, 1, 3]  # the first "one" has no mark, nor has the third
    no_other_mark = np.array([0.05, 1e-6, 0.05, 0.05])
    rows = np.log(no_other_mark + 0.8 * np.eye(4)[steps])
    assert through(greedy(0, labels, **units), rows).best() == (1, 2, 1, 3)
    assert through(beam(64, labels, **units), rows).best() == (1, 2, 1, 3)
    assert through(greedy(0, labels, units="words", separator=""), rows).best() == (2, 1, 2, 2, 1, 3)
