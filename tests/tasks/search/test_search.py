"""Searches over scores that are known, against all texts written out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import log
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.errors import InputError
from edgemm.tasks.search import Beam, Greedy, Hypothesis, PartScorer, Rules, make_search
from edgemm.tasks.search.log_softmax import LogSoftmax

END, WORDS = 0, 4
Scores = Callable[[tuple[int, ...]], Sequence[float]]
"""Tokens taken -> logits."""


class Known:
    """A decoder whose scores are a function of what it has taken."""

    def __init__(self, scores: Scores) -> None:
        self.scores, self.steps = scores, 0
        self.taken: tuple[int, ...] = ()

    def step(self, token: int) -> npt.NDArray[np.float32]:
        self.taken = (*self.taken, token)
        self.steps += 1
        return np.array(self.scores(self.taken), np.float32)

    def snapshot(self) -> tuple[int, ...]:
        return self.taken

    def restore(self, snapshot: tuple[int, ...]) -> None:
        self.taken = snapshot


def seeded(taken: tuple[int, ...]) -> list[float]:
    return [float(each) for each in np.random.default_rng([7, *taken]).normal(0, 1.5, WORDS)]


def chances(table: Mapping[tuple[int, ...], Sequence[float]]) -> Scores:
    """Probabilities after the begin token 1 and these tokens."""
    return lambda taken: [log(max(each, 1e-9)) for each in table[taken[1:]]]


def written(search: Any) -> list[Hypothesis]:
    while search.advance():
        pass
    return list(search.best(100))


def log_chances(taken: tuple[int, ...]) -> npt.NDArray[np.float64]:
    logits: npt.NDArray[np.float64] = np.array(seeded(taken))
    return logits - float(np.log(np.exp(logits).sum()))


def all_texts(most: int) -> list[tuple[float, int, tuple[int, ...]]]:
    """(log P, tokens counted, text) of every text of at most `most` tokens, those cut there included."""
    found = []
    for length in range(most + 1):
        for text in product(range(1, WORDS), repeat=length):
            chance = sum(log_chances((1, *text[:at]))[text[at]] for at in range(length))
            if length < most:
                found.append((chance + log_chances((1, *text))[END], length + 1, text))
            else:
                found.append((chance, length, text))
    return found


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 2.0])
def test_a_beam_that_holds_all_texts_finds_the_best_ones(penalty: float) -> None:
    most = 4
    search = Beam(Known(seeded), Rules((END,), most), (1,), beams=3**most * 4, length_penalty=penalty)
    expected = sorted(all_texts(most), key=lambda each: -each[0] / each[1] ** penalty)
    found = written(search)
    assert [each.tokens for each in found[:20]] == [text for _, _, text in expected[:20]]
    for each, (chance, count, _) in zip(found[:20], expected, strict=False):
        assert each.log_probability == pytest.approx(chance, abs=1e-5)  # float32 sums
        assert each.counted == count


def test_greedy_takes_the_best_token_of_each_step() -> None:
    taken, expected = [1], list[int]()
    while len(expected) < 9:
        best = int(np.argmax(seeded(tuple(taken))))
        if best == END:
            break
        expected.append(best)
        taken.append(best)
    (found,) = written(Greedy(Known(seeded), Rules((END,), 9), (1,)))
    assert list(found.tokens) == expected


GARDEN = {
    (): (0.0, 0.0, 0.6, 0.4),
    (2,): (0.3, 0.0, 0.4, 0.3),
    (3,): (0.9, 0.0, 0.05, 0.05),
    (2, 2): (1.0, 0.0, 0.0, 0.0),
    (2, 3): (1.0, 0.0, 0.0, 0.0),
    (3, 2): (1.0, 0.0, 0.0, 0.0),
    (3, 3): (1.0, 0.0, 0.0, 0.0),
}
"""The likelier first token leads to the less likely text: 0.6 x 0.4 = 0.24, against 0.4 x 0.9 = 0.36."""


def test_two_beams_find_what_greedy_misses() -> None:
    rules = Rules((END,), 6)
    (greedy,) = written(make_search(Known(chances(GARDEN)), rules, (1,)))
    best, second = written(make_search(Known(chances(GARDEN)), rules, (1,), beams=2, length_penalty=0.0))
    assert [each.tokens for each in (greedy, best, second)] == [(2, 2), (3,), (2, 2)]
    assert best.log_probability == pytest.approx(log(0.36), abs=1e-6)
    assert second.log_probability == pytest.approx(log(0.24), abs=1e-6)
    assert best.confidence == pytest.approx(0.6)  # the root of 0.4 x 0.9
    assert best.ended


def test_a_search_of_two_beams_asks_only_for_what_it_follows() -> None:
    decoder = Known(chances(GARDEN))
    written(Beam(decoder, Rules((END,), 6), (1,), beams=2, length_penalty=0.0))
    assert decoder.steps == 1 + 2 + 2  # after the begin token; after 2 and 3; after (2, 2) and (2, 3)


@pytest.mark.parametrize("beams", [1, 2, 3])
def test_equal_texts_come_in_the_order_of_their_tokens(beams: int) -> None:
    search = make_search(Known(lambda taken: [-9.0, 0.0, 0.0, 0.0]), Rules((END,), 2), (1,), beams=beams)
    assert [each.tokens for each in written(search)] == [(1, 1), (1, 2), (1, 3)][:beams]


def test_the_tokens_before_the_text_are_given_first() -> None:
    decoder = Known(lambda taken: [9.0 if len(taken) == 4 else 0.0, 0.0, 1.0, 0.0])
    (found,) = written(Greedy(decoder, Rules((END,), 5), (3, 1, 2)))
    assert found.tokens == (2,)
    assert decoder.taken == (3, 1, 2, 2)


def never_ends(taken: tuple[int, ...]) -> list[float]:
    return [-5.0, 0.0, 2.0, 1.0]


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules((END,), 3), (2, 2, 2)),
        (Rules((END,), 3, suppressed=(2,)), (3, 3, 3)),
        (Rules((END,), 3, forced=(1, 3)), (1, 3, 2)),
        (Rules((END,), 4, no_repeat=1, suppressed=(END,)), (2, 3, 1)),
        (Rules((END,), 4, no_repeat=2, suppressed=(END,)), (2, 2, 3, 2)),
        (Rules((END,), 5, most_repeats=2, suppressed=(1, END)), (2, 2, 3, 2, 2)),
        (Rules((2, 3), 5, least=2), (1, 1)),
        (Rules((END,), 2, more=lambda row, tokens: row.__setitem__(2, -np.inf)), (3, 3)),
    ],
    ids=["most", "suppressed", "forced", "once", "pairs once", "twice in a row", "least", "more rules"],
)  # fmt: skip
def test_rules(rules: Rules, expected: tuple[int, ...], beams: int) -> None:
    assert written(make_search(Known(never_ends), rules, (1,), beams=beams))[0].tokens == expected


def test_a_sequence_of_two_does_not_follow_itself_more_often_than_said() -> None:
    alternate = Known(lambda taken: [-5.0, -5.0, float(taken[-1] != 2), float(taken[-1] == 2)])
    (found,) = written(Greedy(alternate, Rules((END,), 8, most_repeats=2, suppressed=(END, 1)), (1,)))
    assert found.tokens[:6] == (2, 3, 2, 3, 2, 2)


def test_the_caller_ends_a_text() -> None:
    rules = Rules((END,), 9)
    (found,) = written(Greedy(Known(never_ends), rules, (1,), lambda tokens: tuple(tokens) == (2, 2)))
    assert (found.tokens, found.ended) == ((2, 2), True)
    texts = written(
        make_search(Known(never_ends), rules, (1,), beams=2, stop=lambda tokens: len(tokens) == 3)
    )
    assert [(each.tokens, each.ended) for each in texts] == [((2, 2, 2), True), ((2, 2, 3), True)]


@pytest.mark.parametrize("beams", [1, 2])
def test_what_was_written_so_far_is_told(beams: int) -> None:
    search = make_search(Known(never_ends), Rules((END,), 3), (1,), beams=beams)
    assert search.best()[0].tokens == ()
    assert search.advance()
    assert search.best()[0].tokens == (2,)


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(bad: float, beams: int) -> None:
    search = make_search(Known(lambda taken: [0.0, bad, 0.0, 0.0]), Rules((END,), 3), (1,), beams=beams)
    with pytest.raises(InputError, match=r"finite numbers, found (nan|inf)"):
        search.advance()


@pytest.mark.parametrize("beams", [1, 2])
def test_rules_of_another_vocabulary_are_refused(beams: int) -> None:
    search = make_search(Known(seeded), Rules((WORDS,), 3), (1,), beams=beams)
    with pytest.raises(InputError, match="expected ids below 4, the scores of a step, found 4"):
        search.advance()


@pytest.mark.parametrize(
    "change", [{"most": 0}, {"least": 4}, {"forced": (1, 1, 1, 1)}, {"no_repeat": -1}, {"most_repeats": -1}]
)
def test_rules_out_of_range(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="rules: expected"):
        replace(Rules((0,), 3), **change)


@pytest.mark.parametrize(("beams", "penalty"), [(0, 1.0), (2, -1.0), (2, 11.0)])
def test_a_beam_out_of_range(beams: int, penalty: float) -> None:
    with pytest.raises(InputError, match="expected 1 beam or more"):
        make_search(Known(seeded), Rules((0,), 3), (1,), beams=beams, length_penalty=penalty)


def test_logarithms_of_probabilities() -> None:
    logits = np.array([1000.0, 999.0, -1e4, 3.0, 998.5], np.float32)
    exact = logits.astype(np.float64) - 1000
    exact -= np.log(np.exp(exact).sum())
    found = LogSoftmax()(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, rtol=1e-6)


def test_the_best_of_equal_scores_are_the_first() -> None:
    softmax = LogSoftmax()
    row = softmax(np.array([1, 3, 2, 3, 2, 2, 0], np.float32))
    assert softmax.best(row, 4) == [1, 3, 2, 4]
    row[[1, 2, 3, 4, 5]] = -np.inf
    assert softmax.best(row, 4) == [0, 6]


def test_long_scores_make_no_memory() -> None:
    softmax, logits = LogSoftmax(), np.linspace(0, 1, 30_000, dtype=np.float32)
    assert softmax(logits) is softmax(logits)


NEAR = {
    (): (0.4, 0.0, 0.35, 0.25),
    (2,): (0.3, 0.0, 0.445, 0.255),
    (3,): (0.6, 0.0, 0.0, 0.4),
    (2, 2): (1.0, 0.0, 0.0, 0.0),
    (3, 3): (1.0, 0.0, 0.0, 0.0),
}


def test_as_many_texts_go_on_as_there_are_beams_beside_one_that_ended() -> None:
    search = Beam(Known(chances(NEAR)), Rules((END,), 6), (1,), beams=2, length_penalty=1.0)
    assert search.advance()
    found = {each.tokens: each.ended for each in search.best(9)}
    assert found == {(): True, (2,): False, (3,): False}


def test_a_text_goes_on_until_none_beats_the_worst_that_has_ended() -> None:
    """After two steps "" (log 0.4) and 3 (log 0.15, halved) have ended; 2 2 (log 0.156, halved) is between them."""
    found = written(Beam(Known(chances(NEAR)), Rules((END,), 6), (1,), beams=2, length_penalty=1.0))
    assert [each.tokens for each in found] == [(2, 2), (3, 3)]
    assert found[0].normalized(1.0) == pytest.approx(log(0.35 * 0.445) / 3)


def test_an_end_that_is_not_among_the_best_does_not_count() -> None:
    """Of the two end tokens 0 and 1 the second is third best, where two beams are followed."""
    table: dict[tuple[int, ...], Sequence[float]] = {(): (0.4, 0.2, 0.25, 0.15)}
    search = Beam(Known(chances(table)), Rules((0, 1), 6), (1,), beams=2)
    assert search.advance()
    assert [each.tokens for each in search.best(9)] == [(), (2,), (3,)]


def test_a_text_that_is_no_better_than_one_that_ended_is_left() -> None:
    decoder = Known(chances({(): (0.5, 0.0, 0.5, 0.0), (2,): (1.0, 0.0, 0.0, 0.0)}))
    found = written(Beam(decoder, Rules((END,), 6), (1,), beams=1))
    assert (found[0].tokens, decoder.steps) == ((), 1)


def test_beams_are_given_the_tokens_before_the_text_too() -> None:
    decoder = Known(lambda taken: [9.0 if len(taken) == 4 else 0.0, 0.0, 1.0, 0.0])
    found = written(Beam(decoder, Rules((END,), 5), (3, 1, 2), beams=2))
    assert found[0].tokens == (2,)
    assert decoder.taken[:3] == (3, 1, 2)


@pytest.mark.parametrize("beams", [1, 2])
def test_where_nothing_may_follow_the_text_ends(beams: int) -> None:
    def nothing(row: npt.NDArray[np.float32], tokens: Sequence[int]) -> None:
        if tokens:
            row.fill(-np.inf)

    found = written(make_search(Known(never_ends), Rules((END,), 5, more=nothing), (1,), beams=beams))
    assert [(each.tokens, each.ended) for each in found] == [((2,), True), ((3,), True)][:beams]


def test_what_is_forbidden_is_not_written_for_want_of_better() -> None:
    rules = Rules((3,), 5, more=lambda row, tokens: row.fill(-np.inf) if tokens else None)
    (found,) = written(Greedy(Known(never_ends), rules, (1,)))
    assert (found.tokens, found.ended, found.counted) == ((2,), True, 1)


class Rows:
    """A part that gives scores for each of the tokens so far, as [1, tokens, words]."""

    def __init__(self) -> None:
        self.fed: list[tuple[int, int]] = []
        self.signatures: list[str] = []

    def step(self, feeds: Any, signature: str = "") -> Any:
        self.fed.append((int(feeds["token"]), int(feeds["position"])))
        self.signatures.append(signature)
        rows = np.arange(2 * WORDS, dtype=np.float32).reshape(1, 2, WORDS) + len(self.fed)
        return SimpleNamespace(real={"scores": rows}.__getitem__)

    def snapshot(self) -> int:
        return len(self.fed)

    def restore(self, snapshot: int) -> None:
        del self.fed[snapshot:]


def _fed(token: int, position: int) -> dict[str, Any]:
    return {"token": np.array(token), "position": np.array(position)}


def test_a_part_counts_its_positions_and_gives_the_last_row() -> None:
    part = Rows()
    scorer = PartScorer(part, _fed, "scores")
    assert scorer.step(7).tolist() == [5, 6, 7, 8]
    begun = scorer.snapshot()
    scorer.step(8)
    scorer.restore(begun)
    scorer.step(9)
    assert part.fed == [(7, 0), (9, 1)]
    assert part.signatures == ["", "", ""]


def test_a_part_is_asked_by_its_signature() -> None:
    part = Rows()
    PartScorer(part, _fed, "scores", "decoder_64").step(1)
    assert part.signatures == ["decoder_64"]


def test_a_part_is_asked_by_the_signature_of_each_position() -> None:
    part = Rows()
    scorer = PartScorer(part, _fed, "scores", lambda position: "short" if position < 2 else "long")
    for token in range(3):
        scorer.step(token)
    assert part.signatures == ["short", "short", "long"]
