"""Numbers without a unit: ordinals, fractions, ranges, versions, decimals, counts, and digits one by one."""

from __future__ import annotations

import re

from edgemm.tasks.voice.english import numbers
from edgemm.tasks.voice.english.rule import (
    AMOUNT,
    DASH,
    FRACTION,
    NUMBER,
    PLAIN,
    SIGN,
    Rule,
    Style,
    amount,
    compiled,
)

_LARGE = {"k": "thousand", "bn": "billion", "tn": "trillion"}
_AS_SPOKEN = {"24/7": "twenty four seven", "9/11": "nine eleven"}
_LONG = 10
"""Digits without commas that are read one by one."""


def _ordinal(matched: re.Match[str], style: Style) -> str:
    return numbers.ordinal(int(matched[1].replace(",", "")), style.link)


def _fraction(matched: re.Match[str], style: Style) -> str | None:
    text = matched[0]
    if text in _AS_SPOKEN:
        return _AS_SPOKEN[text]
    if "/" in text and " " not in text and "-" not in text:
        above, below = map(int, text.split("/"))
        if not below or above > below:
            return f"{numbers.cardinal(above, style.link)} over {numbers.cardinal(below, style.link)}"
        if above == below:
            return f"{numbers.cardinal(above, style.link)} out of {numbers.cardinal(below, style.link)}"
    return amount(text, style)


def _number(matched: re.Match[str], style: Style) -> str:
    return f"number {amount(matched[1], style)}"


def _range(matched: re.Match[str], style: Style) -> str:
    return f"{amount(matched[1], style)} to {amount(matched[2], style)}"


def _version(matched: re.Match[str], style: Style) -> str:
    said = " point ".join(numbers.cardinal(int(each), style.link) for each in matched[1].split("."))
    return f"version {said}" if matched[0][0] in "vV" else said


def _by(matched: re.Match[str], style: Style) -> str:
    return " by ".join(amount(each, style) for each in re.split(r"\s?[x×]\s?", matched[0]))


def _large(matched: re.Match[str], style: Style) -> str:
    return f"{amount(matched[1], style)} {_LARGE[matched[2]]}"


_CODE = re.compile(
    r"\b(?:code|pin|password|passcode|extension|ext\.?|account|confirmation|reference|serial)"
    r"(?: (?:code|number|no\.?))?(?: (?:is|was|reads)(?: now)?)?[ :#]+$",
    re.IGNORECASE,
)
"""What a number behind it is read digit by digit for."""


def _count(matched: re.Match[str], style: Style) -> str:
    text = matched[0]
    plain = text.lstrip("-−–+")
    if text.isdigit() and len(text) >= 3 and _CODE.search(matched.string[: matched.start()]):
        return numbers.digits(text)
    if plain.isdigit() and (len(plain) >= _LONG or (plain[0] == "0" and len(plain) > 1)):
        said = numbers.digits(plain)
        return said if plain == text else f"{'plus' if text[0] == '+' else 'minus'} {said}"
    return amount(text, style)


RULES = (
    Rule(compiled(rf"({PLAIN})(?:st|nd|rd|th)"), _ordinal),
    Rule(compiled(FRACTION), _fraction),
    Rule(compiled(rf"(?:№\s?|#|\bN[or]\. ?(?=\d))({NUMBER})"), _number),
    Rule(re.compile(rf"pp\. ?({PLAIN}){DASH}({PLAIN})"), lambda matched, style: f"pages {_range(matched, style)}"),
    Rule(re.compile(rf"p\. ?({PLAIN})"), lambda matched, style: f"page {amount(matched[1], style)}"),
    Rule(re.compile(r"[vV](\d+(?:\.\d+)+)(?!\w)"), _version),
    Rule(re.compile(r"(\d+(?:\.\d+){2,})(?!\w)"), _version),
    Rule(compiled(rf"{NUMBER}(?:\s?[x×]\s?{NUMBER})+"), _by),
    Rule(compiled(rf"({AMOUNT})(k|bn|tn)"), _large),
    Rule(compiled(rf"({NUMBER}){DASH}({NUMBER})(?![-/]\d)"), _range),
    Rule(re.compile(SIGN + NUMBER), _count),
)  # fmt: skip
