"""Numbers with a unit, and percentages."""

from __future__ import annotations

import re

from edgemm.tasks.voice.english import numbers
from edgemm.tasks.voice.english.rule import AMOUNT, DASH, NUMBER, Rule, Style, amount, is_one, says_what_kind

_ONE = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "µm": "micrometer", "nm": "nanometer",
    "mi": "mile", "yd": "yard", "kg": "kilogram", "g": "gram", "mg": "milligram", "µg": "microgram", "lb": "pound",
    "lbs": "pound", "oz": "ounce", "l": "liter", "L": "liter", "ml": "milliliter", "mL": "milliliter",
    "cl": "centiliter", "ms": "millisecond", "µs": "microsecond", "ns": "nanosecond", "s": "second", "sec": "second",
    "secs": "second", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour", "yr": "year",
    "yrs": "year", "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "kWh": "kilowatt hour",
    "Wh": "watt hour", "V": "volt", "mV": "millivolt", "kV": "kilovolt", "mA": "milliampere", "mAh": "milliampere hour",
    "J": "joule", "kJ": "kilojoule", "kcal": "kilocalorie", "cal": "calorie", "N": "newton", "Pa": "pascal",
    "kPa": "kilopascal", "hPa": "hectopascal", "dB": "decibel", "B": "byte", "kB": "kilobyte", "KB": "kilobyte",
    "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "kbit": "kilobit", "Mbit": "megabit", "Gbit": "gigabit",
    "px": "pixel", "ha": "hectare", "°": "degree", "deg": "degree", "yds": "yard", "tbsp": "tablespoon",
    "tsp": "teaspoon", "gal": "gallon", "gals": "gallon", "qt": "quart", "qts": "quart",
}  # fmt: skip
_SAME = {
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "rpm": "R P M",
    "fps": "frames per second", "bpm": "beats per minute", "dpi": "dots per inch",
}  # fmt: skip
_OTHER = {
    "ft": ("foot", "feet"),
    "in.": ("inch", "inches"),
    "″": ("inch", "inches"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "℃": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "℉": ("degree Fahrenheit", "degrees Fahrenheit"),
    **{
        f"deg{stop} {sign}": (f"degree {scale}", f"degrees {scale}")
        for stop in ("", ".")
        for sign, scale in (("C", "Celsius"), ("F", "Fahrenheit"))
    },
    "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "kmh": ("kilometer per hour", "kilometers per hour"),
    "mpg": ("mile per gallon", "miles per gallon"),
    "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    **{
        f"{short}{stop} {unit}": (f"{long} {one}", f"{long} {many}")
        for short, long in (("sq", "square"), ("cu", "cubic"))
        for stop in ("", ".")
        for unit, one, many in (
            ("ft", "foot", "feet"),
            ("in.", "inch", "inches"),
            ("m", "meter", "meters"),
            ("mi", "mile", "miles"),
            ("km", "kilometer", "kilometers"),
            ("cm", "centimeter", "centimeters"),
            ("yd", "yard", "yards"),
        )
    },
    "fl oz": ("fluid ounce", "fluid ounces"),
    "fl. oz": ("fluid ounce", "fluid ounces"),
}
UNITS = (
    {unit: (one, f"{one}s") for unit, one in _ONE.items()} | {u: (s, s) for u, s in _SAME.items()} | _OTHER
)
"""Sign -> what one is called, and more than one."""
_POWERS = {"²": "square", "2": "square", "^2": "square", "³": "cubic", "3": "cubic", "^3": "cubic"}
_NAMES = "|".join(re.escape(each) for each in sorted(UNITS, key=len, reverse=True))
_POWER = r"(?:²|³|\^?[23](?!\d))?"
_UNIT = (
    rf"(?P<unit>{_NAMES})(?P<power>{_POWER})"
    rf"(?:(?:/|\sper\s)(?P<other>{_NAMES})(?P<other_power>{_POWER}))?(?!\w)"
)
_MEASURED = re.compile(rf"\d\s?(?:{_NAMES})\.?\s?$")
_STOP = r"(?:\.(?=,|\)| [a-z(\d]))?"
"""Of an abbreviation, where the sentence goes on behind it."""
_INCHES = re.compile(
    r"\b(?:is|are|was|were|be|by|x|×|of|about|only|measures?|measured|exactly|approximately|least|most|than|over|under|"
    r"to|nearly|almost)\s$|\($",
    re.IGNORECASE,
)
"""Before a number with "in." at the end of a sentence, so that it is one of inches: "he put 10 in." is none."""
_LENGTHS = ("km", "m", "cm", "mm", "mi", "ft", "yd", "µm", "nm")


