"""PortAudio's stream to a speaker, fed from a ring."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgemm.errors import SourceLost
from edgemm.player.options import AHEAD_S, SAMPLE_BYTES, PlayerOptions
from edgemm.player.ring import SoundRing
from edgemm.player.wire import Turn
from edgemm.recorder.devices import Speaker
from edgemm.recorder.portaudio import sounddevice

LATENCY_S = 0.1
"""What the driver has before it is needed: so long may this process be late."""
SETTLE_NS = 250_000_000
"""While a stream fills the device at its start, the delays that it tells are too short."""
MAX_DELAY_NS = 5_000_000_000
"""A delay beyond that is not believed."""
_INVALID_RATE, _INVALID_CHANNELS = -9997, -9998


class Callback:
    """What PortAudio calls for each block: fills it from the ring and notes it, no more. Neither waits for anybody.

    An exception ends the stream and is kept in `error`.
    """

    def __init__(self, ring: SoundRing, note: Callable[[Turn], object]) -> None:
        self.error: BaseException | None = None
        self.latency_ns = round(LATENCY_S * 1e9)
        """What the stream says of itself, for delays that cannot be."""
        self._ring, self._note = ring, note
        self.begin()

    def begin(self) -> None:
        """A stream that is not running counts from nothing."""
        self._stream_position = 0
        self._began_ns: int | None = None

    def __call__(self, out: Any, frames: int, when: Any, status: Any) -> None:
        """See `sounddevice.RawOutputStream`."""
        called_ns = time.monotonic_ns()
        try:
            if self._began_ns is None:
                self._began_ns = called_ns
            delay_ns = self._believed(int((when.outputBufferDacTime - when.currentTime) * 1e9), called_ns)
            position = self._ring.taken
            count = self._ring.take_into(memoryview(out).cast("B"), frames)
            at, self._stream_position = self._stream_position, self._stream_position + frames
            self._note(Turn(position, count, at, frames, called_ns, delay_ns, bool(status.output_underflow)))
        except BaseException as error:  # noqa: BLE001 - sent to the parent
            self.error = error
            raise sounddevice().CallbackAbort from None

    def _believed(self, delay_ns: int, called_ns: int) -> int:
        if not 0 <= delay_ns <= MAX_DELAY_NS:
            return self.latency_ns
        new = called_ns - (self._began_ns or 0) < SETTLE_NS
        return max(delay_ns, self.latency_ns) if new else delay_ns


@dataclass(slots=True)
class Playing:
    """A stream that runs."""

    stream: Any
    ring: SoundRing
    callback: Callback
    sample_rate: int
    """Hertz."""
    channels: int
    note: str
    """What is not as it was asked for."""

    def start(self) -> None:
        """From nothing: again, once it was stopped.

        Raises:
            SourceLost: the device does not play.
        """
        self.ring.clear()
        self.callback.begin()
        try:
            self.stream.start()
        except sounddevice().PortAudioError as error:
            raise SourceLost(f"the stream to the speaker cannot be started: {error.args[0]}") from error


def open_stream(
    speaker: Speaker,
    options: PlayerOptions,
    rate: int | None,
    note: Callable[[Turn], object],
    ended: Callable[[], object],
) -> Playing:
    """A stream, which is not started yet. A rate that the device refuses becomes its own.

    Raises:
        SourceLost: the device cannot be opened.
    """
    sd = sounddevice()
    rates = list(dict.fromkeys((rate or speaker.sample_rate, speaker.sample_rate)))
    choices = [options.channels] if options.channels else list(dict.fromkeys((1, min(2, speaker.channels))))
    told = ""
    for wanted in rates:
        for channels in choices:
            try:
                return _open(sd, speaker, options, wanted, channels, told, note, ended)
            except sd.PortAudioError as error:
                why, what = error, f"{channels} channel{'s' * (channels > 1)} at {wanted} Hz"
                if error.args[-1] not in (_INVALID_RATE, _INVALID_CHANNELS):
                    break
        told = f"{speaker.name} does not play at {wanted} Hz: it does at {speaker.sample_rate} Hz"
    raise SourceLost(f"speaker {speaker} cannot be opened with {what}: {why.args[0]}") from why


def _open(
    sd: Any,
    speaker: Speaker,
    options: PlayerOptions,
    rate: int,
    channels: int,
    told: str,
    note: Callable[[Turn], object],
    ended: Callable[[], object],
) -> Playing:
    ring = SoundRing(round(2 * AHEAD_S * rate), channels * SAMPLE_BYTES)
    callback = Callback(ring, note)
    stream = sd.RawOutputStream(
        samplerate=rate, blocksize=options.block_frames(rate), device=speaker.index, channels=channels, dtype="int16",
        latency=LATENCY_S, callback=callback, finished_callback=ended,
    )  # fmt: skip
    callback.latency_ns = round(stream.latency * 1e9)
    return Playing(stream, ring, callback, rate, channels, told)
