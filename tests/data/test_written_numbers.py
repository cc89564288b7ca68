"""The bundled network that writes numbers as words: what it writes is read back to the number, by another way."""

from __future__ import annotations

import logging
import random
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest
from needs import needs

import edgemm
from edgemm import data
from edgemm.litert_runtime import find_litert
from edgemm.preprocess.text import Pattern
from edgemm.results import Written

pytestmark = pytest.mark.device
FILES = ("written_numbers.tflite.zip", "written_numbers.onnx.zip")
KNOWN = {
    "12/03/2024 7:30": "twelfth of march twenty twenty four seven thirty",
    "1/1/2000": "first of january two thousand",
    "31/12/1999 23:59": "thirty first of december nineteen ninety nine twenty three fifty nine",
    "07/06/1905": "seventh of june nineteen oh five",
    "17:00": "seventeen o'clock",
    "9:05": "nine oh five",
    "1,204.50": "one thousand two hundred four point five zero",
    "-40": "minus forty",
    "99%": "ninety nine percent",
    "999,999": "nine hundred ninety nine thousand nine hundred ninety nine",
    "112th": "one hundred twelfth",
    "243rd": "two hundred forty third",
}
VALUES = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
DAYS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty first", "twenty second", "twenty third", "twenty fourth", "twenty fifth", "twenty sixth",
    "twenty seventh", "twenty eighth", "twenty ninth", "thirtieth", "thirty first",
]  # fmt: skip
MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
]  # fmt: skip


def value(words: Sequence[str]) -> int | None:
    """Of a number in words; None where they are none."""
    if not words:
        return None
    if words == ["zero"]:
        return 0
    whole = part = 0
    least = 1000
    """What the next word must stay below."""
    for word in words:
        if word == "thousand" and part and not whole:
            whole, part, least = part * 1000, 0, 1000
        elif word == "hundred" and 0 < part < 10:
            part, least = part * 100, 100
        elif 0 < (number := VALUES.get(word, -1)) < least:
            part, least = part + number, (10 if number >= 20 else 1)
            if part < 10:
                least = 1
        else:
            return None
    return whole + part


def is_ordinal(words: list[str], number: int) -> bool:
    """The last word as the number that it is of."""
    *before, last = words
    if last in DAYS:
        plain = list(VALUES)[DAYS.index(last) + 1] if DAYS.index(last) < 20 else "thirty"
    else:
        plain = f"{last.removesuffix('ieth')}y" if last.endswith("ieth") else last.removesuffix("th")
    return last != plain and value([*before, plain]) == number


