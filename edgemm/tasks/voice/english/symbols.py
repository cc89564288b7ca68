"""Signs that are spoken, and those that only give a pause or nothing."""

from __future__ import annotations

import re

from edgemm.tasks.voice.english.rule import HALVES, Rule, Style, amount

_SPOKEN = {
    "&": "and", "+": "plus", "@": "at", "%": "percent", "=": "equals", "±": "plus or minus", "×": "times",
    "÷": "divided by", "<": "less than", ">": "greater than", "≤": "at most", "≥": "at least", "≈": "about",
    "≠": "is not", "°": "degrees", "#": "hash", "~": "about", "^": "to the power of", "√": "root", "∞": "infinity",
    "π": "pi", "§": "section", "©": "copyright", "\\": "backslash", "→": "to", "−": "minus", "µ": "micro",
    "$": "dollars", "£": "pounds", "€": "euros", "¥": "yen", "¢": "cents",
}  # fmt: skip
_SILENT = "*_|®™•·`´¨[]{}\u200b\u200c\u200d\ufeff\u00ad"
_PER = (
    "second|minute|hour|day|night|week|month|quarter|year|person|head|mile|kilometer|page|word|unit|item|user|class|"
    "pound|ounce|gallon"
)
_SHORT_PER = {
    "mo": "month",
    "yr": "year",
    "hr": "hour",
    "wk": "week",
    "sec": "second",
    "min": "minute",
    "mi": "mile",
    "lb": "pound",
    "oz": "ounce",
    "kg": "kilogram",
    "gal": "gallon",
}


def _power(matched: re.Match[str], style: Style) -> str:
    return {"²": "squared", "³": "cubed"}[matched[0]]


def _slash(matched: re.Match[str], style: Style) -> str:
    return "slash" if matched.string[max(0, matched.start() - 1) : matched.end() + 1].strip("/ ") else ""


RULES = (
    Rule(re.compile(r"(?<=[A-G])#(?!\w)"), lambda matched, style: "sharp"),
    Rule(re.compile(r"(?<=C)\+\+(?!\w)"), lambda matched, style: "plus plus"),
    Rule(re.compile(rf"/\s?({_PER})\b"), lambda matched, style: f"per {matched[1]}"),
    Rule(re.compile(rf"/({'|'.join(_SHORT_PER)})\b"), lambda matched, style: f"per {_SHORT_PER[matched[1]]}"),
    Rule(re.compile("/"), _slash),
    Rule(re.compile("[²³]"), _power),
    Rule(re.compile(f"[{''.join(HALVES)}]"), lambda matched, style: amount(matched[0], style)),
    Rule(re.compile("|".join(re.escape(each) for each in _SPOKEN)), lambda matched, style: _SPOKEN[matched[0]]),
    Rule(re.compile(f"[{re.escape(_SILENT)}]+"), lambda matched, style: ""),
)  # fmt: skip
