"""Closed sets of words."""

from __future__ import annotations

from typing import Any

import pytest

from edgemm.converters.choices import choice
from edgemm.errors import InputError

GATES = ("fail", "warn", "off")


@pytest.mark.parametrize("word", GATES)
def test_a_word_of_the_set_comes_back(word: str) -> None:
    assert choice("gate", word, GATES) == word


@pytest.mark.parametrize(
    ("value", "near"), [("Fail", "fail"), ("WARN", "warn"), ("of", "off"), ("warm", "warn"), (" off", "off")]
)
def test_the_near_word_is_told(value: str, near: str) -> None:
    expected = rf"^gate: expected one of fail, warn, off; found {value!r}\. Did you mean '{near}'\?$"
    with pytest.raises(InputError, match=expected):
        choice("gate", value, GATES)


def test_underscores_are_near_hyphens() -> None:
    with pytest.raises(InputError, match=r"Did you mean 'tflite-2\.14'\?"):
        choice("target", "TFLite_2.14", ("cpu", "tflite-2.14"))


@pytest.mark.parametrize("value", ["", "toaster", None, True, 3, ["fail"], "fail\n\n"])
def test_what_is_near_to_nothing_gets_no_hint(value: Any) -> None:
    with pytest.raises(InputError, match=r"expected one of fail, warn, off; found .*"):
        choice("gate", value, GATES)
