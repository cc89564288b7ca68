from __future__ import annotations

from typing import Any

import pytest

from edgemm.quantize.choice import Estimate, against, in_order, rivals, said

KB = 1000


def forms(**given: tuple[float, float]) -> list[Estimate]:
    """Form -> predicted tens of microseconds, and kilobytes."""
    return [Estimate(form, us * 10.0, round(size * KB)) for form, (us, size) in given.items()]


def names(estimates: Any) -> list[str]:
    return [each.form for each in estimates]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"float": (100, 400), "static": (40, 100), "dynamic": (60, 100)}, ["static", "dynamic", "float"]),
        ({"float": (100, 400), "static": (200, 100), "dynamic": (40, 100)}, ["dynamic", "float", "static"]),
        ({"float": (100, 400), "dynamic": (101, 100)}, ["dynamic", "float"]),  # alike: the smaller
        (
            {"float": (100, 400), "dynamic": (104, 100)},
            ["dynamic", "float"],
        ),  # a little slower, a quarter of the size
        ({"float": (100, 400), "dynamic": (104, 300)}, ["float", "dynamic"]),
        ({"float": (100, 400), "dynamic": (106, 100)}, ["float", "dynamic"]),
        ({"static": (500, 100), "mixed": (470, 100)}, ["static", "mixed"]),  # not worth a search
        (
            {"float": (0.3, 400), "dynamic": (0.4, 100), "static": (0.9, 102)},
            ["dynamic", "static", "float"],
        ),  # room that counts, for 1 us; and then for 6 us
        ({"float": (0.5, 400), "static": (2, 100)}, ["float", "static"]),  # 15 us
        (
            {"float": (0.5, 8.8), "dynamic": (0.6, 10.4), "static": (1.1, 15.5)},
            ["float", "dynamic", "static"],
        ),
        (
            {"float": (0.5, 8.8), "static": (0.51, 6.0)},
            ["float", "static"],
        ),  # 2.8 kB are not room that counts
        ({"float": (0.5, 60), "static": (0.6, 55)}, ["float", "static"]),  # not even a tenth
        ({"float": (0.9, 8.8), "static": (0.4, 6.0)}, ["static", "float"]),
        ({"float": (1000, 50), "static": (980, 47)}, ["float", "static"]),  # 2 %
        (
            {"static": (1.2, 100), "dynamic": (0.9, 99)},
            ["dynamic", "static"],
        ),  # as small, and faster by a third
        ({"static": (1.2, 80), "dynamic": (0.9, 99)}, ["static", "dynamic"]),
        ({"static": (500, 100), "mixed": (400, 110)}, ["mixed", "static"]),
    ],
)
def test_speed_is_what_is_looked_for_first(
    given: dict[str, tuple[float, float]], expected: list[str]
) -> None:
    assert names(in_order(forms(**given))) == expected
    assert names(in_order(forms(**given)[::-1])) == expected


def test_size_comes_first_where_it_is_preferred() -> None:
    given = forms(float=(100, 400), static=(300, 100), dynamic=(200, 101), mixed=(40, 200))
    assert names(in_order(given, "size")) == ["dynamic", "static", "mixed", "float"]


def test_accuracy_is_looked_for_among_those_that_are_no_slower_than_float() -> None:
    given = forms(float=(100, 400), static=(120, 100), dynamic=(90, 100), mixed=(40, 120))
    assert names(in_order(given, "accuracy")) == ["mixed", "dynamic", "float", "static"]
    assert set(names(rivals(given))) == {"mixed", "dynamic"}


def test_it_is_said_why() -> None:
    given = forms(float=(100, 400), static=(40, 100), dynamic=(60, 100))
    by_name = {each.form: each for each in given}
    assert said(by_name["static"], given, lambda form: False, "speed") == "it is predicted to be the fastest"
    told = said(by_name["dynamic"], given, lambda form: form == "static", "speed")
    assert told == "it is predicted to be the fastest; static did not hold the gate"


@pytest.mark.parametrize(
    ("prefer", "given", "chosen", "expected"),
    [
        ("speed", {"float": (100, 400), "dynamic": (102, 100)}, "dynamic",
         "float is predicted to be faster by 20 us alone, and takes 300 kB more"),
        ("speed", {"float": (50.6, 9), "static": (50.4, 6)}, "float",
         "static is predicted to be faster by 2 us alone and saves no room that counts, and float keeps everything"),
        ("speed", {"static": (50, 100), "mixed": (48, 100)}, "static",
         "none is predicted to be faster by more than counts"),
        ("speed", {"float": (10, 100), "mixed": (9.8, 50)}, "mixed", "none is predicted to be faster"),
        ("size", {"static": (50, 102), "dynamic": (60, 100)}, "static", "none is smaller by more than counts"),
        ("size", {"float": (50, 400), "dynamic": (60, 100)}, "float", "it is the next that holds the gate"),
        ("accuracy", {"float": (50, 400), "mixed": (48, 100)}, "float",
         "none is predicted to be faster by more than counts"),
        ("accuracy", {"float": (50, 400), "static": (40, 100)}, "static",
         "it keeps most of those that are predicted to be no slower than float"),
        ("accuracy", {"float": (50, 400), "static": (60, 100)}, "static", "it is the next that holds the gate"),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_said_is_what_the_figures_say(prefer: Any, given: Any, chosen: str, expected: str) -> None:
    known = forms(**given)
    taken = next(each for each in known if each.form == chosen)
    assert said(taken, known, lambda form: False, prefer) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"static": (1.0, 100)}, "neither smaller nor faster by more than counts"),
        ({"static": (2.1, 100)}, "slower: predicted 2.10 times as long"),
        ({"static": (2.1, 112)}, "slower: predicted 2.10 times as long, and larger by 12.0 kB"),
        ({"static": (2.1, 88)}, "slower: predicted 2.10 times as long, though smaller by 12.0 kB"),
        ({"static": (1.0, 400)}, "larger by 300 kB"),
        ({"static": (0.9, 102)}, "faster by 1 us alone"),
        ({"static": (0.9, 400)}, "larger by 300 kB, though faster by 1 us"),
        ({"static": (0.9, 60)}, "faster by 1 us, and smaller by 40.0 kB"),
        ({"mixed": (0.95, 100)}, "faster by 0.5 us, less than the 10% that mixed has to win"),
    ],
    ids=range(9),
)
def test_other_forms_are_told_by_what_they_differ_in(form: Any, expected: str) -> None:
    (other,) = forms(**form)
    (chosen,) = forms(dynamic=(1.0, 100))
    assert against(other, chosen) == expected


@pytest.mark.parametrize(("format_", "first"), [("tflite", "mixed"), ("onnx", "dynamic")])
def test_mixed_has_to_win_by_more_where_predictions_are_worse(format_: str, first: str) -> None:
    times = {"static": 1757.0, "dynamic": 532.0, "mixed": 485.0, "float": 1000.0}
    known = [Estimate(form, us, 4 << 20, format_) for form, us in times.items()]
    assert in_order(known)[0].form == first
