"""Amounts of money."""

from __future__ import annotations

import re
from typing import NamedTuple

from edgemm.tasks.voice.english import numbers
from edgemm.tasks.voice.english.rule import DASH, NUMBER, Rule, Style, compiled, says_what_kind


class Currency(NamedTuple):
    """What a sign of money is called."""

    one: str
    many: str
    one_part: str = ""
    """Of a hundredth; "" where there is none."""
    many_parts: str = ""


_DOLLAR = Currency("dollar", "dollars", "cent", "cents")
_POUND = Currency("pound", "pounds", "penny", "pence")
_EURO = Currency("euro", "euros", "cent", "cents")
_YEN = Currency("yen", "yen")
_RUPEE = Currency("rupee", "rupees", "paisa", "paise")


def _kind(words: str, like: Currency) -> Currency:
    return like._replace(one=f"{words} {like.one}", many=f"{words} {like.many}")


CURRENCIES = {
    "$": _DOLLAR,
    "£": _POUND,
    "€": _EURO,
    "¥": _YEN,
    "₹": _RUPEE,
    "₩": Currency("won", "won"),
    "₽": Currency("ruble", "rubles", "kopeck", "kopecks"),
    "US$": _kind("U S", _DOLLAR),
    "USD": _kind("U S", _DOLLAR),
    "C$": _kind("Canadian", _DOLLAR),
    "CAD": _kind("Canadian", _DOLLAR),
    "A$": _kind("Australian", _DOLLAR),
    "AUD": _kind("Australian", _DOLLAR),
    "NZ$": _kind("New Zealand", _DOLLAR),
    "HK$": _kind("Hong Kong", _DOLLAR),
    "EUR": _EURO,
    "GBP": _POUND,
    "JPY": _YEN,
    "INR": _RUPEE,
    "CHF": Currency("Swiss franc", "Swiss francs"),
    "CNY": Currency("yuan", "yuan"),
}
_LARGE = {
    "thousand": "thousand", "k": "thousand", "K": "thousand", "million": "million", "m": "million", "M": "million",
    "mn": "million", "mio": "million", "billion": "billion", "b": "billion", "B": "billion", "bn": "billion",
    "trillion": "trillion", "tn": "trillion", "trn": "trillion", "T": "trillion",
}  # fmt: skip
_BEFORE = "|".join(re.escape(each) for each in sorted(CURRENCIES, key=len, reverse=True))
_BEHIND = "|".join(re.escape(each) for each in CURRENCIES if each.isalpha() or each in "$£€¥₹₩₽")
_SIZE = (
    r"(?:(?P<joint>[ -]?)(?P<size>thousand|million|billion|trillion)|(?P<letter>mio|mn|bn|trn|tn|[kKmMbBT]))?"
)
_SIGN = r"(?P<sign>(?:(?<![\w.,)%])[-−–+])?)"


def _amount(matched: re.Match[str], style: Style) -> str | None:
    money = CURRENCIES[matched["money"]]
    figure, size = matched["figure"].replace(",", ""), matched["size"] or matched["letter"]
    until = matched.groupdict().get("until")
    singular = _describes(matched)
    if size:
        said = f"{numbers.decimal(figure, style.link)} {_LARGE[size]}"
        if until:
            said = f"{numbers.decimal(figure, style.link)} to {numbers.decimal(until, style.link)} {_LARGE[size]}"
        said = f"{said} {money.one if singular else money.many}"
    elif until:
        said = f"{_whole(figure, style)} to {_coins(until.replace(',', ''), money, style)}"
    elif singular:
        said = f"{numbers.decimal(figure, style.link)} {money.one}"
    else:
        said = _coins(figure, money, style)
    sign = matched["sign"] or matched.groupdict().get("inner")
    return f"{({'+': 'plus '}).get(sign, 'minus ') if sign else ''}{said}"


def _whole(figure: str, style: Style) -> str:
    return numbers.decimal(figure, style.link)


def _describes(matched: re.Match[str]) -> bool:
    """Whether it says what kind of thing something is, as in "a $20 bill"."""
    behind = matched.string[matched.end() :]
    if re.match(r"-[a-z]", behind) or (matched["size"] and matched["joint"] == "-"):
        return True
    return says_what_kind(matched)


def _coins(figure: str, money: Currency, style: Style) -> str:
    whole, _, part = figure.partition(".")
    if (part and not money.one_part) or len(part) > 2:
        return f"{numbers.decimal(figure, style.link)} {money.many}"
    count, parts = int(whole or 0), int(part.ljust(2, "0") or 0)
    said = []
    if count or not parts:
        said.append(f"{numbers.cardinal(count, style.link)} {money.one if count == 1 else money.many}")
    if parts:
        said.append(f"{numbers.below_100(parts)} {money.one_part if parts == 1 else money.many_parts}")
    return " and ".join(said)


def _part(matched: re.Match[str], style: Style) -> str:
    money = _POUND if matched[2] == "p" else _DOLLAR
    return f"{numbers.decimal(matched[1], style.link)} {money.one_part if matched[1] == '1' else money.many_parts}"


RULES = (
    Rule(
        compiled(
            rf"{_SIGN}(?P<money>{_BEFORE})\s?(?P<figure>{NUMBER}){DASH}(?:{_BEFORE})?(?P<until>{NUMBER}){_SIZE}"
        ),
        _amount,
    ),
    Rule(compiled(rf"{_SIGN}(?P<money>{_BEFORE})\s?(?P<inner>[-−–]?)(?P<figure>{NUMBER}){_SIZE}"), _amount),
    Rule(re.compile(rf"{_SIGN}(?P<figure>{NUMBER}){_SIZE}\s?(?P<money>{_BEHIND})(?!\w)"), _amount),
    Rule(compiled(rf"({NUMBER})\s?(¢|p)"), _part),
)
