"""From a speaker's name to the sink.

speaker:                 the default one       speaker:USB?rate=48000    by part of its name
speaker:2?volume=0.5     by number, quieter    speaker:?wait=1           it need not be there yet
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.capture.uri import SourceUri, split_options
from edgemm.errors import InputError
from edgemm.player.options import PlayerOptions
from edgemm.redaction import shown_address

if TYPE_CHECKING:
    from edgemm.capture.source import Source
    from edgemm.sinks.speaker import SpeakerSink

SCHEME = "speaker"


def is_speaker(place: str) -> bool:
    """True for a place to save to that names a speaker."""
    return place.lower().startswith(f"{SCHEME}:") or place.lower() == SCHEME


def open_speaker(place: str, *, source: Source | None = None, wait: bool = False) -> SpeakerSink:
    """The sink of a speaker's name.

    Args:
        place: the options are `rate` (hertz of the stream; else that of the first sound), `channels` (all play the
            same), `volume` (0 to 4; 1), `queue_s` (seconds of sound that may wait; 120), `patience_s` (seconds that
            sound waits for a speaker that has gone; 10), `wait` (1: it need not be there yet) and `barge_in` (1: who
            begins to speak into `source` stops it).
        source: what the stream reads.
        wait: what `wait` is where the name does not say.

    Raises:
        InputError: an option is not known or out of bounds.
        EdgemmError: see `SpeakerSink`.
    """
    from edgemm.sinks.speaker import PATIENCE_S, QUEUE_S, SpeakerSink

    path, options = split_options(place.partition(":")[2])
    named = SourceUri(shown_address(place), path, options, SCHEME)
    named.only("rate", "channels", "volume", "queue_s", "patience_s", "wait", "barge_in")
    rate, channels = _whole(named, "rate", 1000, 768_000), _whole(named, "channels", 1, 32)
    volume, queue_s = named.number("volume", 0, 4), named.number("queue_s", 0.1, 3600)
    patience_s = named.number("patience_s", 0, 3600)
    sink = SpeakerSink(
        named.text,
        PlayerOptions(path.strip(), rate, channels),
        volume=1.0 if volume is None else volume,
        queue_s=QUEUE_S if queue_s is None else queue_s,
        patience_s=PATIENCE_S if patience_s is None else patience_s,
        wait=named.switch("wait", default=wait),
    )
    if named.switch("barge_in", default=False):
        from edgemm.sinks.beside_microphone import let_interrupt

        try:
            let_interrupt(source, sink)
        except BaseException:
            sink.close()
            raise
    return sink


def _whole(named: SourceUri, option: str, low: int, high: int) -> int | None:
    value = named.number(option, low, high)
    if value is not None and value != int(value):
        raise InputError(f"{option}={value:g} in {named.text!r}: expected a whole number")
    return None if value is None else int(value)
