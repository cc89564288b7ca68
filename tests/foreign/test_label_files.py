"""One name a line; numbered lines; lines that are blank."""

from __future__ import annotations

import pytest

from edgemm.foreign.label_files import read_labels

pytestmark = pytest.mark.device


@pytest.mark.parametrize(
    ("content", "counts", "labels"),
    [
        ("cat\ndog\n\n", (), ("cat", "dog")),
        ("\ncat\ndog\n", (2,), ("cat", "dog")),
        ("\n \ncat\ndog\n", (2,), ("cat", "dog")),
        ("\ncat\ndog\n", (3,), ("", "cat", "dog")),  # the background, say
        ("\ncat\ndog\n", (2, 3), ("", "cat", "dog")),
        ("\ncat\ndog\n", (), ("", "cat", "dog")),
        ("\ncat\ndog\n", (9,), ("", "cat", "dog")),
        ("\n\ncat\n", (2,), ("", "", "cat")),
        ("\ncat\n\ndog\n", (3,), ("cat", "", "dog")),
        ("\r\ncat\r\ndog", (2,), ("cat", "dog")),
        ("\ufeff\ncat\ndog", (2,), ("cat", "dog")),
        ("\n0 cat\n2 dog\n", (3,), ("cat", "???", "dog")),
        ("\n5 euro\n10 euro\n", (2,), ("5 euro", "10 euro")),
        ("\n\n", (1,), ()),
        ("", (), ()),
    ],
)
def test_labels(content: str, counts: tuple[int, ...], labels: tuple[str, ...]) -> None:
    assert read_labels(content.encode(), counts) == labels
