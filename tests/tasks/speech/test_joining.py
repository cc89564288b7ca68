"""Words of two parts that share some sound."""

from __future__ import annotations

import pytest

from edgemm.tasks.speech.joining import heard_before

pytestmark = pytest.mark.device


@pytest.mark.parametrize(
    ("before", "words", "expected"),
    [
        ("had he married a more", "a more amiable woman", "amiable woman"),
        ("had he married a more", "Married, a more amiable", "amiable"),
        ("had he married a more", "rid a more amiable", "amiable"),  # the first word was cut
        ("had he married a moor", "married a more amiable", "amiable"),  # and so was the last
        ("one two three", "four five six", "four five six"),
        ("the end of the", "the road", "road"),  # the last of equal ones
        ("no no", "no no no", "no"),
        ("", "a word", "a word"),
        ("a word", "", ""),
        ("one two three", "three", ""),
        ("– one", "one – two", "– two"),
        ("rather cold hearted", "coldhearted and", "and"),
        ("rather coldhearted", "hearted and rather", "and rather"),
        ("be ill", "dill pose", "dill pose"),  # three letters are chance
        ("the amiables", "ramiable woman", "woman"),
    ],
)
def test_words_that_both_have_are_said_once(before: str, words: str, expected: str) -> None:
    said = words.split()
    assert " ".join(said[heard_before(before.split(), said, 5) :]) == expected


def test_no_more_words_are_looked_at_than_the_sound_can_hold() -> None:
    assert heard_before(["one", "two", "three", "four", "five", "six"], ["one", "two"], 3) == 0
    assert heard_before(["one"], ["one"], 0) == 0
