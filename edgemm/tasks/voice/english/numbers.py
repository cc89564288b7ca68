"""Whole and other numbers as English words, with spaces between them and no hyphens."""

from __future__ import annotations

import re

from edgemm.tasks.voice.english.tables import words

_BELOW_20 = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = words("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
_GROUPS = words("thousand million billion trillion quadrillion quintillion sextillion septillion octillion")
LARGEST = 10**30 - 1
"""What is larger is read digit by digit."""
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(number: int, link: bool = False) -> str:
    """ "one hundred twenty three"; with `link` "one hundred and twenty three"."""
    if number < 0:
        return f"minus {cardinal(-number, link)}"
    if number > LARGEST:
        return digits(str(number))
    if number < 1000:
        return _below_1000(number, link)
    words, rest, groups = [], number, 0
    while rest:
        rest, part = divmod(rest, 1000)
        if part:
            small = groups == 0 and part < 100
            said = _below_1000(part, link)
            words.append(
                f"and {said}" if link and small else f"{said} {_GROUPS[groups - 1]}" if groups else said
            )
        groups += 1
    return " ".join(reversed(words))


def _below_1000(number: int, link: bool) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return below_100(rest)
    said = f"{_BELOW_20[hundreds]} hundred"
    return f"{said}{' and' * link} {below_100(rest)}" if rest else said


def below_100(number: int) -> str:
    """0 to 99."""
    if number < 20:
        return _BELOW_20[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]} {_BELOW_20[ones]}" if ones else _TENS[tens]


def ordinal(number: int, link: bool = False) -> str:
    """ "twenty first"."""
    *before, last = cardinal(number, link).split()
    regular = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join((*before, _ORDINALS.get(last, regular)))


def digits(text: str, zero: str = "zero") -> str:
    """Each digit of a text; other characters are left out."""
    return " ".join(zero if each == "0" else _BELOW_20[int(each)] for each in text if each in "0123456789")


def decimal(text: str, link: bool = False) -> str:
    """ "3.14" -> "three point one four"; thousands may have commas between."""
    whole, point, part = text.replace(",", "").partition(".")
    said = cardinal(int(whole), link) if whole else ""
    return f"{said} point {digits(part)}".strip() if point else said


def year(number: int, link: bool = False) -> str:
    """ "nineteen eighty four", "nineteen oh five", "nineteen hundred", "two thousand five"."""
    century, rest = divmod(number, 100)
    if not 1000 <= number <= 9999 or (century % 10 == 0 and rest < 10):
        return cardinal(number, link)
    if rest == 0:
        return f"{below_100(century)} hundred"
    return f"{below_100(century)} {'oh ' if rest < 10 else ''}{below_100(rest)}"


def fraction(above: int, below: int, link: bool = False) -> str:
    """ "three quarters", "one half", "five eighths"; "fifteen over thirty seven" where no such word is used."""
    top = cardinal(above, link)
    if below == 2:
        return f"{top} {'half' if above == 1 else 'halves'}"
    if below == 4:
        return f"{top} quarter{'s' * (above != 1)}"
    if below <= 20 or below in (32, 64, 100, 1000):
        part = ordinal(below).removeprefix("one ")
        return f"{top} {part}{'s' * (above != 1)}"
    return f"{top} over {cardinal(below, link)}"


def plural(words: str) -> str:
    """Of a number's last word: "nineties", "thousands", "sixes"."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}{'es' if words.endswith('x') else 's'}"


_ROMAN = re.compile("M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_WORTH = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman(text: str) -> int:
    """What a Roman numeral is worth; 0 where it is none, or is not written as they are."""
    if not _ROMAN.fullmatch(text):
        return 0
    worth = [_WORTH[each] for each in text]
    return sum(-each if each < max(worth[at:]) else each for at, each in enumerate(worth))
