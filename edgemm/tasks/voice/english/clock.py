"""Times of day, and ratios that look like them."""

from __future__ import annotations

import re

from edgemm.tasks.voice.english.numbers import below_100, cardinal, digits
from edgemm.tasks.voice.english.rule import DASH, Rule, Style

_HALF = r"(?:\s?(?P<{0}half>[AaPp])\.?\s?[Mm]\b\.?)"
_TIME = r"(?P<{0}h>\d{{1,2}}):(?P<{0}m>[0-5]\d)(?::(?P<{0}s>[0-5]\d))?(?!\d|:\d)" + _HALF + "?"
_SHORT = r"(?P<{0}h>\d{{1,2}})(?:\.(?P<{0}m>[0-5]\d))?" + _HALF
OCLOCK = "o'clock"
_RATIO = re.compile(r"(?:ratio|odds|scale|aspect|score|won|lost|beat)\b[^.]{0,24}$", re.IGNORECASE)


def _time(matched: re.Match[str], key: str) -> str | None:
    """One time; None where there is no such hour."""
    found = matched.groupdict()
    hour, minute, second = (int(found.get(f"{key}{each}") or 0) for each in "hms")
    half = found.get(f"{key}half")
    if hour > 24 or (half and not 1 <= hour <= 12) or (hour == 24 and minute):
        return None
    said = _hour(hour, minute, half is not None)
    if second:
        said += f" and {cardinal(second)} second{'s' * (second != 1)}"
    return f"{said} {half.upper()} M" if half else said


def _hour(hour: int, minute: int, half: bool) -> str:
    if minute == 0 and not half:
        if hour in (0, 24):
            return "midnight"
        return f"{below_100(hour)} {'hundred' if hour > 12 else OCLOCK}"
    if minute == 0:
        return below_100(hour)
    return f"{below_100(hour)} {'oh ' if minute < 10 else ''}{below_100(minute)}"


def _say(matched: re.Match[str], style: Style) -> str | None:
    if _RATIO.search(matched.string[: matched.start()]) and not matched["half"]:
        return None
    return _time(matched, "")


def _say_range(matched: re.Match[str], style: Style) -> str | None:
    first, second = _time(matched, "a"), _time(matched, "b")
    return f"{first} to {second}" if first and second else None


def _say_ratio(matched: re.Match[str], style: Style) -> str:
    """ "3:1" is three to one; what looks like a time and is none has no "to"."""
    first, second = matched[0].split(":")
    if len(second) == 2 and 60 <= int(second) <= 99 and len(first) <= 2:
        return f"{cardinal(int(first), style.link)} {cardinal(int(second), style.link)}"
    return " to ".join(cardinal(int(each), style.link) for each in matched[0].split(":"))


def _raced(matched: re.Match[str], style: Style) -> str:
    """ "3:59.4", as times of races are told."""
    *before, parts = matched[1], *filter(None, (matched[2], matched[3])), matched[4]
    first, *rest = before
    said = [cardinal(int(first))]
    said += [
        digits(each) if each == "00" else f"{'oh ' if each[0] == '0' else ''}{below_100(int(each))}"
        for each in rest
    ]
    return f"{' '.join(said)} point {digits(parts)}"


RULES = (
    Rule(
        re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?\.(\d{1,3})(?![\d.:]|\s?[AaPp]\.?\s?[Mm]\b)"), _raced
    ),
    Rule(re.compile(_TIME.format("a") + DASH + _TIME.format("b")), _say_range),
    Rule(re.compile(_SHORT.format("a") + DASH + _SHORT.format("b")), _say_range),
    Rule(re.compile(_TIME.format("")), _say),
    Rule(re.compile(_SHORT.format("")), _say),
    Rule(re.compile(r"\d+:\d+(?!\d|:)"), _say_ratio),
)
