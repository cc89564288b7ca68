"""Which microphone is meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgemm.errors import InputError, SourceNotFound
from edgemm.recorder.devices import Microphone, choose

pytestmark = pytest.mark.device

NAMES = ("HDA Intel: ALC257 (hw:0,0)", "USB Audio: - (hw:1,0)", "USB Audio Two: - (hw:2,0)", "default")
MICROPHONES = tuple(
    Microphone(number, name, "ALSA", 2, 48000, 3 * number, name == "default")
    for number, name in enumerate(NAMES)
)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [("", 3), ("0", 0), ("2", 2), ("alc257", 0), ("Audio Two", 2), ("DEFAULT", 3), (NAMES[1], 1)],
)
def test_a_microphone_has_a_number_and_a_name(wanted: str, number: int) -> None:
    assert choose(MICROPHONES, wanted).number == number


@pytest.mark.parametrize(("wanted", "number"), [(NAMES[1], 1), ("USB Audio: - (hw:5,0)", 1)])
def test_one_that_comes_back_may_be_another_card(wanted: str, number: int) -> None:
    assert choose(MICROPHONES, wanted, again=True).number == number


def test_one_that_comes_back_is_no_other_device_of_a_card() -> None:
    with pytest.raises(SourceNotFound, match="no microphone is named"):
        choose(MICROPHONES, "USB Audio: - (hw:1,1)", again=True)


def test_of_two_alike_none_is_taken_for_the_other() -> None:
    alike = [replace(each, name=f"USB Audio: - (hw:{each.number},0)") for each in MICROPHONES]
    with pytest.raises(SourceNotFound, match="4 microphones are named"):
        choose(alike, "USB Audio: - (hw:7,0)", again=True)


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ("usb audio", InputError, r"2 microphones .*give more.*1 USB Audio.*2 USB Audio Two"),
        ("bluetooth", SourceNotFound, r"no microphone is named 'bluetooth'; there is 0 HDA.*doctor"),
        ("4", SourceNotFound, r"expected 0 to 3"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_there_is(
    wanted: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        choose(MICROPHONES, wanted)


def test_no_microphone_at_all() -> None:
    with pytest.raises(SourceNotFound, match=r"found none.*plugged in"):
        choose((), "")


def test_without_a_default_one_must_be_named_unless_it_is_alone() -> None:
    assert choose(MICROPHONES[:1], "").number == 0
    with pytest.raises(InputError, match="no default"):
        choose(MICROPHONES[:2], "")
