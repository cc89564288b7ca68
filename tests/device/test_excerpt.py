"""Long texts of others in one line."""

from __future__ import annotations

import pytest

from edgemm.excerpt import excerpt


@pytest.mark.parametrize(
    ("said", "most", "shown"),
    [
        ("all of it", 9, "all of it"),
        ("all of it", 8, "all ..."),
        ("all of it!", 9, "all ..."),
        ("all of it and", 10, "all of ..."),
        ("two\n  lines\t here", 40, "two lines here"),
        ("onewordonly", 9, "onewo ..."),
        ("", 5, ""),
    ],
)
def test_a_long_text_ends_at_a_word(said: str, most: int, shown: str) -> None:
    assert excerpt(said, most) == shown


def test_an_error_is_its_text() -> None:
    assert excerpt(ValueError("Input initial_h must have 3 dimensions"), 24) == "Input initial_h must ..."
