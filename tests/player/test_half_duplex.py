"""A microphone beside a speaker that it would hear: nothing of that reaches a stream, and all is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from ear import Ear
from fake_session import FakeSession, emitted
from pulse import RATE, VirtualMicrophone, wait_until

from edgemm.capture import Source, open_source
from edgemm.data import spoken_digits
from edgemm.errors import InputError
from edgemm.media import AudioBlock, Captured
from edgemm.results import Audio, Embedding
from edgemm.session import Emission, StageClock
from edgemm.sinks import Sinks, open_sinks
from edgemm.sinks.beside_microphone import keep_apart
from edgemm.sinks.speaker import SpeakerSink
from edgemm.stream.item import Item
from edgemm.stream.ledger import Ledger
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

QUIET = 100 / 32768
"""Louder than that is what the speaker plays: there is no other sound."""


class Heard(FakeSession):
    """Keeps what it is fed."""

    def __init__(self) -> None:
        self.blocks: list[AudioBlock] = []

    def feed(self, captured: Captured, clock: StageClock) -> tuple[Emission]:
        assert isinstance(captured, AudioBlock)
        self.blocks.append(captured)
        return (emitted(captured, Embedding(captured.samples[:1])),)


@contextmanager
def listening(source: Source) -> Iterator[tuple[Heard, Ledger]]:
    """A stream that runs in a thread of its own."""
    session = Heard()
    with Stream(session, source) as stream:
        reader = threading.Thread(target=lambda: [None for _ in stream])
        reader.start()
        wait_until(lambda: len(session.blocks) > 5, "it hears")
        try:
            yield session, stream.ledger
        finally:
            stream.close()
            reader.join(5)


def answer(seconds: float, value: float = 0.5) -> Item:
    now_ns = time.monotonic_ns()
    wave = value * np.sign(np.sin(np.arange(round(seconds * RATE)) * 0.16) + 1e-3)
    block = AudioBlock(np.zeros(1, np.float32), RATE, now_ns, 0)
    return Item(Audio(wave.astype(np.float32), RATE), block, 0, now_ns, 0.0, False, {})


def loudest(blocks: list[AudioBlock]) -> float:
    return max(float(np.abs(block.samples).max()) for block in blocks)


@pytest.mark.parametrize("options", ["", "&gate=voice"])
def test_it_does_not_hear_what_the_speaker_says(virtual: VirtualMicrophone, options: str) -> None:
    session = Heard()
    with (
        open_source(f"microphone:?rate={RATE}{options}") as source,
        open_sinks("speaker:", source=source) as sinks,
        Ear(virtual) as ear,
        Stream(session, source) as stream,
    ):
        reader = threading.Thread(target=lambda: [None for _ in stream])
        reader.start()
        for _ in range(2):
            sinks.put("", answer(0.8))
            sinks.drain(10)
            ended = time.monotonic()
            wait_until(lambda: time.monotonic() > ended + 0.8, "time passes")  # noqa: B023 - called at once
        samples = stream.ledger.summary()["samples"]
        stream.close()
        reader.join(5)
        assert len(ear.loud_times()) == pytest.approx(1.6 * RATE, rel=0.02)
    assert not session.blocks or loudest(session.blocks) < QUIET
    assert (
        samples["captured"] == samples["delivered"] + sum(samples["dropped"].values()) + samples["in_flight"]
    )
    held_s = samples["dropped"]["speaking"] / RATE
    assert 2 * (0.8 + 0.25) < held_s < 2 * (0.8 + 0.25 + 0.3)
    if not options:
        assert samples["dropped"].keys() == {"speaking"}
        assert {block.gap_reason for block in session.blocks if block.gap_samples} == {"speaking"}


def test_cancelled_it_hears_again(virtual: VirtualMicrophone) -> None:
    with open_source(f"microphone:?rate={RATE}") as source, SpeakerSink() as sink:
        keep_apart([source], [sink])
        with listening(source) as (session, ledger), Ear(virtual) as ear:
            sink.put("", answer(20))
            ear.wait_for(lambda times: len(times) > RATE // 2, "it is heard")
            sink.cancel()
            cancelled_ns = time.monotonic_ns()
            before = len(session.blocks)
            took_s = wait_until(lambda: len(session.blocks) > before + 5, "it hears again")
            assert took_s < 1.0
            assert loudest(session.blocks) < QUIET
            assert session.blocks[-1].captured_ns > cancelled_ns
            assert ledger.summary()["samples"]["dropped"].keys() == {"speaking"}


@pytest.mark.parametrize("tail_ms", [0, 800])
def test_the_tail_is_an_option(virtual: VirtualMicrophone, tail_ms: int) -> None:
    with open_source(f"microphone:?rate={RATE}&tail_ms={tail_ms}") as source, SpeakerSink() as sink:
        keep_apart([source], [sink])
        with listening(source) as (session, _):
            before = len(session.blocks)
            sink.put("", answer(0.5))
            sink.drain(5)
            played_ns = time.monotonic_ns()
            wait_until(lambda: any(each.gap_samples for each in session.blocks[before:]), "it hears again")
            gap = next(each for each in session.blocks[before:] if each.gap_samples)
    assert (gap.captured_ns - played_ns) / 1e6 == pytest.approx(tail_ms, abs=120)


def test_with_echo_cancelled_nothing_is_held_back(virtual: VirtualMicrophone) -> None:
    """The virtual microphone cancels nothing, so that it is heard."""
    with open_source(f"microphone:?rate={RATE}&echo_cancelled=true") as source, SpeakerSink() as sink:
        keep_apart([source], [sink])
        with listening(source) as (session, ledger):
            sink.put("", answer(0.5))
            sink.drain(5)
            wait_until(lambda: loudest(session.blocks) > 0.4, "it hears the speaker")
            assert ledger.summary()["samples"]["dropped"] == {}


@pytest.mark.parametrize("gate", ["", "&gate=voice"])
def test_who_interrupts_stops_it(virtual: VirtualMicrophone, gate: str) -> None:
    """The answer is so quiet that it is no voice to the level, as where echo is cancelled."""
    word = (np.repeat(spoken_digits()[5][1], RATE // 8000) * 32767).astype(np.int16)
    name = f"microphone:?rate={RATE}&echo_cancelled=1{gate}"
    with open_source(name) as source, open_sinks("speaker:?barge_in=1", source=source) as sinks:
        session = Heard()
        with Stream(session, source) as stream:
            reader = threading.Thread(target=lambda: [None for _ in stream])
            reader.start()
            sinks.put("", answer(10, value=0.0005))
            wait_until(lambda: summary(sinks)["samples"]["played"] > 1.5 * RATE, "it is played")
            assert summary(sinks)["samples"]["dropped"] == {}
            virtual.play(word)
            wait_until(lambda: not summary(sinks)["samples"]["queued"], "it was stopped", 3)
            stream.close()
            reader.join(5)
        assert summary(sinks)["samples"]["dropped"].keys() == {"cancelled"}


def summary(sinks: Sinks) -> dict[str, Any]:
    (found,) = sinks.summary().values()
    return dict(found)


@pytest.mark.parametrize("options", ["", "&gate=voice"])
def test_who_interrupts_must_be_told_from_the_speaker(virtual: VirtualMicrophone, options: str) -> None:
    with (
        open_source(f"microphone:?rate={RATE}{options}") as source,
        pytest.raises(InputError, match="expected a source that is declared echo-cancelled"),
    ):
        open_sinks("speaker:?barge_in=1", source=source)


def test_without_a_microphone_nobody_interrupts(virtual: VirtualMicrophone) -> None:
    with pytest.raises(InputError, match="expected a microphone to listen on, found none"):
        open_sinks("speaker:?barge_in=1")
