"""Dates, years and decades."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edgemm.tasks.voice.english import numbers
from edgemm.tasks.voice.english.rule import DASH, Rule, Style, compiled
from edgemm.tasks.voice.english.tables import words

MONTHS = words("January February March April May June July August September October November December")
_SHORT = {each[:3]: each for each in MONTHS} | {"Sept": "September"}
_DAYS = {
    short: f"{day}day"
    for day, shorts in {
        "Mon": "Mon", "Tues": "Tues Tue", "Wednes": "Wed", "Thurs": "Thurs Thur Thu", "Fri": "Fri", "Satur": "Sat",
        "Sun": "Sun",
    }.items()
    for short in shorts.split()
}  # fmt: skip
_MONTH = rf"(?P<month>{'|'.join(MONTHS)}|(?:{'|'.join(sorted(_SHORT, key=len, reverse=True))})\b\.?)"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])"
_YEAR = r"(?P<year>[12]\d{3})"
_SUFFIX = r"(?P<suffix>st|nd|rd|th)?"
_BEFORE_YEAR = re.compile(
    r"\b(?:in|since|by|of|from|until|till|to|year|before|after|during|around|circa|early|late|mid|class|between|and|"
    r"spring|summer|autumn|fall|winter|copyright|©)[ -]$",
    re.IGNORECASE,
)
_COUNTED = re.compile(r" (?!(?:was|is|has|as|this|its|us|his|yes|versus)\b)[a-z]+(?<!s)s\b")
"""A plural behind it: 1950 cars."""


def _month(text: str) -> str:
    return _SHORT.get(text.rstrip("."), text)


def _year(text: str, style: Style) -> str:
    return numbers.year(int(text), style.link)


def _month_first(matched: re.Match[str], style: Style) -> str:
    said = f"{_month(matched['month'])} {numbers.ordinal(int(matched['day']))}"
    if matched["last"]:
        said += f" to {numbers.ordinal(int(matched['last']))}"
    if matched["year"]:
        said += f"{',' if matched['comma'] else ''} {_year(matched['year'], style)}"
    return said


def _day_first(matched: re.Match[str], style: Style) -> str:
    before = matched.string[: matched.start()].lower().endswith("the ")
    said = f"{'' if before else 'the '}{numbers.ordinal(int(matched['day']))} of {_month(matched['month'])}"
    return f"{said} {_year(matched['year'], style)}" if matched["year"] else said


def _month_year(matched: re.Match[str], style: Style) -> str:
    return f"{_month(matched['month'])} {_year(matched['year'], style)}"


def _told(day: int, month: int, year: int, style: Style) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    said = numbers.year(year, style.link)
    if style.day_first:
        return f"the {numbers.ordinal(day)} of {MONTHS[month - 1]} {said}"
    return f"{MONTHS[month - 1]} {numbers.ordinal(day)}, {said}"


def _iso(matched: re.Match[str], style: Style) -> str | None:
    year, month, day = (int(each) for each in matched[0].split("-"))
    return _told(day, month, year, style)


def _numeric(matched: re.Match[str], style: Style) -> str | None:
    first, second, year = (int(matched[each]) for each in (1, 3, 4))
    if len(matched[4]) == 2:
        year += 2000 if year < 50 else 1900
    day_first = style.day_first or matched[2] == "." or first > 12
    day, month = (first, second) if day_first and second <= 12 else (second, first)
    return _told(day, month, year, style)


def _years(matched: re.Match[str], style: Style) -> str | None:
    first, second = matched[1], matched[2]
    if len(second) == 2:
        if int(second) <= int(first) % 100 or first[2:] == "00":
            return None
        return f"{_year(first, style)} to {numbers.below_100(int(second))}"
    return f"{_year(first, style)} to {_year(second, style)}" if int(first) < int(second) else None


def _decade(matched: re.Match[str], style: Style) -> str:
    return numbers.plural(_year(matched[1], style))


def _plain_year(matched: re.Match[str], style: Style) -> str | None:
    number, text = int(matched[0]), matched.string
    if _COUNTED.match(text, matched.end()):
        return None
    if 1800 <= number < 2100 or _BEFORE_YEAR.search(text[: matched.start()]):
        return numbers.year(number, style.link)
    return None


def _weekday(matched: re.Match[str], style: Style) -> str:
    return _DAYS[matched[1]]


def _span(matched: re.Match[str], style: Style) -> str:
    """ "Mon.-Fri.", "Jan-Mar"."""
    first, last = ({**_DAYS, **_SHORT}.get(each, each) for each in (matched[1], matched[2]))
    return f"{first} to {last}"


def _one_of(names: Iterable[str]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


_DAY_NAMES, _MONTH_NAMES = _one_of([*_DAYS, *_DAYS.values()]), _one_of([*_SHORT, *MONTHS])
FIRST_RULES = (
    *(
        Rule(re.compile(rf"({names})\b\.?{DASH}({names})\b(?:\.(?=[,)]| [a-z\d]))?{behind}"), _span)
        for names, behind in ((_DAY_NAMES, ""), (_MONTH_NAMES, r"(?! \d)"))
    ),
    Rule(compiled(r"(\d{1,2})['’]s"), lambda matched, style: numbers.plural(numbers.cardinal(int(matched[1])))),
    Rule(compiled(r"[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"), _iso),
    Rule(compiled(r"(\d{1,2})([/.])(\d{1,2})\2(\d{4}|\d{2})"), _numeric),
    Rule(compiled(r"([12]\d\d0)['’]?s"), _decade),
    Rule(compiled(r"['’]?([2-9]0)['’]?s"), lambda matched, style: numbers.plural(numbers.below_100(int(matched[1])))),
)  # fmt: skip
"""Come before rules that would divide what they match at its dashes, dots and letters."""
RULES = (
    Rule(
        compiled(rf"{_MONTH} {_DAY}{_SUFFIX}(?:{DASH}(?P<last>\d{{1,2}}))?(?!:\d|\.?\d)(?:(?P<comma>,)? {_YEAR})?"),
        _month_first,
    ),
    Rule(compiled(rf"{_DAY}{_SUFFIX} (?:of )?{_MONTH}(?:,? {_YEAR})?"), _day_first),
    Rule(compiled(rf"{_MONTH},? {_YEAR}"), _month_year),
    Rule(re.compile(r"(Jan|Feb|Aug|Sept?|Oct|Nov|Dec)\.(?!\w)"), lambda matched, style: _SHORT[matched[1]]),
    Rule(re.compile(rf"({'|'.join(_DAYS)})\b(?:\.|(?=,? (?:\d|{'|'.join(_SHORT)})))"), _weekday),
    Rule(compiled(rf"([12]\d{{3}}){DASH}([12]\d{{3}}|\d\d)"), _years),
    Rule(
        compiled(r"['’](\d\d)(?![\"'’])"),
        lambda matched, style: ("oh " if matched[1] < "10" else "") + numbers.below_100(int(matched[1])),
    ),
    Rule(compiled(r"[1-9]\d{3}(?!,\d)"), _plain_year),
)  # fmt: skip
