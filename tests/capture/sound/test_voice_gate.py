"""Speech passes, silence does not, and every sample is accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.capture.share.withheld import Withholds
from edgemm.capture.sound.voice_gate import GateTimes, VoiceGate
from edgemm.capture.source import Source
from edgemm.data import spoken_digits
from edgemm.errors import InputError, SourceTimeout
from edgemm.media import AudioBlock, Captured
from edgemm.voice_level import VoiceLevel

pytestmark = pytest.mark.device

RATE = 8000
BLOCK = 160
Samples = npt.NDArray[np.float32]
WORD_DB = -45.0
"""Full scale: what is louder belongs to the word."""


class Sound:
    """Samples as a source of blocks of 20 ms; `gaps` maps a block's number to samples lost before it."""

    uri = "sound"
    modality: Literal["image", "audio", "text"] = "audio"
    live = False

    def __init__(self, samples: Samples, gaps: dict[int, int] | None = None) -> None:
        self.samples, self.gaps, self.closed = samples, gaps or {}, False
        self._blocks = self._cut()

    def _cut(self) -> Iterator[AudioBlock]:
        lost = 0
        for number, at in enumerate(range(0, len(self.samples), BLOCK)):
            gap = self.gaps.get(number, 0)
            lost += gap
            piece = self.samples[at : at + BLOCK]
            yield AudioBlock(piece, RATE, at, at + lost, gap, "sound", "overflow" if gap else "gap")

    def read(self, timeout_s: float | None = None) -> Captured | None:
        return next(self._blocks, None)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


def test_a_source_that_is_waited_for_is_waited_for_behind_a_gate_too() -> None:
    source = Sound(np.zeros(0, np.float32))
    gate = VoiceGate(source)
    assert not gate.awaited
    source.awaited = True  # type: ignore[attr-defined]
    assert gate.awaited


def quiet(seconds: float, level_db: float = -70.0, seed: int = 0) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (noise * 10 ** (level_db / 20)).astype(np.float32)


def passed(gate: VoiceGate) -> list[AudioBlock]:
    return list(iter(gate.read, None))


def loud(samples: Samples) -> tuple[int, int]:
    """First and last sample of the pieces of 10 ms that are louder than `WORD_DB`."""
    power = (samples[: len(samples) // 80 * 80].reshape(-1, 80) ** 2).mean(axis=1)
    where = np.flatnonzero(10 * np.log10(power + 1e-12) > WORD_DB)
    return int(where[0]) * 80, int(where[-1] + 1) * 80


@pytest.mark.parametrize("noise_db", [-90, -70, -55])
@pytest.mark.parametrize("word", range(10))
def test_no_word_is_cut_and_the_silence_around_it_stays_out(word: int, noise_db: float) -> None:
    name, samples, rate = spoken_digits()[word]
    assert rate == RATE
    heard, at = quiet(11, noise_db), 5 * RATE
    heard[at : at + len(samples)] += samples
    gate = VoiceGate(Sound(heard))
    blocks = [block for block in passed(gate) if block.position > 3.5 * RATE]  # the floor is known by then
    begin, end = loud(samples)
    assert blocks[0].position <= at + begin, name
    assert blocks[-1].position + BLOCK >= at + end, name
    kept = sum(len(block.samples) for block in blocks)
    assert kept < len(samples) + 0.8 * RATE  # pre-roll, hang-over and a block


@pytest.mark.parametrize("level_db", [-80, -50, -35])
def test_steady_noise_of_any_level_is_silence_once_it_is_known(level_db: float) -> None:
    gate = VoiceGate(Sound(quiet(20, level_db)))
    assert [block for block in passed(gate) if block.position > 6 * RATE] == []


def test_ten_words_with_pauses_pass_and_the_pauses_do_not() -> None:
    words = [samples for _, samples, _ in spoken_digits()]
    heard = np.concatenate([part for word in words for part in (quiet(3), word)] + [quiet(3)])
    gate = VoiceGate(Sound(heard))
    blocks = passed(gate)
    openings = sum(block.gap_reason == "silence" and block.gap_samples > 0 for block in blocks)
    assert openings == 10
    kept = sum(len(block.samples) for block in blocks)
    assert 0.15 < kept / len(heard) < 0.4
    assert kept + gate.withheld["silence"] == len(heard)


def test_a_gap_says_how_much_was_held_back() -> None:
    voice = [False] * 30 + [True] * 5 + [False] * 60 + [True] * 5 + [False] * 40
    answers = iter(voice)
    gate = VoiceGate(Sound(np.zeros(len(voice) * BLOCK, np.float32)), lambda _: next(answers))
    blocks = passed(gate)
    gaps = [(block.position // BLOCK, block.gap_samples // BLOCK) for block in blocks if block.gap_samples]
    assert gaps == [(20, 20), (85, 30)]  # 200 ms before the voice; 400 ms after it
    assert gate.withheld == {"silence": (20 + 30 + 20) * BLOCK}
    assert gate.lost == {"silence": 20 + 30 + 20}


def test_a_click_is_no_voice() -> None:
    answers = iter([False] * 20 + [True] + [False] * 20)
    gate = VoiceGate(
        Sound(np.zeros(41 * BLOCK, np.float32)), lambda _: next(answers), times=GateTimes(attack_ms=40)
    )
    assert passed(gate) == []


def test_a_gap_of_the_source_stays_one_whether_it_is_held_back_or_passes() -> None:
    voice = [False] * 30 + [True] * 5
    answers = iter(voice)
    source = Sound(np.zeros(len(voice) * BLOCK, np.float32), gaps={3: 100, 32: 50})
    gate = VoiceGate(source, lambda _: next(answers))
    blocks = passed(gate)
    assert [(b.gap_samples, b.gap_reason) for b in blocks if b.gap_samples] == [
        (20 * BLOCK + 100, "silence"),
        (50, "overflow"),
    ]
    assert gate.withheld == {"silence": 20 * BLOCK, "overflow": 100}


def test_positions_and_gaps_fit_together() -> None:
    gate = VoiceGate(Sound(np.concatenate([quiet(2), spoken_digits()[3][1], quiet(2)]), gaps={5: 7, 110: 9}))
    end = 0
    for block in passed(gate):
        assert block.position == end + block.gap_samples
        end = block.position + len(block.samples)


def test_nothing_said_is_a_timeout_of_a_live_source() -> None:
    endless = Sound(np.zeros(10**9 // 50, np.float32))
    gate = VoiceGate(endless, lambda _: False)
    with pytest.raises(SourceTimeout, match=r"sound: no voice within 0\.05 s"):
        gate.read(0.05)
    assert gate.withheld["silence"] > 0


def test_a_gate_is_a_source_that_withholds_and_closes_what_it_reads() -> None:
    sound = Sound(quiet(1))
    with VoiceGate(sound) as gate:
        assert isinstance(gate, Source)
        assert isinstance(gate, Withholds)
    assert sound.closed


def test_pictures_are_refused() -> None:
    source = Sound(quiet(1))
    source.modality = "image"
    with pytest.raises(InputError, match="takes sound"):
        VoiceGate(source)


def test_loudness_knows_the_floor_after_its_memory_and_follows_it() -> None:
    decide = VoiceLevel()
    for block in np.split(quiet(6, -40), 6 * 50):
        decide(block)
    assert decide.floor_db == pytest.approx(-40, abs=3)  # the quietest of 24 short levels
    assert not decide(quiet(0.02, -36))
    assert decide(quiet(0.02, -25))
