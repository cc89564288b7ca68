"""The searches of a transducer against all texts and all alignments, counted one by one; and where utterances end."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.errors import CardError
from edgemm.tasks.transcription.hot_words import HotWords
from edgemm.tasks.transcription.scores import log_softmax
from edgemm.tasks.transcription.spelling import Spelling
from edgemm.tasks.transducer.networks import Said
from edgemm.tasks.transducer.recipe import TransducerRecipe
from edgemm.tasks.transducer.search import Beam, Greedy, Label
from edgemm.tasks.transducer.utterance import Utterances

LABELS = ("<blk>", "▁a", "b", "▁c")


class Networks:
    """Seeded scores of the next label, by the row and all labels before."""

    def __init__(self, seed: int) -> None:
        self.seed, self.asked = seed, 0

    def begin(self) -> Said:
        return self.answer(())

    def after(self, said: Said, label: int) -> Said:
        self.asked += 1
        return self.answer((*said.state, label))

    def answer(self, history: tuple[int, ...]) -> Said:
        return Said(history, np.array(history, np.float32))

    def __call__(self, row: npt.NDArray[Any], said: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        key = [self.seed, int(row[0]), *(int(each) + 1 for each in said)]
        return log_softmax(np.random.default_rng(key).normal(0, 2, len(LABELS)))


def exhaustive(networks: Networks, steps: int) -> dict[tuple[int, ...], float]:
    """Text -> the probability of all its alignments with at most one label in a step."""
    found: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for path in product(range(len(LABELS)), repeat=steps):
        history: tuple[int, ...] = ()
        score = 0.0
        for step, label in enumerate(path):
            score += float(networks(np.array([step]), np.array(history))[label])
            history = (*history, label) if label else history
        found[history] += float(np.exp(score))
    return found


def searched(search: Any, steps: int) -> Any:
    for step in range(steps):
        search.push(np.array([step], np.float32), step)
    return search


def beam(networks: Any, width: int, **recipe: Any) -> Beam:
    made = TransducerRecipe(search="beam", **recipe)
    spelling = Spelling(LABELS, made)
    return Beam(networks, networks, 0, width, spelling, HotWords(made, spelling))


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_most_probable_text(seed: int) -> None:
    networks = Networks(seed)
    every = exhaustive(networks, 5)
    assert sum(every.values()) == pytest.approx(1.0)
    found = searched(beam(networks, 400), 5).best(final=True)
    assert tuple(each.label for each in found) == max(every, key=lambda text: every[text])


def test_one_alignment_alone_would_find_another_text_now_and_then() -> None:
    """The cases above tell a sum over alignments from the best one."""
    differ = 0
    for seed in range(8):
        networks = Networks(seed)
        every = exhaustive(networks, 5)
        greedy = searched(Greedy(networks, networks, 0, 1), 5).best()  # type: ignore[arg-type]
        differ += tuple(each.label for each in greedy) != max(every, key=lambda text: every[text])
    assert differ > 1


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_of_one_is_greedy(seed: int) -> None:
    networks = Networks(seed)
    greedy = searched(Greedy(networks, networks, 0, 1), 9).best()  # type: ignore[arg-type]
    narrow = searched(beam(networks, 1), 9).best(final=True)
    assert [each[:2] for each in narrow] == [each[:2] for each in greedy]


def test_the_decoder_is_asked_for_what_is_kept_alone() -> None:
    networks = Networks(0)
    searched(beam(networks, 4), 20)
    assert networks.asked <= 4 * 20


def test_a_hot_word_wins_where_others_are_likelier() -> None:
    networks = Networks(3)
    plain = searched(beam(networks, 8), 5).best(final=True)
    assert tuple(each.label for each in plain) != (1, 2)
    hot = searched(beam(networks, 8, hot_words=("ab",), hot_bonus=30.0), 5).best(final=True)
    assert "ab" in [each.text for each in Spelling(LABELS, TransducerRecipe()).words([e.label for e in hot])]


def test_cut_keeps_the_decoder_where_it_is() -> None:
    networks = Networks(5)
    whole = [each.label for each in searched(Greedy(networks, networks, 0, 1), 12).best()]  # type: ignore[arg-type]
    search = Greedy(networks, networks, 0, 1)  # type: ignore[arg-type]
    said = []
    for step in range(12):
        search.push(np.array([step], np.float32), step)
        if step % 3 == 2:
            said += [each.label for each in search.best()]
            search.cut()
    assert said + [each.label for each in search.best()] == whole


class Script:
    """A search that is told its labels: step -> label."""

    def __init__(self, labels: dict[int, int]) -> None:
        self._script, self._labels, self.step, self.cuts = labels, list[Label](), -1, 0

    def push(self, row: npt.NDArray[Any], step: int) -> None:
        self.step += 1
        if self.step in self._script:
            self._labels.append(Label(self._script[self.step], step, np.log(0.5)))

    def best(self, *, final: bool = False) -> tuple[Label, ...]:
        return tuple(self._labels)

    def cut(self) -> None:
        self._labels, self.cuts = [], self.cuts + 1


def ends(labels: dict[int, int], steps: int, **recipe: Any) -> list[tuple[int, str]]:
    """(step, text) of each utterance that ends; a step is 0.1 s."""
    made = TransducerRecipe(**recipe)
    utterances = Utterances(made, Spelling(LABELS, made), Script(labels))
    found = []
    for step in range(steps):
        if utterances.push(np.zeros(1, np.float32), step * 0.1, 0.1):
            found += [(step, each.text) for each in utterances.finished()]
    return found


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({"endpoint_s": 0.5}, [(9, "ab"), (19, "c")]),  # five steps of silence behind 4 and 14
        ({"endpoint_s": 0.0}, []),
        ({"endpoint_s": 1.1}, [(25, "ab c")]),
    ],
)
def test_an_utterance_ends_with_the_silence_behind_it(recipe: Any, expected: list[tuple[int, str]]) -> None:
    assert ends({3: 1, 4: 2, 14: 3}, 30, **recipe) == expected


def test_speech_that_goes_on_is_divided_where_no_label_is_given() -> None:
    speech = {step: 1 for step in range(40) if step != 13}
    assert ends(speech, 30, longest_s=1.0)[0] == (13, " ".join("a" * 13))
    assert ends(dict.fromkeys(range(40), 1), 30, longest_s=1.0)[0] == (19, " ".join("a" * 20))


def test_what_was_hardly_heard_in_a_long_silence_is_forgotten() -> None:
    made, script = TransducerRecipe(longest_s=1.0), Script({})
    utterances = Utterances(made, Spelling(LABELS, made), script)
    for step in range(25):
        assert not utterances.push(np.zeros(1, np.float32), step * 0.1, 0.1)
    assert script.cuts == 2


def test_times_and_confidence_of_a_word_are_those_of_its_labels() -> None:
    made = TransducerRecipe(delay_s=0.05)
    utterances = Utterances(made, Spelling(LABELS, made), Script({2: 1, 4: 2}))
    for step in range(6):
        utterances.push(np.zeros(1, np.float32), 7.0 + step * 0.1, 0.1)
    (word,) = utterances.transcript().words
    assert (word.text, word.begin_s, word.end_s) == ("ab", 7.15, 7.45)
    assert word.confidence == pytest.approx(0.5)


def test_a_partial_result_that_comes_to_nothing_is_taken_back() -> None:
    made = TransducerRecipe()
    utterances = Utterances(made, Spelling(LABELS, made), Script({}))
    utterances.told = "a"
    (found,) = utterances.finished()
    assert (found.text, found.final) == ("", True)
    assert utterances.finished() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joiner_inputs": ("a",)}, "joiner_inputs: expected two names"),
        ({"search": "beam", "per_step": 2}, "per_step: expected 1"),
        ({"hot_words": ("a",)}, 'hot_words: expected "search": "beam"'),
        ({"search": "beam", "hot_words": ("a b",)}, "hot_words: expected single words"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        TransducerRecipe(**changes).check()
