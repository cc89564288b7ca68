"""Lists of tokens, as k2 and sherpa write them."""

from __future__ import annotations

import pytest

from edgemm.errors import ArtifactError
from edgemm.token_list import read_tokens, without_marks


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<blk> 0\na 1\n", ("<blk>", "a")),
        (b"\xef\xbb\xbfa 1\r\n<blk> 0\r\n\r\n", ("<blk>", "a")),
        ("▁the\t0\n\u3000 1".encode(), ("▁the", "\u3000")),
        (b"a 0\n 1\nb 2", ("a", " ", "b")),  # a space, whose line has a number alone
        (b"a 0\n  1\n", ("a", " ")),
        (b"1 0\n2 1\n", ("1", "2")),
    ],
)
def test_symbols_stand_in_the_order_of_their_numbers(content: bytes, expected: tuple[str, ...]) -> None:
    assert read_tokens(content) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the numbers from 0 on, each once, found none"),
        (b"a 0\nb 2\n", "found 2 of them, and 1 is missing"),
        (b"a 0\nb 0\n", "each number once, found 0 again in line 2"),
        (b"a 0\nb c\n", "a token and its number in line 2, such as 'the 12', found 'b c'"),
        (b"a -1\n", "in line 1"),
        (b"a 99999999999999\n", "in line 1"),
        ("a ²\n".encode(), "in line 1"),
        (b"\xff\xfe 0", "in UTF-8, found other bytes"),
    ],
)
def test_what_is_no_such_list_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        read_tokens(content, "tokens.txt")


def test_marks_behind_the_tokens_are_left_out_and_nothing_else() -> None:
    tokens = ("<blk>", "a", "#0", "#1")
    assert without_marks(tokens, 2) == ("<blk>", "a")
    assert without_marks(tokens, 4) == tokens
    assert without_marks(tokens, 1) == tokens
    assert without_marks(("<blk>", "a", "b"), 2) == ("<blk>", "a", "b")
    assert without_marks(tokens, -1) == tokens
