"""From a microphone's name to the source.

microphone:                the default one             microphone:USB?rate=48000    by part of its name
microphone:2?channel=1     by number, second channel   microphone:?gate=voice       only where somebody speaks
microphone:?echo_cancelled=1                            heard while a speaker plays
"""

from __future__ import annotations

from edgemm.capture.live.timeouts import reconnects_and_waits
from edgemm.capture.sound.beside_speaker import TAIL_MS, BesideSpeakers
from edgemm.capture.sound.microphone_source import STALL_S, MicrophoneSource
from edgemm.capture.source import Source
from edgemm.capture.uri import SourceUri
from edgemm.errors import InputError
from edgemm.recorder.options import RecorderOptions


def open_microphone(named: SourceUri) -> Source:
    """The microphone that a name means.

    Args:
        named: the options are `rate` (hertz), `channels` (that many are mixed), `channel` (that one, from
            0), `block_ms`, `dtype` (int16 or float32), `ring_s`, `reconnect` (0: a fault is the end),
            `timeout_s` (seconds without sound that are a fault), `wait` (1: it need not be there yet),
            `gate=voice`, `echo_cancelled` (1: it does not hear the speaker, so that nothing is held back while that
            plays) and `tail_ms` (held back after the speaker's last sample; 250).

    Raises:
        InputError: an option is not known or out of bounds.
        SourceError: see `MicrophoneSource`.
    """
    named.only(
        "rate", "channels", "channel", "block_ms", "dtype", "ring_s", "reconnect", "timeout_s", "gate",
        "wait", "echo_cancelled", "tail_ms",
    )  # fmt: skip
    dtype = _one_of(named, "dtype", "int16", "float32")
    gate = _one_of(named, "gate", "", "voice")
    channel = _whole(named, "channel", 0, 31)
    channels = _whole(named, "channels", 1, 32) or (1 if channel is None else channel + 1)
    if channel is not None and channel >= channels:
        raise InputError(f"channel={channel} in {named.text!r}: expected less than channels={channels}")
    reconnect, wait = reconnects_and_waits(named)
    options = RecorderOptions(
        named.path.strip(), _whole(named, "rate", 1000, 768_000), channels,
        "float32" if dtype == "float32" else "int16",
        named.block_ms or 20.0, named.number("ring_s", 0.05, 60.0) or 2.0,
    )  # fmt: skip
    tail_ms = named.number("tail_ms", 0, 10_000)
    beside = BesideSpeakers(
        named.text,
        echo_cancelled=named.switch("echo_cancelled", default=False),
        tail_ms=TAIL_MS if tail_ms is None else tail_ms,
    )
    source = MicrophoneSource(
        named.text, options, channel=channel, reconnect=reconnect, wait=wait,
        stall_s=named.number("timeout_s", 0.2, 60.0) or STALL_S, beside=None if gate else beside,
    )  # fmt: skip
    if gate:
        from edgemm.capture.sound.voice_gate import VoiceGate

        return VoiceGate(source, beside=beside)
    return source


def _one_of(named: SourceUri, option: str, *values: str) -> str:
    """The value of an option; the first one when it is not given."""
    value = named.options.get(option, values[0])
    if value not in values:
        expected = " or ".join(filter(None, values))
        raise InputError(f"{option}={named.shown(option)} in {named.text!r}: expected {expected}")
    return value


def _whole(named: SourceUri, option: str, low: int, high: int) -> int | None:
    value = named.number(option, low, high)
    if value is not None and value != int(value):
        raise InputError(f"{option}={value:g} in {named.text!r}: expected a whole number")
    return None if value is None else int(value)
