"""A microphone beside a speaker: it does not hear what that says; where echo is cancelled, it hears who interrupts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from edgemm.errors import InputError
from edgemm.media import AudioBlock
from edgemm.voice_level import VoiceLevel

SPEAKING = "speaking"
"""Reason of what was held back."""
TAIL_MS = 250.0
"""A room sounds on after the speaker, and times have errors."""
ATTACK_MS = 60.0
"""So much voice in a row is somebody who begins to speak."""
QUIET_MS = 400.0
"""So long without voice, and the next begins anew."""


class Speaking(Protocol):
    """A speaker. Exists so that a microphone needs to know nothing of sinks."""

    def sounds(self, begin_ns: int, end_ns: int, tail_ns: int) -> bool:
        """Whether it played anything between two moments of CLOCK_MONOTONIC, or not longer than `tail_ns` before. Asked
        of moments that are past."""


@runtime_checkable
class HearsSpeakers(Protocol):
    """A source of sound that can be near a speaker.

    Exists so that whoever opens both can tell the one of the other.
    """

    def withhold_while(self, speaker: Speaking) -> None:
        """From now on sound is held back ("speaking") while the speaker plays, with its latency and a tail; not where
        the source is declared echo-cancelled."""

    def on_voice(self, call: Callable[[], object]) -> None:
        """`call` is called, by the thread that reads, when somebody begins to speak; it must not wait.

        Raises:
            InputError: the source is not declared echo-cancelled: it would be the speaker that is heard.
        """


class BesideSpeakers:
    """What a microphone knows of the speakers near it."""

    def __init__(self, uri: str, *, echo_cancelled: bool = False, tail_ms: float = TAIL_MS) -> None:
        """Args:
        uri: of the microphone, in messages.
        echo_cancelled: True where the device, or the sound server, takes out what the speaker plays.
        tail_ms: milliseconds after the speaker's last sample that are still held back.
        """
        self._uri, self._echo_cancelled = uri, echo_cancelled
        self._tail_ns = round(tail_ms * 1e6)
        self._speakers: tuple[Speaking, ...] = ()
        self._calls: tuple[Callable[[], object], ...] = ()
        self._onset = VoiceOnset()

    def add(self, speaker: Speaking) -> None:
        """See `HearsSpeakers.withhold_while`."""
        if not self._echo_cancelled and not any(each is speaker for each in self._speakers):
            self._speakers += (speaker,)

    def on_voice(self, call: Callable[[], object]) -> None:
        """See `HearsSpeakers.on_voice`."""
        if not self._echo_cancelled:
            raise InputError(
                f"{self._uri}: expected a source that is declared echo-cancelled, since the speaker itself would be "
                "heard: microphone:?echo_cancelled=true where the device or the sound server takes the echo out"
            )
        self._calls += (call,)

    def hears_them(self, block: AudioBlock) -> bool:
        """True for a block that must not pass. Whoever waits for voice is called."""
        if self._calls and self._onset(block):
            for call in self._calls:
                call()
        if not self._speakers:
            return False
        end_ns = block.captured_ns + len(block.samples) * 1_000_000_000 // block.sample_rate
        return any(speaker.sounds(block.captured_ns, end_ns, self._tail_ns) for speaker in self._speakers)


class VoiceOnset:
    """True for the block with which somebody begins to speak."""

    def __init__(self) -> None:
        self._is_voice = VoiceLevel()
        self._voice_ms, self._quiet_ms = 0.0, QUIET_MS
        self._speaks = False

    def __call__(self, block: AudioBlock) -> bool:
        length_ms = len(block.samples) * 1e3 / block.sample_rate
        if self._is_voice(block.samples):
            self._voice_ms, self._quiet_ms = self._voice_ms + length_ms, 0.0
        else:
            self._voice_ms, self._quiet_ms = 0.0, self._quiet_ms + length_ms
        if self._quiet_ms >= QUIET_MS:
            self._speaks = False
        begins = not self._speaks and self._voice_ms >= ATTACK_MS
        self._speaks |= begins
        return begins
