"""Microphones by number and by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgemm.errors import InputError, SourceNotFound

_SEE = "`edgemm doctor` lists them; one that another program has open may be missing"

_CARD = re.compile(r"(?<=\(hw:)\d+(?=,\d+\)$)")
"""The card's number in a name such as "USB Audio: - (hw:1,0)"; behind it stands the device on the card."""


@dataclass(frozen=True, slots=True)
class Microphone:
    """One input that PortAudio knows."""

    number: int
    """Place in the list of microphones: what `microphone:2` means."""
    name: str
    host: str
    """The sound system that it is reached through: "ALSA", "JACK" ..."""
    channels: int
    sample_rate: int
    """Hertz: the rate that the device prefers."""
    index: int
    """PortAudio's own number, outputs counted in."""
    default: bool = False

    def __str__(self) -> str:
        mark = ", default" if self.default else ""
        return (
            f"{self.number} {self.name} ({self.host}, {self.channels} channels, {self.sample_rate} Hz{mark})"
        )


def choose(microphones: Sequence[Microphone], wanted: str, *, again: bool = False) -> Microphone:
    """The microphone that is meant.

    Args:
        microphones: those that there are.
        wanted: a number, a name or part of one in any case, "" for the default.
        again: True for a whole name that was there before: its card may have another number now.

    Raises:
        SourceNotFound: there is none, or none like it.
        InputError: the name fits several.
    """
    if not microphones:
        raise SourceNotFound("microphone: expected an input device, found none. Is one plugged in, may this "
                             "user open it (group audio), and has no other program opened it?")  # fmt: skip
    if not wanted:
        return _default(microphones)
    if wanted.isdecimal():
        return _numbered(microphones, int(wanted))
    return _named(microphones, wanted, again)


def _default(microphones: Sequence[Microphone]) -> Microphone:
    for microphone in microphones:
        if microphone.default:
            return microphone
    if len(microphones) == 1:
        return microphones[0]
    raise InputError(f"microphone: there is no default; name one: {_names(microphones)}")


def _numbered(microphones: Sequence[Microphone], number: int) -> Microphone:
    if number >= len(microphones):
        raise SourceNotFound(
            f"microphone {number}: expected 0 to {len(microphones) - 1}; there is {_names(microphones)}; {_SEE}"
        )
    return microphones[number]


def _named(microphones: Sequence[Microphone], wanted: str, again: bool) -> Microphone:
    key = wanted.casefold()
    exact = [each for each in microphones if each.name.casefold() == key]
    found = exact or [each for each in microphones if key in each.name.casefold()]
    if again and not found:
        found = [each for each in microphones if _CARD.sub("", each.name) == _CARD.sub("", wanted)]
    if not found:
        raise SourceNotFound(f"no microphone is named {wanted!r}; there is {_names(microphones)}; {_SEE}")
    if len(found) > 1:
        several = f"{len(found)} microphones are named {wanted!r}; give more of the name or the number: "
        raise (SourceNotFound if again else InputError)(several + _names(found))  # again: one may go
    return found[0]


def _names(microphones: Sequence[Microphone]) -> str:
    return "; ".join(map(str, microphones))
