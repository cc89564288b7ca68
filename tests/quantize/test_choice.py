from __future__ import annotations

from typing import Any

import pytest

from edgemm.quantize.choice import Estimate, in_order, rivals, said

KB = 1000


def forms(**given: tuple[float, int]) -> list[Estimate]:
    """Form -> predicted tens of microseconds, and kilobytes."""
    return [Estimate(form, us * 10.0, size * KB) for form, (us, size) in given.items()]


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
            ["static", "dynamic", "float"],
        ),  # 6 us
        ({"static": (500, 100), "mixed": (400, 110)}, ["mixed", "static"]),
    ],
)
def test_speed_is_what_is_looked_for_first(given: dict[str, tuple[float, int]], expected: list[str]) -> None:
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
    alike = forms(float=(100, 400), dynamic=(102, 100))
    assert "float is predicted to be faster by 20 us alone" in said(
        alike[1], alike, lambda form: False, "speed"
    )