def is_year(words: list[str], year: int) -> bool:
    """Read whole, or in two halves."""
    if value(words) == year:
        return True
    if words[-1:] == ["hundred"]:
        return year % 100 == 0 and value(words[:-1]) == year // 100
    oh = "oh" in words
    halves = [at for at in range(1, len(words)) if value(words[:at]) == year // 100]
    return any(
        value(words[at + oh :]) == year % 100
        and oh == (0 < year % 100 < 10)
        and (not oh or words[at : at + 1] == ["oh"])
        for at in halves
    )


def is_time(words: list[str], hour: int, minute: int) -> bool:
    if minute == 0:
        return words[-1:] == ["o'clock"] and value(words[:-1]) == hour
    oh = minute < 10
    return any(
        value(words[:at]) == hour
        and (not oh or words[at : at + 1] == ["oh"])
        and value(words[at + oh :]) == minute
        for at in range(1, len(words))
    )


def is_date(words: list[str], day: date) -> bool:
    at = words.index("of") if "of" in words else 0
    return (
        at > 0
        and " ".join(words[:at]) == DAYS[day.day - 1]
        and words[at + 1 : at + 2] == MONTHS[day.month - 1 : day.month]
        and is_year(words[at + 2 :], day.year)
    )


def is_decimal(words: list[str], text: str) -> bool:
    if text.startswith("-"):
        return words[:1] == ["minus"] and is_decimal(words[1:], text[1:])
    if text.endswith("%"):
        return words[-1:] == ["percent"] and is_decimal(words[:-1], text[:-1])
    whole, _, decimals = text.replace(",", "").partition(".")
    at = words.index("point") if "point" in words else len(words)
    digits = "".join(str(VALUES.get(each, "?")) for each in words[at + 1 :])
    return value(words[:at]) == int(whole) and digits == decimals


def readings(draw: random.Random) -> Iterator[tuple[str, object]]:
    """A text of each kind, and what tells whether words say it."""
    day = date.fromordinal(draw.randint(date(1800, 1, 1).toordinal(), date(2099, 12, 31).toordinal()))
    hour, minute = draw.randrange(24), draw.randrange(60)
    timed = f"{hour}:{minute:02d}"
    dated = draw.choice([f"{day.day}/{day.month}/{day.year}", f"{day:%d/%m}/{day.year}"])
    whole = draw.randrange(10 ** draw.randint(1, 6))
    number = f"{draw.choice(['', '-']) if whole else ''}{whole:,}"
    number += draw.choice(["", f".{draw.randrange(100):02d}"]) + draw.choice(["", "", "%"])
    place = draw.randint(1, 9999)
    end = "th" if place // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    yield f"{place}{end}", lambda words: is_ordinal(words, place)
    yield dated, lambda words: is_date(words, day)
    yield timed, lambda words: is_time(words, hour, minute)
    yield number, lambda words: is_decimal(words, number)
    yield (
        f"{dated} {timed}",
        lambda words: any(
            is_date(words[:at], day) and is_time(words[at:], hour, minute) for at in range(4, len(words))
        ),
    )


@pytest.fixture(scope="module", params=FILES)
def model(request: pytest.FixtureRequest) -> Iterator[edgemm.Model]:
    needs(find_litert)
    pytest.importorskip("onnxruntime")
    with edgemm.load(data.path(f"models/{request.param}")) as loaded:
        yield loaded


def written(model: edgemm.Model, text: str) -> str:
    found = model(text)
    assert isinstance(found, Written)
    return found.text


@pytest.mark.parametrize("text", KNOWN)
def test_known_readings(model: edgemm.Model, text: str) -> None:
    assert written(model, text) == KNOWN[text]


def test_what_is_written_is_what_was_typed(model: edgemm.Model) -> None:
    draw = random.Random(11)
    asked = [each for _ in range(40) for each in readings(draw)]
    wrong = [text for text, says in asked if not says(written(model, text).split())]  # type: ignore[operator]
    assert len(wrong) <= 2, wrong  # 1 of 100


@pytest.mark.parametrize(
    ("words", "number"),
    [("one thousand two hundred four", 1204), ("ten", 10), ("ninety nine", 99), ("two hundred", 200),
     ("ten five", None), ("twenty thirty", None), ("hundred", None), ("one two", None), ("forty ten", None),
     ("three thousand", 3000), ("twelve hundred", None)],
)  # fmt: skip
def test_numbers_are_read_back(words: str, number: int | None) -> None:
    assert value(words.split()) == number


def test_other_words_are_not_what_was_typed() -> None:
    assert is_year(["twenty", "twenty", "four"], 2024)
    assert not is_year(["twenty", "twenty", "four"], 2044)
    assert not is_year(["nineteen", "five"], 1905)
    assert not is_time(["seven", "five"], 7, 5)
    assert not is_date(["second", "of", "march", "two", "thousand"], date(2000, 3, 1))
    assert not is_decimal(["five", "point", "one"], "5.2")
    assert is_ordinal(["one", "hundred", "twentieth"], 120)
    assert is_ordinal(["twelfth"], 12)
    assert is_ordinal(["two", "hundredth"], 200)
    assert not is_ordinal(["twelve"], 12)


def test_what_it_learned_from_is_right() -> None:
    """The training's own readings, read back in the same way."""
    import spelled_out

    draw = random.Random(5)
    for _ in range(300):
        day = date.fromordinal(draw.randint(date(1800, 1, 1).toordinal(), date(2099, 12, 31).toordinal()))
        hour, minute, number = (
            draw.randrange(24),
            draw.randrange(60),
            draw.randrange(10 ** draw.randint(1, 6)),
        )
        assert is_date(spelled_out.date(day.day, day.month, day.year).split(), day)
        assert is_time(spelled_out.time(hour, minute).split(), hour, minute)
        assert value(spelled_out.cardinal(number).split()) == number
        assert is_ordinal(spelled_out.ordinal(number + 1).split(), number + 1)


def test_four_beams_write_the_same(model: edgemm.Model) -> None:
    session = model.session(beams=4)
    try:
        for text, words in KNOWN.items():
            found = session.whole(edgemm.Text(text, 0, 0))  # type: ignore[attr-defined]
            assert found.text == words
    finally:
        session.close()


def test_its_goldens_replay(model: edgemm.Model) -> None:
    outcomes = model.replay_goldens()
    assert sum("golden" in each.output for each in outcomes) == 4
    assert all(each.ok for each in outcomes)


@pytest.mark.parametrize(
    "text",
    [
        "noon", "1000000", "2000000", "1,234,567", "12,34", "0,123", "007", "01", "-0", "-", "--5", "+5", "5.", ".5",
        "5.1234", "5%%", "12 34", "7:60", "24:00", "7:5", "32/13/2024", "00/00/0000", "29/02/2023", "31/04/2024",
        "1/01/2077", "01/1/2077", "1/1/1799", "1/1/2100", "1/1/24", "22th", "11st", "0th", "1st2", "10000th",
        "1/1/2000 24:00", "1/1/2000  7:30", "7:30 1/1/2000", "１２",
    ],
)  # fmt: skip
def test_what_it_was_not_made_for_is_refused(model: edgemm.Model, text: str) -> None:
    with pytest.raises(edgemm.errors.InputError, match="expected a number up to 999,999") as refused:
        model(text)
    assert str(refused.value).endswith(f"found another one, of {len(text)} characters")


def test_what_it_was_made_for_is_accepted(model: edgemm.Model) -> None:
    """Every day and ordinal that there is, and no other, as the calendar and counting say it."""
    accepts = tuple(map(Pattern, model.card.recipe.accepts))
    for year in (1800, 1804, 1900, 1904, 2000, 2023, 2024, 2099):
        for month in range(14):
            days = monthrange(year, month)[1] if 0 < month < 13 else 0
            for day in range(33):
                for text in {f"{day}/{month}/{year}", f"{day:02d}/{month:02d}/{year}"}:
                    assert any(each.matches(text) for each in accepts) == (0 < day <= days), text
    for number in (*range(130), *range(990, 1130), 9999, 10_000):
        right = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        for end in ("st", "nd", "rd", "th"):
            found = any(each.matches(f"{number}{end}") for each in accepts)
            assert found == (0 < number < 10_000 and end == right), f"{number}{end}"


def test_all_that_it_learned_from_is_accepted(model: edgemm.Model) -> None:
    import numpy as np
    import spelled_out

    accepts = tuple(map(Pattern, model.card.recipe.accepts))
    assert model.card.recipe.accepts == spelled_out.ACCEPTS
    rng = np.random.default_rng(2)
    drawn = [spelled_out.draw(rng)[0] for _ in range(1000)]
    assert [text for text in drawn if not any(each.matches(text) for each in accepts)] == []


@pytest.mark.parametrize("name", FILES)
def test_lines_that_it_cannot_take_cost_themselves_alone_and_blanks_are_nothing(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "t.txt").write_text("7:30\nsecret\n 5 \n12\t\n", encoding="utf-8")
    with (
        caplog.at_level(logging.WARNING, "edgemm"),
        edgemm.load_bundle(data.path(f"models/{name}")) as bundle,
        edgemm.open_source(f"text:{tmp_path / 't.txt'}") as source,
        bundle.stream(source) as stream,
    ):
        written = [(item.frame.origin, item.value.text) for item in stream if isinstance(item.value, Written)]
        assert written == [("t.txt:1", "seven thirty"), ("t.txt:3", "five"), ("t.txt:4", "twelve")]
        assert stream.ledger.summary()["dropped"] == {"failed": 1}
    assert "t.txt:2: left out" in caplog.text
    assert "secret" not in caplog.text
