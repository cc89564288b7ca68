"""What a rule of the normaliser is, and the patterns that several of them share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from edgemm.tasks.voice.english import numbers


class Style(NamedTuple):
    """What differs between the kinds of English."""

    link: bool = False
    """Whether "and" stands in "one hundred and one"."""
    day_first: bool = False
    """Whether 3/4/2024 is in April."""


class Rule(NamedTuple):
    """What something written is spoken as."""

    pattern: re.Pattern[str]
    """Is matched where a word, a number or a sign begins."""
    say: Callable[[re.Match[str], Style], str | None]
    """Words, or None where what was matched is something else after all."""


PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?!\d|,\d)|\d+)"
"""A whole number, with commas between thousands or none."""
NUMBER = rf"(?:{PLAIN}(?:\.\d+)?|\.\d+)"
SIGN = r"(?:(?<![\w.,)%])[-−–+])?"
DASH = r"\s?[-–—]\s?"
HALVES = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5",
    "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
FRACTION = rf"(?:(?:\d+[ -])?\d+/\d+|\d*\s?[{''.join(HALVES)}])"
AMOUNT = rf"{SIGN}(?:{FRACTION}|{NUMBER})"


def amount(text: str, style: Style) -> str:
    """A number as `AMOUNT` matches it: signed, decimal, or a fraction.

    "2 1/2" -> "two and a half"; "-3.5" -> "minus three point five".
    """
    if text[:1] in "-−–+":
        return f"{'plus' if text[0] == '+' else 'minus'} {amount(text[1:], style)}"
    for sign, written in HALVES.items():
        text = text.replace(sign, f" {written}")
    text = text.strip()
    if "/" not in text:
        return numbers.decimal(text, style.link)
    whole, _, part = text.replace("-", " ").rpartition(" ")
    above, below = map(int, part.split("/"))
    said = (
        numbers.fraction(above, below, style.link)
        if below
        else f"{numbers.cardinal(above, style.link)} over zero"
    )
    if not whole:
        return said
    if above == 1 and below in (2, 4):
        said = "a half" if below == 2 else "a quarter"
    return f"{numbers.cardinal(int(whole), style.link)} and {said}"


def is_one(text: str) -> bool:
    """Whether a thing of this number stands in the singular: 1, -1, 1/2."""
    return text.lstrip("-−–+") == "1" or ("/" in text and " " not in text and text.split("/") < ["2"])


def says_what_kind(matched: re.Match[str]) -> bool:
    """Whether an amount says what kind of thing something is, as in "a $20 bill", "a 10 in. pipe"."""
    before = matched.string[max(0, matched.start() - 4) : matched.start()]
    behind = matched.string[matched.end() :]
    return bool(re.search(r"\b[Aa]n? $", before)) and bool(
        re.match(r" (?!or |and |to |in |a |for |per |at |on |is |as |of |by )[a-z]+", behind)
    )


def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern that ends where a number or word does."""
    return re.compile(rf"{pattern}(?![\w])(?!\.\d)", flags)
