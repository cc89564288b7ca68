"""What is told while somebody speaks, writing after writing."""

from __future__ import annotations

import pytest

from edgemm.tasks.speech.agreement import Agreement

pytestmark = pytest.mark.device


@pytest.mark.parametrize(
    ("writings", "told"),
    [
        (["a", "a b", "a b c"], ["a", "a b", "a b c"]),
        (["a b", "a x c"], ["a b", "a x c"]),  # b was never agreed
        (["a b", "a b c", "a x c d", "a b c d"], ["a b", "a b c", "a b", "a b c d"]),
        (["a b", "a b c", "x b c d", "x b c d e"], ["a b", "a b c", "a b", "x b c d e"]),
        (["One.", "one two", "One, two three"], ["One.", "one two", "One, two three"]),
        (["a b", "a b", ""], ["a b", "a b", "a b"]),
        ([""], [""]),
    ],
)
def test_words_that_were_agreed_stay_until_two_writings_say_otherwise(
    writings: list[str], told: list[str]
) -> None:
    agreement = Agreement()
    assert [" ".join(agreement(each.split())) for each in writings] == told
