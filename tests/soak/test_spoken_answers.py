"""A request is spoken, recognised, and answered aloud, beside a microphone that hears the speaker; devices are pulled
between requests and in the middle of answers. Nothing is answered twice, and no sample is unaccounted for.

The answer to a digit is the next digit, in the voice that the recogniser knows: if it were heard, it would be answered.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ear import Ear
from needs import needs
from pulse import RATE, VirtualMicrophone, wait_until
from pulse_fixtures import daemon, faulty, virtual
from sweep import swept

import edgemm
from edgemm.data import WORDS, path, spoken_digits
from edgemm.onnx_runtime import onnx_runtime
from edgemm.preprocess.resample import resample
from edgemm.results import Audio, Keyword
from edgemm.sinks import Sinks, open_sinks
from edgemm.sinks.speaker import SpeakerSink

__all__ = ["daemon", "faulty", "virtual"]
pytestmark = pytest.mark.device
needs(onnx_runtime)

QUIET_S = 1.2
"""The recogniser looks at a second of sound: what it was to hear it has heard by then."""
BACK_S = 20.0
ROUNDS = [
    (
        number % 10,
        ("", "between", "while it answers", "the player dies", "the sound system hangs")[number % 5],
    )
    for number in range(20)
]


def word(digit: int) -> Audio:
    _, samples, rate = spoken_digits()[digit]
    return Audio(resample(samples, rate, RATE), RATE)


class Conversation:
    """What is asked, heard and answered."""

    def __init__(self, virtual: VirtualMicrophone, options: str = "") -> None:
        self.virtual = virtual
        self.heard: list[str] = []
        self.model = edgemm.load(path("models/keywords.onnx"))
        self.source: Any = edgemm.open_source(f"microphone:?rate={RATE}{options}")
        self.sinks: Sinks = open_sinks("speaker:?patience_s=30", source=self.source)
        (self.speaker,) = self.sinks.sinks
        self.stream = self.model.stream(self.source)
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        for item in self.stream:
            assert isinstance(item.value, Keyword)
            if item.value.detected:
                self.heard.append(item.value.label)
                reply = word((WORDS.index(item.value.label) + 1) % 10)
                self.sinks.put("", replace(item, value=reply))

    def ask(self, digit: int) -> None:
        """Says it, and waits until it was understood."""
        before = len(self.heard)
        self.virtual.play((word(digit).samples * 32767).astype(np.int16))
        wait_until(lambda: len(self.heard) > before, f"{WORDS[digit]!r} is understood")
        assert self.heard[before:] == [WORDS[digit]]

    def pull(self, what: str) -> None:
        """Harms the devices, and heals them once both ends have noticed."""
        faults = dict(self.source.faults), dict(self.playing.faults)
        if what == "the sound system hangs":
            self.virtual.freeze()
        else:
            self.virtual.unplug()
        wait_until(lambda: self._more(faults, "lost", "stalled"), "it is noticed", BACK_S)
        if what == "the sound system hangs":
            self.virtual.freeze(False)
        else:
            self.virtual.plug_in()
        wait_until(lambda: self._more(faults, "reconnected"), "it is back", BACK_S)

    def _more(self, before: tuple[dict[str, int], dict[str, int]], *events: str) -> bool:
        now = self.source.faults, self.playing.faults
        return all(
            sum(each.get(event, 0) for event in events) > sum(was.get(event, 0) for event in events)
            for was, each in zip(before, now, strict=True)
        )

    @property
    def playing(self) -> SpeakerSink:
        assert isinstance(self.speaker, SpeakerSink)
        return self.speaker

    def close(self) -> dict[str, Any]:
        """The summary of the stream."""
        self.sinks.close()
        self.stream.close()
        self._thread.join(10)
        self.source.close()
        self.model.close()
        return self.stream.ledger.summary()

    def is_quiet(self) -> None:
        """Waits until the answer was spoken, and so long that it would have been heard."""
        wait_until(lambda: not self.playing.busy, "the answer was spoken", BACK_S)
        ended = time.monotonic()
        wait_until(lambda: time.monotonic() > ended + QUIET_S, "time passes")


def balanced(samples: dict[str, Any]) -> bool:
    gone = sum(samples["dropped"].values())
    if "queued" in samples:
        return bool(samples["accepted"] == samples["played"] + gone + samples["queued"])
    return bool(samples["captured"] == samples["delivered"] + gone + samples["in_flight"])


def test_every_request_is_answered_once_whatever_is_pulled(faulty: VirtualMicrophone) -> None:
    rounds = swept(ROUNDS, slice(5))
    talk = Conversation(faulty)
    try:
        for number, (digit, what) in enumerate(rounds):
            spoken = word((digit + 1) % 10).samples
            with Ear(faulty) as ear:
                talk.ask(digit)
                if what == "while it answers":
                    played = talk.playing.summary()["samples"]["played"]
                    wait_until(lambda: talk.playing.summary()["samples"]["played"] > played, "it sounds")  # noqa: B023
                    talk.pull(what)
                elif what == "the player dies":
                    os.kill(talk.playing.player_pid or 0, signal.SIGKILL)
                talk.is_quiet()
                if not what:
                    assert len(ear.loud_times()) > 0
            assert talk.heard == [WORDS[each] for each, _ in rounds[: number + 1]], what
            if what in ("between", "the sound system hangs"):
                talk.pull(what)
            account = talk.playing.summary()["samples"]
            assert balanced(account)
            assert account["queued"] == 0
            assert account["accepted"] >= len(spoken)
            assert balanced(talk.stream.ledger.summary()["samples"])
    finally:
        summary = talk.close()
    assert talk.heard == [WORDS[digit] for digit, _ in rounds]
    speaker = talk.playing.summary()
    assert speaker["taken"] == len(rounds)
    assert speaker["samples"]["dropped"].keys() <= {"lost"}
    assert speaker["samples"]["accepted"] == sum(len(word((digit + 1) % 10).samples) for digit, _ in rounds)
    assert balanced(summary["samples"])
    assert summary["samples"]["dropped"]["speaking"] >= speaker["samples"]["played"]


def test_without_half_duplex_it_would_answer_itself(faulty: VirtualMicrophone) -> None:
    """The microphone is declared echo-cancelled, and is not: what the test above would see."""
    talk = Conversation(faulty, "&echo_cancelled=1")
    try:
        talk.ask(3)
        wait_until(lambda: len(talk.heard) > 2, "it hears itself, and answers")
    finally:
        talk.close()
