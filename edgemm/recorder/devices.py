"""Microphones and speakers by number and by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

from edgemm.errors import InputError, SourceNotFound

_SEE = "`edgemm doctor` lists them; one that another program has open may be missing"

_CARD = re.compile(r"(?<=\(hw:)\d+(?=,\d+\)$)")
"""The card's number in a name such as "USB Audio: - (hw:1,0)"; behind it stands the device on the card."""


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """One input or output that PortAudio knows."""

    WHAT: ClassVar[str] = "sound device"
    """What messages call it."""
    DIRECTION: ClassVar[Literal["input", "output"]] = "input"

    number: int
    """Place in the list of its kind: what `microphone:2` or `speaker:2` means."""
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


@dataclass(frozen=True, slots=True)
class Microphone(SoundDevice):
    """One input."""

    WHAT: ClassVar[str] = "microphone"


@dataclass(frozen=True, slots=True)
class Speaker(SoundDevice):
    """One output."""

    WHAT: ClassVar[str] = "speaker"
    DIRECTION: ClassVar[Literal["input", "output"]] = "output"


D = TypeVar("D", bound=SoundDevice)


def choose(
    devices: Sequence[D], wanted: str, *, again: bool = False, kind: type[SoundDevice] = Microphone
) -> D:
    """The device that is meant.

    Args:
        devices: those that there are.
        wanted: a number, a name or part of one in any case, "" for the default.
        again: True for a whole name that was there before: its card may have another number now.
        kind: what they are, where there is none.

    Raises:
        SourceNotFound: there is none, or none like it.
        InputError: the name fits several.
    """
    if not devices:
        raise SourceNotFound(f"{kind.WHAT}: expected an {kind.DIRECTION} device, found none. Is one plugged in, may "
                             "this user open it (group audio), and has no other program opened it?")  # fmt: skip
    if not wanted:
        return _default(devices)
    if wanted.isdecimal():
        return _numbered(devices, int(wanted))
    return _named(devices, wanted, again)


def _default(devices: Sequence[D]) -> D:
    for device in devices:
        if device.default:
            return device
    if len(devices) == 1:
        return devices[0]
    raise InputError(f"{devices[0].WHAT}: there is no default; name one: {_names(devices)}")


def _numbered(devices: Sequence[D], number: int) -> D:
    if number >= len(devices):
        raise SourceNotFound(
            f"{devices[0].WHAT} {number}: expected 0 to {len(devices) - 1}; there is {_names(devices)}; {_SEE}"
        )
    return devices[number]


def _named(devices: Sequence[D], wanted: str, again: bool) -> D:
    key, what = wanted.casefold(), devices[0].WHAT
    exact = [each for each in devices if each.name.casefold() == key]
    found = exact or [each for each in devices if key in each.name.casefold()]
    if again and not found:
        found = [each for each in devices if _CARD.sub("", each.name) == _CARD.sub("", wanted)]
    if not found:
        raise SourceNotFound(f"no {what} is named {wanted!r}; there is {_names(devices)}; {_SEE}")
    if len(found) > 1:
        several = f"{len(found)} {what}s are named {wanted!r}; give more of the name or the number: "
        raise (SourceNotFound if again else InputError)(several + _names(found))  # again: one may go
    return found[0]


def _names(devices: Sequence[SoundDevice]) -> str:
    return "; ".join(map(str, devices))
