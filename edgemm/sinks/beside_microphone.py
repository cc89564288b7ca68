"""Speakers and microphones of one program: what is said is not heard, and who interrupts is."""

from __future__ import annotations

from collections.abc import Iterable

from edgemm.capture.sound.beside_speaker import HearsSpeakers
from edgemm.capture.source import Source
from edgemm.errors import InputError
from edgemm.sinks.sink import Sink
from edgemm.sinks.speaker import SpeakerSink


def keep_apart(sources: Iterable[Source], sinks: Iterable[Sink]) -> None:
    """Every microphone holds back what it hears while one of the speakers plays, unless it is echo-cancelled."""
    speakers = [sink for sink in sinks if isinstance(sink, SpeakerSink)]
    for source in sources:
        if isinstance(source, HearsSpeakers):
            for speaker in speakers:
                source.withhold_while(speaker)


def let_interrupt(source: Source | None, speaker: SpeakerSink) -> None:
    """Whoever begins to speak stops the speaker.

    Raises:
        InputError: the source is no microphone, or is not declared echo-cancelled.
    """
    microphone: object = source
    if not isinstance(microphone, HearsSpeakers):
        found = "none" if source is None else source.uri
        raise InputError(f"{speaker.name}: barge_in=1: expected a microphone to listen on, found {found}")
    microphone.on_voice(speaker.cancel)
