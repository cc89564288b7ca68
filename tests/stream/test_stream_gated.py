"""A stream behind a voice gate: what is held back is in the account as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgemm.capture.files.paced import PacedSource
from edgemm.capture.sound.voice_gate import VoiceGate
from edgemm.errors import SourceTimeout
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]


def alternating(every: int) -> Callable[[Any], bool]:
    """So many blocks without voice, then as many with it."""
    asked = iter(range(10**9))
    return lambda _: next(asked) // every % 2 == 1


@pytest.mark.parametrize("live", [False, True])
def test_all_that_was_heard_is_delivered_or_silence(
    speech: Make, sums: Make, time: Any, balanced: Make, live: bool
) -> None:
    source = VoiceGate(speech(80_000, live=live), alternating(100))
    with Stream(sums(), source, now_ns=time.now_ns) as stream:
        for _ in stream:
            balanced(stream.ledger.summary())
        summary = stream.ledger.summary()
    samples = summary["samples"]
    balanced(summary)
    assert samples["captured"] == 80_000
    assert samples["dropped"].keys() == {"silence"}
    assert samples["in_flight"] == 0
    assert summary["captured"] == 1000
    assert summary["dropped"] == {"silence": samples["dropped"]["silence"] // 80}


def test_silence_is_counted_when_the_stream_is_closed_before_anybody_spoke(
    speech: Make, sums: Make, time: Any
) -> None:
    gate = VoiceGate(speech(8_000), lambda _: False)
    with Stream(sums(), gate, now_ns=time.now_ns) as stream:
        gate.read()
    assert stream.ledger.summary()["samples"]["dropped"] == {"silence": 8_000}


def test_a_gate_that_hears_is_no_source_that_gives_nothing(speech: Make, sums: Make) -> None:
    """A second of silence, live, on a stream that gives a source half of one."""
    source = VoiceGate(PacedSource(speech(8_000)), lambda _: False)
    with source, Stream(sums(), source, timeout_s=0.5) as stream:
        assert list(stream) == []
        assert stream.ledger.summary()["samples"]["dropped"] == {"silence": 8_000}


def test_a_gate_that_hears_nothing_is_one(speech: Make, sums: Make) -> None:
    source = VoiceGate(PacedSource(speech(80_000, block_ms=1000)), lambda _: False)
    with (
        source,
        Stream(sums(), source, timeout_s=0.2) as stream,
        pytest.raises(SourceTimeout, match="gave nothing"),
    ):
        next(stream)
