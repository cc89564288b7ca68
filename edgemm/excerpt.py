"""What others say at length, in one line that ends at a word."""

from __future__ import annotations

MORE = " ..."


def excerpt(said: object, most: int) -> str:
    """The text in one line, and no longer than `most` characters: what is too long ends at a word, with an ellipsis.

    Args:
        said: an error, or its text.
    """
    text = " ".join(str(said).split())
    if len(text) <= most:
        return text
    kept = text[: most - len(MORE) + 1]  # one more: a blank there ends a word
    words, _, _ = kept.rpartition(" ")
    return (words or kept[:-1]) + MORE
