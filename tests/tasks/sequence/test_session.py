"""A stream of texts: what is told while a text is written, where it ends, and how it is given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from written_texts import BEGIN, PAD, RECIPE, SOURCE, WORDS, session_of

from edgemm.errors import CardError, InputError
from edgemm.media import Frame, Text
from edgemm.results import Written
from edgemm.session import NO_CLOCK, Emission, Gap
from edgemm.tasks.sequence.session import SequenceSession

TEXT = "abc de"
WRITTEN = "lo ke ke ke ko ma ka ma ka ma ka"
"""By the network without a cache; `test_with_cache` holds both to each other."""
Files = Mapping[str, Path]


def fed(session: SequenceSession, text: str = TEXT, at_ns: int = 5) -> list[Emission]:
    return list(session.feed(Text(text, at_ns, 0), NO_CLOCK))


def whole(parts: Files, text: str = TEXT, **changes: Any) -> Written:
    with session_of(parts, replace(RECIPE, **changes)) as session:
        return session.whole(Text(text, 0, 0))


def test_one_result_for_a_text(parts: Files) -> None:
    with session_of(parts) as session:
        (found,) = fed(session)
        assert isinstance(found.value, Written)
        assert found.value.text == WRITTEN
        assert (found.begin_ns, found.newest_ns, found.final) == (5, 5, True)
        assert list(session.gap(Gap(0), NO_CLOCK)) == list(session.finish(NO_CLOCK)) == []


def test_what_is_written_so_far_is_told(parts: Files) -> None:
    with session_of(parts, replace(RECIPE, partial=True)) as session:
        *before, last = fed(session)
    texts = [each.value.text for each in before]  # type: ignore[attr-defined]
    assert texts[:3] == ["lo", "lo ke", "lo ke ke"]
    assert all(WRITTEN.startswith(each) for each in texts)
    assert len(texts) == len(set(texts))
    assert [each.final for each in before] == [each.value.final for each in before] == [False] * len(before)
    assert (last.value.text, last.final, last.value.final) == (WRITTEN, True, True)  # type: ignore[attr-defined]


def test_a_text_that_is_given_up_has_no_result(parts: Files) -> None:
    with session_of(parts, replace(RECIPE, partial=True)) as session:
        writing = session.feed(Text(TEXT, 0, 0), NO_CLOCK)
        next(writing)
        session.cancel()
        assert list(writing) == []
        assert fed(session)[-1].value.text == WRITTEN  # type: ignore[attr-defined]


def test_it_is_given_up_between_two_tokens(parts: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    with session_of(parts) as session:
        decoder, steps = session._writer.decoder, 0
        step = decoder.step

        def cancelling(*given: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == 3:
                session.cancel()
            return step(*given)

        monkeypatch.setattr(decoder, "step", cancelling)
        assert fed(session) == []
        assert steps == 3


def test_a_cancel_before_a_text_changes_nothing(parts: Files) -> None:
    with session_of(parts) as session:
        session.cancel()
        assert len(fed(session)) == 1


@pytest.mark.parametrize("beams", [1, 3])
def test_a_text_ends_before_a_stop_word(parts: Files, beams: int) -> None:
    free = whole(parts, beams=beams, n_best=beams)
    (word,) = {each for each in ("ma", "pu") if each in free.text}
    found = whole(parts, stop=("zz", word), beams=beams)
    assert word not in found.text
    assert beams > 1 or (found.text, found.ended) == ("lo ke ke ke ko", True)


def test_of_two_stop_words_in_one_token_the_text_ends_before_the_first(parts: Files) -> None:
    assert whole(parts, stop=("e", "ke")).text == "lo"


def test_the_cache_is_empty_when_a_text_begins(parts: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache with a mask would not show it; one that grows would."""
    with session_of(parts) as session:
        decoder, seen = session._writer.decoder, list[Any]()
        hold = decoder.hold

        def looking(feeds: Any) -> None:
            seen.append(max(float(np.abs(each).max()) for each in decoder.snapshot().states.values()))
            hold(feeds)

        monkeypatch.setattr(decoder, "hold", looking)
        fed(session)
        fed(session)
    assert seen == [0.0, 0.0]


def test_the_end_token_is_not_written(parts: Files) -> None:
    found = whole(parts, end=(WORDS.index("ma"),))
    assert (found.text, found.ended) == ("lo ke ke ke ko", True)
    assert whole(parts).ended is False  # the cache was full


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"most_tokens": 2}, "lo ke"),
        ({"most_repeats": 2, "most_tokens": 5}, "lo ke ke ko ma"),
        ({"forced": (WORDS.index("nu"),), "most_tokens": 1}, "nu"),
    ],
    ids=["most", "repeats", "forced"],
)
def test_rules_of_the_recipe(parts: Files, changes: dict[str, Any], text: str) -> None:
    assert whole(parts, **changes).text == text


def test_the_end_waits_for_the_fewest_tokens(parts: Files) -> None:
    rules: dict[str, Any] = {"end": (WORDS.index("lo"),), "suppressed": (PAD, BEGIN), "most_tokens": 1}
    assert whole(parts, **rules).text == ""
    assert whole(parts, **rules, least_tokens=1).text not in ("", "lo")


