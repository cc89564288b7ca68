"""Closed sets of words."""

from __future__ import annotations

from typing import Any

import pytest

from edgemm.card.fit import find_card
from edgemm.choices import DELEGATE_INSTEAD, TARGET_INSTEAD, choice, hint, near
from edgemm.delegates import DELEGATES, find_delegate
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


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("edgetpu", "delegate.*'coral'"),
        ("raspberry_pi", "'arm'"),
        ("Jetson", "'tensorrt'"),
        ("cpux", "'cpu'"),
    ],
)
def test_a_target_that_is_none_is_told_what_to_write(word: str, told: str) -> None:
    target = pytest.importorskip("edgemm.quantize.target")
    with pytest.raises(InputError, match=f"found '{word}'.*{told}"):
        target.target(word)


@pytest.mark.parametrize(
    ("word", "told"),
    [("coral", "target of.*'edgetpu'"), ("arm", "target of"), ("nvidia", "'cuda'"), ("edge-tp", "'edgetpu'")],
)
def test_a_delegate_that_is_none_is_told_what_to_write(word: str, told: str) -> None:
    with pytest.raises(InputError, match=f"found '{word}'.*{told}"):
        find_delegate(word)


def test_no_hint_replaces_a_word_that_is_allowed() -> None:
    targets = pytest.importorskip("edgemm.quantize.target").TARGETS
    assert not TARGET_INSTEAD.keys() & targets.keys()
    assert not DELEGATE_INSTEAD.keys() & DELEGATES.keys()
    assert DELEGATES.keys() - targets.keys() - {"cpu"} <= TARGET_INSTEAD.keys()
    assert targets.keys() - DELEGATES.keys() <= DELEGATE_INSTEAD.keys()


def test_a_long_word_gets_no_hint() -> None:
    assert hint("x" * 100_000, GATES) == ""


@pytest.mark.parametrize(
    ("value", "meant"), [("rstp", "rtsp"), ("rtps", "rtsp"), ("rtp", "rtp"), ("htpt", "http"), ("upd", "udp")]
)
def test_swapped_letters_are_the_nearest(value: str, meant: str) -> None:
    assert near(value, ("file", "http", "https", "rtp", "rtsp", "rtsps", "tcp", "udp")) == meant


def test_a_preset_that_is_misspelt() -> None:
    with pytest.raises(InputError, match=r"found 'mnits'\. Did you mean 'mnist'\?"):
        find_card("mnits")
