"""Patterns of whole texts, against `re`, which knows the same signs."""

from __future__ import annotations

import random
import re
import time

import pytest

from edgemm.errors import InputError
from edgemm.preprocess.text.pattern import MOST_CHARACTERS, MOST_STATES, Pattern


def drawn(rng: random.Random, depth: int = 0) -> str:
    """A pattern of the letters a to d."""
    kind = rng.randrange(8 if depth < 3 else 4)
    if kind < 2:
        return rng.choice("abcd")
    if kind == 2:
        return rng.choice([".", "\\d", "\\.", "[a-c]", "[^ab]", "[ad\\d]", "[b-]", "[\\]x-z]"])
    if kind == 3:
        return rng.choice("ab") + rng.choice(["?", "*", "+", "{2}", "{0,2}", "{1,3}"])
    if kind == 4:
        return f"({drawn(rng, depth + 1)}|{drawn(rng, depth + 1)}{rng.choice(['', '|'])})"
    if kind == 5:
        return f"({drawn(rng, depth + 1)}){rng.choice(['', '?', '*', '{1,2}'])}"
    return drawn(rng, depth + 1) + drawn(rng, depth + 1)


@pytest.mark.parametrize("part", range(4))
def test_it_matches_what_re_matches(part: int) -> None:
    rng, matched = random.Random(part), 0
    for _ in range(250):
        text = drawn(rng)
        made, peer = Pattern(text), re.compile(text, re.ASCII | re.DOTALL)
        for _ in range(30):
            given = "".join(rng.choices("abcd0.-]", k=rng.randrange(6)))
            assert made.matches(given) == (peer.fullmatch(given) is not None), (text, given)
            matched += made.matches(given)
    assert matched > 400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a text of 1 to"),
        ("a" * (MOST_CHARACTERS + 1), "a text of 1 to"),
        ("(ab", r"expected '\)' at character 3"),
        ("ab)", "expected the end, or what repeats or follows at character 2"),
        ("?a", "a character before"),
        ("a**", "a character before"),
        ("a{2", "expected '}'"),
        ("a{,2}", "expected a number"),
        ("a{3,2}", "a repetition such as"),
        ("a{0}", "a repetition such as"),
        ("a{99999}", "at most 1024 repetitions"),
        ("(a{100}){100}", f"at most {MOST_STATES} characters with its repetitions"),
        ("[a", "ranges such as a-z"),
        ("[z-a]", "ranges such as a-z"),
        ("[]", "ranges such as a-z"),
        ("(?:a)", "a character before"),
        ("\\w", "expected d or a sign behind"),
        ("\\1", "expected d or a sign behind"),
        ("a\\", "expected d or a sign behind"),
        ("(" * 17 + "a" + ")" * 17, "at most 16 groups in each other"),
    ],
)
def test_what_is_no_pattern(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Pattern(text)


def test_no_pattern_is_slow() -> None:
    """Those that `re` needs longer for than anybody waits."""
    began = time.process_time()
    for text, given in (
        ("(a*)*b", "a" * MOST_CHARACTERS),
        ("(a|a)*b", "a" * MOST_CHARACTERS),
        ("(a?){60}a{60}", "a" * 60),
        ("(.*a){20}b", "a" * 1000),
    ):
        assert Pattern(text).matches(given) == (text == "(a?){60}a{60}")
    assert time.process_time() - began < 4


def test_a_text_that_is_too_long_matches_nothing() -> None:
    assert Pattern("a*").matches("a" * MOST_CHARACTERS)
    assert not Pattern("a*").matches("a" * (MOST_CHARACTERS + 1))