def _called(unit: str, power: str, place: int) -> str | None:
    said = UNITS[unit][place]
    if not power:
        return said
    if unit in _LENGTHS:
        return f"{_POWERS[power]} {said}"
    return f"{said} {'squared' if _POWERS[power] == 'square' else 'cubed'}" if unit == "s" else None


def _measure(matched: re.Match[str], style: Style) -> str | None:
    text, until, hyphen = matched["figure"], matched["until"], matched["space"] == "-"
    ends = not matched.string[matched.end() :].strip(" )\"”’'.,;:!?…")
    if (
        matched["unit"] == "in."
        and ends
        and not _INCHES.search(matched.string, max(0, matched.start() - 24), matched.start())
    ):
        return None
    place = int(bool(until) or not (is_one(text) or hyphen or says_what_kind(matched)))
    unit = _called(matched["unit"], matched["power"], place)
    if unit is None or (
        hyphen and matched["unit"] in ("m", "g", "l", "s", "h", "N", "B", "V", "W", "J", "L")
    ):
        return None
    if style.day_first:
        unit = _british(unit)
    if matched["other"]:
        below = _called(matched["other"], matched["other_power"], 0)
        if below is None:
            return None
        unit = f"{unit} per {_british(below) if style.day_first else below}"
    said = amount(text, style)
    return f"{said} to {amount(until, style)} {unit}" if until else f"{said} {unit}"


def _inches(matched: re.Match[str], style: Style) -> str | None:
    """\'27"\', where the mark closes no quotation."""
    if len(re.findall(r'(?<!\d)"', matched.string[: matched.start()])) % 2:
        return None
    one = is_one(matched[1]) or says_what_kind(matched) or matched.string[matched.end()] == "-"
    return f"{amount(matched[1], style)} {'inch' if one else 'inches'}"


def _sizes(matched: re.Match[str], style: Style) -> str | None:
    """ "4 x 6 cm": the unit is that of all."""
    unit = UNITS[matched["unit"]][not says_what_kind(matched)]
    said = " by ".join(amount(each, style) for each in re.split(r"\s?[x×]\s?", matched["figures"]))
    return f"{said} {_british(unit) if style.day_first else unit}"


def _between(matched: re.Match[str], style: Style) -> str | None:
    """ "4 cm x 6 cm"."""
    return "by" if _MEASURED.search(matched.string, max(0, matched.start() - 24), matched.start()) else None


def _british(unit: str) -> str:
    return unit.replace("meter", "metre").replace("liter", "litre")


def _feet(matched: re.Match[str], style: Style) -> str:
    feet, inches = int(matched[1]), int(matched[2])
    said = f"{numbers.cardinal(feet)} {'foot' if feet == 1 else 'feet'}"
    return f"{said} {numbers.cardinal(inches)} inch{'es' * (inches != 1)}"


def _percent(matched: re.Match[str], style: Style) -> str:
    said, until = amount(matched["figure"], style), matched["until"]
    word = "percent" if matched["sign"] == "%" else "per mille"
    return f"{said} to {amount(until, style)} {word}" if until else f"{said} {word}"


def _height(matched: re.Match[str], style: Style) -> str:
    return f"{numbers.cardinal(int(matched[1]))} foot {numbers.cardinal(int(matched[2]))}"


_RANGE = rf"(?P<figure>{AMOUNT})\s?%?(?:{DASH}(?P<until>{NUMBER}))?"
RULES = (
    Rule(re.compile(r"(\d+) ?ft\.? (\d+) ?in\b\.?"), _feet),
    Rule(re.compile(r"(\d)['’′]\s?(\d\d?)[\"”″]"), _height),
    Rule(re.compile(rf"({NUMBER})\"(?=[- ][a-z]|-?[a-z])"), _inches),
    Rule(
        re.compile(r"(\d+)['’′](?= [a-z]|-[a-z])"),
        lambda matched, style: (
            f"{amount(matched[1], style)} "
            + ("foot" if matched[1] == "1" or matched.string[matched.end()] == "-" else "feet")
        ),
    ),
    Rule(
        re.compile(rf"(?P<figures>{NUMBER}(?:\s?[x×]\s?{NUMBER})+)[ -]?(?P<unit>{_NAMES})(?!\w){_STOP}"),
        _sizes,
    ),
    Rule(re.compile(r"[x×](?=\s?\d)"), _between),
    Rule(re.compile(rf"{_RANGE}\s?(?P<sign>[%‰])"), _percent),
    Rule(
        re.compile(rf"(?P<figure>{AMOUNT})(?:{DASH}(?P<until>{NUMBER}))?(?P<space>[  -]?){_UNIT}{_STOP}"),
        _measure,
    ),
)
