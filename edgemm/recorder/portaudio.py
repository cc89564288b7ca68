"""PortAudio through sounddevice: the lists of devices, and a stream that fills a ring."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from edgemm.dependency import load_dependency
from edgemm.errors import MissingDependency, SourceLost
from edgemm.recorder.devices import Microphone, SoundDevice
from edgemm.recorder.options import RecorderOptions
from edgemm.recorder.ring import BlockRing

LATENCY_S = 0.1
"""What the driver keeps for us when we are late. PulseAudio gives sound in pieces of half of that."""
_INVALID_RATE = -9997
APT = "sudo apt install libportaudio2"
_NO_PORTAUDIO = "PortAudio library not found"
"""What sounddevice says where there is none."""


def sounddevice() -> Any:
    """The `sounddevice` module.

    Raises:
        MissingDependency: it is not installed, or PortAudio itself is not, or one of them cannot be loaded.
    """
    try:
        return load_dependency("sounddevice", "sounddevice", "audio")
    except MissingDependency as missing:
        if not isinstance(missing.__cause__, OSError):
            raise
        said = str(missing.__cause__)
        reason = "" if said == _NO_PORTAUDIO else said
        raise MissingDependency(
            "PortAudio, the library behind microphones and speakers,", command=APT, broken=reason
        ) from missing


D = TypeVar("D", bound=SoundDevice)


def devices(kind: type[D]) -> tuple[D, ...]:
    """The inputs or the outputs, numbered from 0, in PortAudio's order."""
    sd = sounddevice()
    hosts = [host["name"] for host in sd.query_hostapis()]
    default = sd.default.device[kind.DIRECTION == "output"]
    if default < 0 and hosts:
        default = sd.query_hostapis(0)[f"default_{kind.DIRECTION}_device"]
    channels = f"max_{kind.DIRECTION}_channels"
    found = [device for device in sd.query_devices() if device[channels] > 0]
    return tuple(
        kind(
            number, str(each["name"]), str(hosts[each["hostapi"]]), int(each[channels]),
            round(each["default_samplerate"]), int(each["index"]), each["index"] == default,
        )
        for number, each in enumerate(found)
    )  # fmt: skip


class Callback:
    """What PortAudio calls with each block: stores it and wakes the writer, no more. Neither waits for anybody.

    An exception ends the stream and is kept in `error`.
    """

    def __init__(self, ring: BlockRing, wake: Callable[[None], object]) -> None:
        self.error: BaseException | None = None
        self._ring = ring
        self._wake = wake

    def __call__(self, data: Any, frames: int, when: Any, status: Any) -> None:
        """See `sounddevice.RawInputStream`."""
        arrived_ns = time.monotonic_ns()
        try:
            delay_ns = int((when.currentTime - when.inputBufferAdcTime) * 1e9)
            self._ring.put(data, frames, arrived_ns, delay_ns, bool(status.input_overflow))
        except BaseException as error:  # noqa: BLE001 - raised where the microphone is read
            self.error = error
            raise sounddevice().CallbackAbort from None
        finally:
            self._wake(None)


@dataclass(slots=True)
class Recording:
    """A stream that runs. It is never stopped, which could hang: the process ends instead."""

    stream: Any
    ring: BlockRing
    callback: Callback
    sample_rate: int
    """Hertz."""
    note: str
    """What is not as it was asked for."""


def record(
    microphone: Microphone,
    options: RecorderOptions,
    wake: Callable[[None], object],
    ended: Callable[[], object],
) -> Recording:
    """Starts to record. A rate that the device refuses becomes its own.

    Raises:
        SourceLost: the device cannot be opened.
    """
    sd = sounddevice()
    rate, note = options.sample_rate or microphone.sample_rate, ""
    try:
        try:
            return _start(sd, microphone, options, rate, note, wake, ended)
        except sd.PortAudioError as error:
            if rate == microphone.sample_rate or error.args[-1] != _INVALID_RATE:
                raise
            note = f"{microphone.name} does not record at {rate} Hz: it does at {microphone.sample_rate} Hz"
            return _start(sd, microphone, options, microphone.sample_rate, note, wake, ended)
    except sd.PortAudioError as error:
        raise SourceLost(
            f"microphone {microphone} cannot be opened with {options.channels} channels at {rate} Hz: "
            f"{error.args[0]}"
        ) from error


def _start(
    sd: Any,
    microphone: Microphone,
    options: RecorderOptions,
    rate: int,
    note: str,
    wake: Callable[[None], object],
    ended: Callable[[], object],
) -> Recording:
    frames = options.block_frames(rate)
    ring = BlockRing(options.slots, frames, options.frame_bytes)
    callback = Callback(ring, wake)
    stream = sd.RawInputStream(
        samplerate=rate, blocksize=frames, device=microphone.index, channels=options.channels,
        dtype=options.dtype, latency=LATENCY_S, callback=callback, finished_callback=ended,
    )  # fmt: skip
    stream.start()
    return Recording(stream, ring, callback, rate, note)
