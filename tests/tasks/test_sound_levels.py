"""Where a word ends in the sound, whatever the blocks that it comes in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgemm.media import AudioBlock
from edgemm.tasks.sound_levels import SoundLevels

pytestmark = pytest.mark.device


def sound(rate: int, seconds: float, *loud: tuple[float, float, float], noise: float = 1e-3) -> Any:
    """Noise, and louder noise: begin, end, level."""
    rng = np.random.default_rng(3)
    samples = rng.standard_normal(round(seconds * rate)) * noise
    for begin_s, end_s, level in loud:
        at = slice(round(begin_s * rate), round(end_s * rate))
        samples[at] += rng.standard_normal(at.stop - at.start) * level
    return samples.astype(np.float32)


def heard(samples: Any, rate: int = 8000, size: int = 160, first: int = 0) -> SoundLevels:
    levels = SoundLevels()
    for at in range(0, len(samples), size):
        levels.push(AudioBlock(samples[at : at + size], rate, 0, first + at))
    return levels


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("size", [37, 1 << 20])
def test_a_word_ends_where_its_sound_does(rate: int, size: int) -> None:
    levels = heard(sound(rate, 2.0, (0.5, 0.8, 0.1), (0.8, 1.0, 0.01)), rate, size)
    assert levels.word_end(0.5, 0.75, 2.0) == pytest.approx(1.0, abs=0.021)
    assert levels.word_end(0.5, 1.2, 2.0) == 1.2


def test_times_count_from_where_the_stream_stands() -> None:
    levels = heard(sound(8000, 2.0, (0.5, 1.0, 0.1)), first=80_000)
    assert levels.word_end(10.5, 10.8, 12.0) == pytest.approx(11.0, abs=0.021)


@pytest.mark.parametrize("size", [100, 250])
def test_blocks_of_any_size_give_the_same_places(size: int) -> None:
    samples = sound(8000, 2.0, (0.5, 1.0, 0.1))
    expected = heard(samples, size=1 << 20, first=80_000).word_end(10.5, 10.8, 12.0)
    assert heard(samples, size=size, first=80_000).word_end(10.5, 10.8, 12.0) == expected


def test_it_ends_before_the_next_one_and_no_later_than_was_heard() -> None:
    levels = heard(sound(8000, 2.0, (0.5, 1.5, 0.1)))
    assert levels.word_end(0.5, 0.75, 0.85) == pytest.approx(0.84)
    assert levels.word_end(0.5, 0.75, 0.76) == pytest.approx(0.76)
    assert levels.word_end(0.5, 0.75, 0.7) == 0.75


def test_a_stop_within_a_word_does_not_end_it_and_a_pause_does() -> None:
    levels = heard(sound(8000, 3.0, (0.5, 0.8, 0.1), (0.86, 1.0, 0.1), (1.1, 1.2, 0.1)))
    assert levels.word_end(0.5, 0.76, 3.0) == pytest.approx(1.0)


def test_sound_that_stays_is_no_word() -> None:
    assert heard(sound(8000, 4.0, (0.5, 3.5, 0.1))).word_end(0.5, 1.0, 4.0) == pytest.approx(1.4)
    steady = heard(sound(8000, 4.0, noise=0.05))
    assert steady.word_end(0.5, 1.0, 4.0) == 1.0


@pytest.mark.parametrize(("level", "end_s"), [(0.1 * 10 ** (-33 / 20), 1.0), (0.1 * 10 ** (-40 / 20), 0.8)])
def test_what_is_far_below_the_word_is_breath(level: float, end_s: float) -> None:
    levels = heard(sound(8000, 2.0, (0.5, 0.8, 0.1), (0.8, 1.0, level), noise=1e-5))
    assert levels.word_end(0.5, 0.75, 2.0) == pytest.approx(end_s, abs=0.021)


@pytest.mark.parametrize(("ago_s", "end_s"), [(2.0, 1.15), (3.5, 0.8)])
def test_how_quiet_it_was_is_forgotten_after_three_seconds(ago_s: float, end_s: float) -> None:
    """A fan was turned on so long ago: it is louder than the quiet before it, and not louder than itself."""
    samples = np.concatenate(
        [sound(8000, 1.0, noise=1e-4), sound(8000, ago_s + 2.0, (ago_s, ago_s + 0.8, 0.1), noise=5e-3)]
    )
    at_s = 1.0 + ago_s
    found = heard(samples).word_end(at_s, at_s + 0.75, 10.0) - at_s
    assert found == pytest.approx(end_s, abs=0.021)


def test_before_any_sound_and_after_a_reset_there_is_nothing() -> None:
    levels = SoundLevels()
    assert levels.word_end(0.1, 0.2, 1.0) == 0.2
    levels = heard(sound(8000, 2.0, (0.5, 1.0, 0.1)))
    levels.reset()
    levels.push(AudioBlock(sound(8000, 1.0), 8000, 0, 0))
    assert levels.word_end(0.5, 0.8, 1.0) == 0.8


def test_an_hour_is_kept_in_little_and_the_newest_of_it_is_there() -> None:
    levels = heard(sound(100, 3600.0, (3500.0, 3500.5, 0.1)), 100, 1000)
    assert levels.word_end(3500.0, 3500.3, 3600.0) == pytest.approx(3500.5, abs=0.021)
    assert levels.word_end(10.0, 10.2, 3600.0) == 10.2
    assert len(levels._levels_db) <= 2 * 1200 * 50 + 500


def test_of_a_recording_in_one_block_all_is_there() -> None:
    levels = heard(sound(100, 3600.0, (10.0, 10.5, 0.1)), 100, 1 << 20)
    assert levels.word_end(10.0, 10.3, 3600.0) == pytest.approx(10.5, abs=0.021)
