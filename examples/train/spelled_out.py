"""Numbers, times and dates, and how they are read out in English: what `written_numbers.py` learns from.

12/03/2024 7:30   twelfth of march twenty twenty four seven thirty        day first; 24 hours
-1,204.50         minus one thousand two hundred four point five zero
21st              twenty first
35%               thirty five percent
"""

from __future__ import annotations

import calendar
from collections.abc import Callable

import numpy as np

SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
"""Those that are not the number and "th", or "ieth" for "y"."""
MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
LARGEST = 999_999


def cardinal(number: int) -> str:
    """0 to `LARGEST`: 1204 -> one thousand two hundred four."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        return TENS[number // 10 - 2] + _rest(number % 10)
    if number < 1000:
        return f"{SMALL[number // 100]} hundred" + _rest(number % 100)
    return f"{cardinal(number // 1000)} thousand" + _rest(number % 1000)


def _rest(number: int) -> str:
    return f" {cardinal(number)}" if number else ""


def ordinal(number: int) -> str:
    """1 to `LARGEST`: 21 -> twenty first."""
    *before, last = cardinal(number).split()
    regular = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return " ".join([*before, ORDINALS.get(last, regular)])


def year(number: int) -> str:
    """1000 to 2999: 1905 -> nineteen oh five; 2007 -> two thousand seven."""
    century, rest = divmod(number, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def time(hour: int, minute: int) -> str:
    """7, 5 -> seven oh five; 7, 0 -> seven o'clock."""
    if minute == 0:
        return f"{cardinal(hour)} o'clock"
    return f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"


def date(day: int, month: int, of_year: int) -> str:
    """12, 3, 2024 -> twelfth of march twenty twenty four."""
    return f"{ordinal(day)} of {MONTHS[month - 1]} {year(of_year)}"


Pair = tuple[str, str]
"""As it is typed, and as it is read out."""


def _number(rng: np.random.Generator) -> int:
    """Of any length alike."""
    return int(rng.integers(0, 10 ** int(rng.integers(1, 7))))


def _draw_number(rng: np.random.Generator) -> Pair:
    number = _number(rng)
    typed = f"{number:,}" if rng.random() < 0.5 else str(number)
    words = cardinal(number)
    if rng.random() < 0.3:
        decimals = f"{rng.integers(0, 1000):03d}"[: int(rng.integers(1, 4))]
        typed, words = (
            f"{typed}.{decimals}",
            f"{words} point {' '.join(SMALL[int(each)] for each in decimals)}",
        )
    if number and rng.random() < 0.2:
        typed, words = f"-{typed}", f"minus {words}"
    if rng.random() < 0.15:
        typed, words = f"{typed}%", f"{words} percent"
    return typed, words


def _draw_ordinal(rng: np.random.Generator) -> Pair:
    number = 1 + _number(rng) % 9999
    ends = {1: "st", 2: "nd", 3: "rd"} if number % 100 not in (11, 12, 13) else {}
    return f"{number}{ends.get(number % 10, 'th')}", ordinal(number)


def _draw_time(rng: np.random.Generator) -> Pair:
    hour, minute = int(rng.integers(24)), int(rng.integers(60)) * int(rng.random() < 0.9)
    typed = f"{hour:02d}:{minute:02d}" if rng.random() < 0.3 else f"{hour}:{minute:02d}"
    return typed, time(hour, minute)


def _draw_date(rng: np.random.Generator) -> Pair:
    of_year = int(rng.integers(1800, 2100)) if rng.random() < 0.5 else int(rng.integers(1990, 2030))
    month = int(rng.integers(1, 13))
    day = int(rng.integers(1, calendar.monthrange(of_year, month)[1] + 1))
    typed = f"{day:02d}/{month:02d}/{of_year}" if rng.random() < 0.5 else f"{day}/{month}/{of_year}"
    return typed, date(day, month, of_year)


def _draw_both(rng: np.random.Generator) -> Pair:
    (day, of_day), (hour, of_hour) = _draw_date(rng), _draw_time(rng)
    return f"{day} {hour}", f"{of_day} {of_hour}"


KINDS: tuple[tuple[float, Callable[[np.random.Generator], Pair]], ...] = (
    (0.4, _draw_number), (0.1, _draw_ordinal), (0.1, _draw_time), (0.2, _draw_date), (0.2, _draw_both),
)  # fmt: skip
"""Share, and what draws one."""


def draw(rng: np.random.Generator) -> Pair:
    """One of any kind."""
    shares = [share for share, _ in KINDS]
    return KINDS[int(rng.choice(len(KINDS), p=shares))][1](rng)


def words() -> list[str]:
    """All that are used."""
    found = {
        *SMALL,
        *TENS,
        *MONTHS,
        "hundred",
        "thousand",
        "point",
        "minus",
        "percent",
        "of",
        "oh",
        "o'clock",
    }
    found |= {ordinal(number).split()[-1] for number in (*range(1, 21), *range(30, 100, 10), 100, 1000)}
    return sorted(found)


def _any(*patterns: str) -> str:
    return f"({'|'.join(patterns)})"


_COUNT = r"([1-9]\d{0,5}|[1-9]\d{0,2},\d{3})"
"""1 to `LARGEST`, with a comma or without."""
_DECIMALS = r"(\.\d{1,3})"
_TENS = r"([1-9]\d?[02-9]|[2-9])"
"""Before the last digit of an ordinal, but not 1."""
_LEAP = _any(
    r"(18|19)" + _any("0[48]", "[2468][048]", "[13579][26]"), "20" + _any("[02468][048]", "[13579][26]")
)
_YEAR = r"(18|19|20)\d\d"


def _dates(zero: str) -> str:
    """Days that there are.

    Args:
        zero: "0" where days and months below ten have one before them, "" where they have none.
    """
    long, short = _any(f"{zero}[13578]", "1[02]"), _any(f"{zero}[469]", "11")
    return _any(
        _any(f"{zero}[1-9]", r"[12]\d", "30") + f"/{_any(long, short)}/{_YEAR}",
        f"31/{long}/{_YEAR}",
        _any(f"{zero}[1-9]", r"1\d", "2[0-8]") + f"/{zero}2/{_YEAR}",
        f"29/{zero}2/{_LEAP}",
    )


_DATE = _any(_dates("0"), _dates(""))
_TIME = _any(r"[01]?\d", "2[0-3]") + r":[0-5]\d"
ACCEPTS = (
    rf"(-?{_COUNT}{_DECIMALS}?|0{_DECIMALS}?|-0{_DECIMALS})%?",
    _any(_TENS + "?" + _any("1st", "2nd", "3rd", "[4-9]th"), _TENS + "0th", r"([1-9]\d?)?1\dth"),
    _TIME,
    f"{_DATE}( {_TIME})?",
)
"""Patterns of what is written out."""
ACCEPTED = (
    "a number up to 999,999 with at most three decimals, with or without a percent sign; an ordinal up to 9999th; a "
    "time such as 18:45; or a date of 1800 to 2099, the day first, as 05/03/2024 or 5/3/2024, with or without a time "
    "behind it"
)
