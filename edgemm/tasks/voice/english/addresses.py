"""E-mail and web addresses, numbers of telephones and of machines: what is spelled out sign by sign."""

from __future__ import annotations

import re

from edgemm.tasks.voice.english.numbers import digits
from edgemm.tasks.voice.english.rule import Rule, Style, compiled

_SIGNS = {
    ".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore", "+": "plus", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", ":": "colon", "%": "percent", "~": "tilde",
}  # fmt: skip
_SPOKEN = ("com", "org", "net", "info", "gov", "mil", "biz", "dev", "app", "co")
_COUNTRIES = ("uk", "us", "au", "eu", "nz", "ie", "es", "io", "ai", "edu")
_KNOWN = "com|org|net|info|gov|edu|mil|biz|dev|app|io|ai|uk|de|fr|eu|us|ca|au|nz|ie|in|jp|ch|at|nl|it|es"
_HOST = r"(?:[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?\.)+"
_PATH = r"(?::\d+)?(?:/(?:[\w\-./~%#=&?+]*[\w/#])?)?"


def _spelled(text: str) -> str:
    """Words as they are, digits one by one, signs by their names, words that nobody can say as letters."""
    said = []
    for part in re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]", text):
        if part.isdigit():
            said.append(digits(part))
        elif part.isalpha():
            said.append(_word(part))
        elif part in _SIGNS:
            said.append(_SIGNS[part])
    return " ".join(said)


def _word(part: str) -> str:
    low = part.lower()
    sayable = re.search("[aeiouy]", low) and re.search("[^aeiouy]", low) and low not in _COUNTRIES
    return low if low in _SPOKEN or sayable else " ".join(low.upper())


def _web(matched: re.Match[str], style: Style) -> str:
    return _spelled(re.sub(r"^https?://", "", matched[0]).rstrip("/"))


def _telephone(matched: re.Match[str], style: Style) -> str | None:
    text = matched[0]
    groups = re.findall(r"\d+", text)
    if text.startswith("+") and sum(map(len, groups)) < 8:
        return None
    if len(groups) == 2 and "(" not in text and groups[0].endswith("00") and groups[1].endswith("00"):
        return None  # 500-1000 is a range
    said = ", ".join(digits(group) for group in groups)
    return f"plus {said}" if text.startswith("+") else said


def _machine(matched: re.Match[str], style: Style) -> str | None:
    groups = matched[0].split(".")
    if any(int(group) > 255 for group in groups):
        return None
    return " dot ".join(digits(group) for group in groups)


RULES = (
    Rule(re.compile(rf"[\w.+-]+@{_HOST}[A-Za-z]{{2,}}\b"), lambda matched, style: _spelled(matched[0])),
    Rule(re.compile(rf"https?://{_HOST}[A-Za-z]{{2,}}\b{_PATH}"), _web),
    Rule(re.compile(rf"www\.{_HOST}[A-Za-z]{{2,}}\b{_PATH}"), _web),
    Rule(re.compile(rf"{_HOST}(?:{_KNOWN})\b(?![.@]\w){_PATH}"), _web),
    Rule(compiled(r"\d{1,3}(?:\.\d{1,3}){3}(?!\d)"), _machine),
    Rule(compiled(r"\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,6}"), _telephone),
    Rule(compiled(r"(?:1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"), _telephone),
    Rule(compiled(r"0\d{2,4}[ -]\d{3,4}(?:[ -]?\d{3,4})?"), _telephone),
    Rule(compiled(r"\d{4}(?:[ -]\d{4}){2,}"), _telephone),
    Rule(compiled(r"\d{3}-\d{4}"), _telephone),
)
