"""What a microphone knows of speakers near it, and the account of what is held back; no device needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.capture.sound.beside_speaker import QUIET_MS, BesideSpeakers, VoiceOnset
from edgemm.capture.sound.held_back import HeldBack
from edgemm.data import spoken_digits
from edgemm.errors import InputError
from edgemm.media import AudioBlock
from edgemm.player.spoken import KEPT_NS, SpokenTimes

pytestmark = pytest.mark.device

RATE = 8000
MS = 1_000_000
BLOCK = RATE // 50
"""Samples: 20 ms."""


def block(at_ms: int = 0, *, gap: int = 0, reason: str = "gap", value: float = 0.0) -> AudioBlock:
    return AudioBlock(np.full(BLOCK, value, np.float32), RATE, at_ms * MS, 0, gap, gap_reason=reason)


class Speaker:
    """One that sounds from 100 to 200 ms."""

    def __init__(self) -> None:
        self.spoken = SpokenTimes()
        self.spoken.add(100 * MS, 200 * MS)

    def sounds(self, begin_ns: int, end_ns: int, tail_ns: int) -> bool:
        return self.spoken.overlap(begin_ns, end_ns, tail_ns)


def test_what_was_captured_while_it_sounds_and_a_tail_is_not_passed() -> None:
    beside = BesideSpeakers("microphone:", tail_ms=50)
    assert not beside.hears_them(block(150))
    beside.add(Speaker())
    held = [at for at in range(0, 400, 20) if beside.hears_them(block(at))]
    assert held == list(range(100, 250, 20))


def test_each_of_several_speakers_counts_and_the_same_one_once() -> None:
    beside, first, second = BesideSpeakers("microphone:", tail_ms=0), Speaker(), Speaker()
    second.spoken.add(500 * MS, 600 * MS)
    for speaker in (first, second, second):
        beside.add(speaker)
    assert [beside.hears_them(block(at)) for at in (150, 300, 520)] == [True, False, True]


def test_with_echo_cancelled_nothing_is_held_back() -> None:
    beside = BesideSpeakers("microphone:", echo_cancelled=True)
    beside.add(Speaker())
    assert not beside.hears_them(block(150))


def test_who_interrupts_can_be_heard_only_where_echo_is_cancelled() -> None:
    with pytest.raises(InputError, match=r"microphone:: expected a source that is declared echo-cancelled"):
        BesideSpeakers("microphone:").on_voice(lambda: None)


def onsets(samples: npt.NDArray[np.float32]) -> list[float]:
    """Milliseconds of the ends of those blocks with which somebody begins to speak."""
    begins, found = VoiceOnset(), []
    for at in range(0, len(samples) - BLOCK + 1, BLOCK):
        piece = AudioBlock(samples[at : at + BLOCK], RATE, at * 10**9 // RATE, at)
        if begins(piece):
            found.append((at + BLOCK) * 1000 / RATE)
    return found


@pytest.mark.parametrize("digit", [0, 3, 5, 9])
def test_a_word_is_one_beginning_and_the_next_another(digit: int) -> None:
    _, word, _ = spoken_digits()[digit]
    quiet = (np.random.default_rng(0).normal(0, 1e-4, RATE)).astype(np.float32)
    found = onsets(np.concatenate([quiet, word, quiet, word, quiet]).astype(np.float32))
    length_ms = len(word) * 1000 / RATE
    assert len(found) == 2
    for said, at in zip(found, (1000.0, 2000.0 + length_ms), strict=True):
        assert at + 60 <= said < at + length_ms


def test_a_click_is_nobody() -> None:
    samples = np.zeros(RATE, np.float32)
    samples[4000:4200] = 0.5
    assert onsets(samples) == []


def test_voice_that_goes_on_is_one_beginning_whatever_pauses_its_words_make() -> None:
    rng = np.random.default_rng(0)
    loud, pause = rng.normal(0, 0.1, RATE // 2), np.zeros(round((QUIET_MS - 100) * RATE / 1000))
    samples = np.concatenate([np.zeros(RATE), loud, pause, loud, pause, loud]).astype(np.float32)
    assert len(onsets(samples)) == 1


def test_voice_calls_everybody_once() -> None:
    called: list[str] = []
    beside = BesideSpeakers("microphone:", echo_cancelled=True)
    beside.on_voice(lambda: called.append("a"))
    beside.on_voice(lambda: called.append("b"))
    for at in range(10):
        beside.hears_them(block(20 * at))
    for at in range(10, 40):
        beside.hears_them(block(20 * at, value=0.3))
    assert called == ["a", "b"]


def test_what_is_held_back_is_the_gap_before_the_next_and_counted_once_by_its_reason() -> None:
    held = HeldBack()
    assert held.release(block(gap=3)).gap_samples == 3
    held.hold(block(), "speaking")
    held.hold(block(gap=7, reason="overflow"), "speaking")
    held.hold(block(), "silence")
    passed = held.release(block())
    assert (passed.gap_samples, passed.gap_reason) == (3 * BLOCK + 7, "silence")
    assert held.samples == {"speaking": 2 * BLOCK, "overflow": 7, "silence": BLOCK}
    assert held.blocks == {"speaking": 2, "silence": 1}
    assert held.release(block()).gap_samples == 0


def test_a_gap_of_the_block_itself_gives_the_reason() -> None:
    held = HeldBack()
    held.hold(block(), "speaking")
    passed = held.release(block(gap=5, reason="lost"))
    assert (passed.gap_samples, passed.gap_reason) == (BLOCK + 5, "lost")


def test_times_that_follow_closely_are_one_and_old_ones_are_forgotten() -> None:
    spoken = SpokenTimes()
    spoken.add(0, 100 * MS)
    spoken.add(120 * MS, 200 * MS)
    spoken.add(400 * MS, 500 * MS)
    assert spoken.overlap(105 * MS, 110 * MS, 0)
    assert not spoken.overlap(250 * MS, 350 * MS, 0)
    spoken.add(KEPT_NS + 300 * MS, KEPT_NS + 400 * MS)
    assert not spoken.overlap(0, 200 * MS, 0)
    assert spoken.overlap(450 * MS, 460 * MS, 0)


@pytest.mark.parametrize(("at_ms", "sounds"), [(350, [True, False, False]), (450, [True, True, False])])
def test_what_is_stopped_sounds_no_longer(at_ms: int, sounds: list[bool]) -> None:
    spoken = SpokenTimes()
    spoken.add(0, 100 * MS)
    spoken.add(400 * MS, 500 * MS)
    spoken.end(at_ms * MS)
    assert [spoken.overlap(at * MS, (at + 5) * MS, 0) for at in (50, 420, 470)] == sounds
