"""When running sound has been silent for a while: once for each silence, at the time, in blocks of any size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgemm.media import AudioBlock
from edgemm.tasks.silence import Quiet, Silence, ends_speech

pytestmark = pytest.mark.device

BEGIN_NS = 10**9


def sound(rate: int, seconds: float, *loud_s: tuple[float, float], level: float = 0.003) -> Any:
    """Noise, and louder noise."""
    rng = np.random.default_rng(3)
    samples = rng.standard_normal(round(seconds * rate)) * level
    for begin_s, end_s in loud_s:
        at = slice(round(begin_s * rate), round(end_s * rate))
        samples[at] += rng.standard_normal(at.stop - at.start) * 0.1
    return samples.astype(np.float32)


def told(
    silence: Silence, samples: Any, rate: int, size: int = 160, first: int = 0
) -> tuple[list[Quiet], Any]:
    """What is told, and the blocks that were given back, joined."""
    found: list[Quiet] = []
    heard: list[Any] = []
    count = 0
    for at in range(0, len(samples), size):
        block = AudioBlock(samples[at : at + size], rate, BEGIN_NS + round(at * 1e9 / rate), first + at)
        for part, quiet in silence.parts(block):
            assert part.position == first + count
            assert part.captured_ns == pytest.approx(BEGIN_NS + count * 1e9 / rate, abs=2)
            heard.append(part.samples)
            count += len(part.samples)
            if quiet is not None:
                assert quiet.now_s * rate == pytest.approx(part.position + len(part.samples))
                found.append(quiet)
    return found, np.concatenate(heard)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("size", [7, 800, 1 << 20])
def test_each_silence_is_told_once_and_at_its_time(rate: int, size: int) -> None:
    spoken = ((1.0, 1.5), (1.9, 2.5), (4.5, 5.0))
    samples = sound(rate, 7.0, *spoken)
    found, heard = told(Silence(0.8), samples, rate, size)
    assert np.array_equal(heard, samples)
    assert [each.since_s for each in found] == pytest.approx([2.5, 5.0], abs=0.021)
    assert [each.now_s for each in found] == pytest.approx([3.3, 5.8], abs=0.021)
    assert [each.now_ns - BEGIN_NS for each in found] == pytest.approx(
        [each.now_s * 1e9 for each in found], abs=2
    )


def test_times_count_from_where_the_stream_stands() -> None:
    (found,), _ = told(Silence(0.5), sound(8000, 2.5, (0.5, 1.0)), 8000, first=80_000)
    assert found.since_s == pytest.approx(11.0, abs=0.021)


@pytest.mark.parametrize(("length_s", "from_s"), [(0.02, 1.0), (0.1, 1.6)])
def test_a_click_does_not_put_it_off_and_a_word_does(length_s: float, from_s: float) -> None:
    samples = sound(16000, 4.0, (0.5, 1.0), (1.5, 1.5 + length_s))
    (found,), _ = told(Silence(0.8), samples, 16000)
    assert found.since_s == pytest.approx(from_s, abs=0.021)


def test_a_click_alone_is_no_voice_and_noise_that_stays_is_none() -> None:
    assert told(Silence(0.3), sound(16000, 3.0, (1.0, 1.02)), 16000)[0] == []
    assert told(Silence(0.3), sound(16000, 6.0, level=0.03), 16000)[0] == []


def test_nothing_is_told_where_nothing_is_asked_for() -> None:
    samples = sound(8000, 3.0, (0.5, 1.0))
    found, heard = told(Silence(0.0), samples, 8000)
    assert found == []
    assert np.array_equal(heard, samples)


def test_nothing_stays_behind_after_a_reset() -> None:
    silence = Silence(0.5)
    told(silence, sound(16000, 1.01, (0.5, 1.01)), 16000)
    silence.reset()
    assert told(silence, sound(8000, 2.0), 8000, 333)[0] == []


def test_a_gap_stands_before_the_first_part_alone() -> None:
    silence, samples = Silence(0.5), sound(8000, 2.5, (0.5, 1.0))
    block = replace(AudioBlock(samples, 8000, 0, 0), gap_samples=9)
    assert [part.gap_samples for part, _ in silence.parts(block)] == [9, 0]
    (only,) = Silence(0.5).parts(replace(block, samples=samples[:0]))
    assert (only[0].gap_samples, only[1]) == (9, None)


@pytest.mark.parametrize(
    ("heard_s", "said_s", "silence_s", "ends"),
    [
        (2.0, 2.0, 0.8, True),
        (1.9, 1.9, 0.8, False),  # the network has not heard all of the voice
        (2.8, 2.25, 0.8, True),
        (2.8, 2.26, 0.8, False),  # too late a label: more may follow
        (2.8, 2.71, 0.2, False),
        (2.8, 2.70, 0.2, True),
    ],
)
def test_labels_may_come_a_little_late(heard_s: float, said_s: float, silence_s: float, ends: bool) -> None:
    assert ends_speech(2.0, 2.8, heard_s=heard_s, said_s=said_s, silence_s=silence_s) is ends