def test_a_sequence_that_may_not_come_twice(parts: Files) -> None:
    words = whole(parts, no_repeat=2).text.split()
    pairs = list(pairwise(words))
    assert len(pairs) == len(set(pairs)) > 5


def test_a_suppressed_word_is_not_written(parts: Files) -> None:
    assert "ke" not in whole(parts, suppressed=(WORDS.index("ke"),)).text


def test_alternatives_are_other_texts(parts: Files) -> None:
    found = whole(parts, beams=4, n_best=3)
    assert len({found.text, *(each.text for each in found.alternatives)}) == 3
    assert found.to_json()["alternatives"][0].keys() == {"text", "score"}


def test_a_long_text_is_cut_and_the_result_says_so(parts: Files, caplog: pytest.LogCaptureFixture) -> None:
    text = "abcdefghijabcdefghij"
    found = whole(parts, text)
    assert found.cut
    assert found.text == whole(parts, text[:SOURCE]).text
    assert not whole(parts, text[:SOURCE]).cut
    assert f"more tokens than the {SOURCE}" in caplog.text
    assert "abcde" not in caplog.text


def test_a_long_text_is_refused_where_the_recipe_says_so(parts: Files) -> None:
    with pytest.raises(InputError, match=f"more tokens than the {SOURCE} that the model takes"):
        whole(parts, "a" * 13, source=replace(RECIPE.source, too_long="refuse"))


@pytest.mark.parametrize(
    ("text", "said"),
    [("  ", "found an empty text"), ("ñandú", "found 3 others among 5"), ("\ud800", "lone surrogate")],
)
def test_bad_texts_are_refused(parts: Files, text: str, said: str) -> None:
    with session_of(parts) as session:
        with pytest.raises(InputError, match=said) as raised:
            fed(session, text)
        assert text.strip() not in str(raised.value) or not text.strip()
        assert fed(session)[0].value.text == WRITTEN  # type: ignore[attr-defined]


def test_what_is_no_text_is_refused(parts: Files) -> None:
    with session_of(parts) as session, pytest.raises(InputError, match="expected a Text, found Frame"):
        list(session.feed(Frame(np.zeros((2, 2, 3), np.uint8), 0, 0), NO_CLOCK))


def test_two_sessions_do_not_touch(parts: Files) -> None:
    recipe = replace(RECIPE, partial=True)
    with session_of(parts, recipe) as one, session_of(parts, recipe) as other:
        first = one.feed(Text(TEXT, 0, 0), NO_CLOCK)
        second = other.feed(Text("a", 0, 0), NO_CLOCK)
        both = list(zip(first, second, strict=False))
        assert len(both) > 3
        assert fed(one)[-1].value.text == WRITTEN  # type: ignore[attr-defined]


def test_it_may_be_reset_and_closed_twice(parts: Files) -> None:
    with session_of(parts) as session:
        session.reset()
        assert fed(session)
        session.close()
        session.close()


def test_a_text_that_no_pattern_accepts_is_refused_and_not_shown(parts: Files) -> None:
    accepts = ("[a-e]+", "abc de")
    assert whole(parts, accepts=accepts).text == WRITTEN
    assert whole(parts, " abc de ", accepts=accepts).text == WRITTEN
    for text in ("abc dd", "abc de abc de"):
        with pytest.raises(
            InputError, match=r"expected letters up to e; found another one, of \d+ char"
        ) as refused:
            whole(parts, text, accepts=accepts, accepted="letters up to e")
        assert text not in str(refused.value)
    with pytest.raises(InputError, match=r"one that the bundle accepts \(sequence.accepts\)"):
        whole(parts, "abc dd", accepts=accepts)


def test_a_text_that_is_refused_costs_itself_alone(parts: Files) -> None:
    with session_of(parts, replace(RECIPE, accepts=("abc de",))) as session:
        with pytest.raises(InputError):
            fed(session, "abc")
        assert fed(session)[0].value.text == WRITTEN  # type: ignore[attr-defined]


def test_a_blank_text_is_told_as_such(parts: Files) -> None:
    with pytest.raises(InputError) as refused:
        whole(parts, "  ", accepts=("[a-e]+",))
    assert "accepts" not in str(refused.value)


def test_of_two_texts_both_must_be_accepted(parts: Files) -> None:
    text = Text("abc", 0, 0, pair="abd")
    with (
        session_of(parts, replace(RECIPE, accepts=("[a-c]+",))) as session,
        pytest.raises(InputError, match="accepts"),
    ):
        session.whole(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"accepts": ("a", "(b")}, r"sequence.accepts: the pattern '\(b': expected '\)'"),
        ({"accepts": ("a",) * 17}, "sequence.accepts: expected at most 16 patterns, found 17"),
        ({"accepted": "letters"}, "sequence.accepted: expected at most 400 characters"),
        ({"accepts": ("a",), "accepted": "x" * 401}, "sequence.accepted: expected at most 400 characters"),
    ],
)
def test_patterns_that_are_none(parts: Files, changes: Any, said: str) -> None:
    with pytest.raises(CardError, match=said), session_of(parts, replace(RECIPE, **changes)):
        pass
