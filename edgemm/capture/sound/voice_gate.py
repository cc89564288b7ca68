"""Lets sound pass where somebody speaks, and keeps account of what it holds back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from edgemm.capture.losses import CountsLosses
from edgemm.capture.sound.beside_speaker import SPEAKING, BesideSpeakers, Speaking
from edgemm.capture.sound.held_back import HeldBack
from edgemm.capture.source import Source
from edgemm.errors import InputError, SourceTimeout
from edgemm.media import AudioBlock
from edgemm.voice_level import VoiceLevel

if TYPE_CHECKING:
    from typing_extensions import Self

Decide = Callable[[npt.NDArray[np.float32]], bool]
SILENCE = "silence"
"""Reason of what was held back."""


@dataclass(frozen=True, slots=True)
class GateTimes:
    """How the gate moves."""

    attack_ms: float = 20.0
    """So much voice in a row opens it: a click is shorter."""
    pre_roll_ms: float = 200.0
    """Sound before the attack that passes with it, so that no word's start is cut."""
    hang_over_ms: float = 400.0
    """It stays open so long after the last voice: words have gaps, and soft ends."""


class VoiceGate:
    """An audio source that passes another one's blocks while there is voice in them.

    What is held back is a gap before the next block that passes ("silence"), so that models begin afresh
    there. Until then it is told by `withheld`. Gaps of the source itself stay gaps. What is said by a speaker that it
    is told of is held back too ("speaking").
    """

    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(
        self,
        source: Source,
        is_voice: Decide | None = None,
        *,
        times: GateTimes | None = None,
        beside: BesideSpeakers | None = None,
    ) -> None:
        """Args:
        source: blocks of sound; it is closed with this one.
        is_voice: True for a block, float32[n], with voice in it, such as a model's answer; None: `VoiceLevel`.
        times: how fast it opens and closes.
        beside: what it knows of speakers near it; None: echo is not cancelled.

        Raises:
            InputError: the source gives pictures.
        """
        if source.modality != "audio":
            raise InputError(f"a voice gate takes sound: expected an audio source, found {source.uri}")
        self.uri, self.live = source.uri, source.live
        self._source = source
        self._counts = source if isinstance(source, CountsLosses) else None
        self._is_voice = is_voice or VoiceLevel()
        self._times = times or GateTimes()
        self._history: deque[AudioBlock] = deque()
        self._ready: deque[AudioBlock] = deque()
        self._voice_ms = self._open_ms = 0.0
        self._held = HeldBack()
        self._beside = beside or BesideSpeakers(source.uri)

    @property
    def withheld(self) -> Mapping[str, int]:
        """{"silence": samples held back so far}, "speaking", and gaps among them; see `Withholds`."""
        return self._held.samples

    @property
    def lost(self) -> Mapping[str, int]:
        """{"silence": blocks held back}, "speaking", and what the source lost."""
        return {**(self._counts.lost if self._counts else {}), **self._held.blocks}

    @property
    def faults(self) -> Mapping[str, int]:
        """Those of the source."""
        found: Mapping[str, int] = getattr(self._source, "faults", {})
        return found

    @property
    def awaited(self) -> bool:
        """True while the source is not there yet, and is waited for."""
        return bool(getattr(self._source, "awaited", False))

    def read(self, timeout_s: float | None = None) -> AudioBlock | None:
        """The next block that passes; None at the end.

        Raises:
            SourceTimeout: the source gave nothing within `timeout_s`, or nothing with voice in it.
            SourceLost: the source failed.
        """
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._ready:
            left_s = None if give_up is None else give_up - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise SourceTimeout(f"{self.uri}: no voice within {timeout_s:g} s")
            block = self._source.read(left_s)
            if block is None:
                while self._history:
                    self._hold_back()
                return None
            if not isinstance(block, AudioBlock):
                raise InputError(f"{self.uri}: expected sound, found {type(block).__name__}")
            self._take(block)
        return self._ready.popleft()

    def withhold_while(self, speaker: Speaking) -> None:
        """See `HearsSpeakers`."""
        self._beside.add(speaker)

    def on_voice(self, call: Callable[[], object]) -> None:
        """See `HearsSpeakers`."""
        self._beside.on_voice(call)

    def close(self) -> None:
        """Closes the source."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _take(self, block: AudioBlock) -> None:
        """Passes the block, or keeps it until it is known whether a word begins."""
        if self._beside.hears_them(block):
            while self._history:
                self._hold_back()
            self._voice_ms = self._open_ms = 0.0
            self._held.hold(block, SPEAKING)
            return
        length_ms = _length_ms(block)
        voice = self._is_voice(block.samples)
        self._voice_ms = self._voice_ms + length_ms if voice else 0.0
        if voice and self._voice_ms >= self._times.attack_ms:
            self._open_ms = self._times.hang_over_ms + length_ms
        self._history.append(block)
        if self._open_ms > 0:
            self._open_ms -= length_ms
            self._pass()
        else:
            self._forget()

    def _pass(self) -> None:
        """All that was kept passes; what was held back is the gap before it."""
        self._ready.append(self._held.release(self._history.popleft()))
        self._ready.extend(self._history)
        self._history.clear()

    def _forget(self) -> None:
        """Keeps no more than may turn out to be the start of a word."""
        kept_ms = self._times.pre_roll_ms + self._voice_ms
        while sum(map(_length_ms, self._history)) > kept_ms:
            self._hold_back()

    def _hold_back(self) -> None:
        """The oldest block will not pass."""
        self._held.hold(self._history.popleft(), SILENCE)


def _length_ms(block: AudioBlock) -> float:
    return len(block.samples) * 1e3 / block.sample_rate
