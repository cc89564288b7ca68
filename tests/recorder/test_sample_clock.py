"""Losses that nobody tells of, found by the clock; and none found where there are none."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from edgemm.recorder.sample_clock import MISSING_NS, SampleClock

pytestmark = pytest.mark.device

RATE, FRAMES = 16000, 320
BLOCK_NS = 20_000_000
SECOND = 50
"""Blocks."""
BUSY = 0.1
"""Share of blocks for which the machine had no time at once; those behind them wait too."""


def arrivals(
    blocks: int, *, ppm: float = 0, jitter_ms: float = 0, lost: dict[int, int] | None = None, seed: int = 0
) -> Iterator[tuple[int, int]]:
    """(arrived_ns, delay_ns) of each block: `lost` maps a block to the nanoseconds that vanish before it."""
    draw, gone_ns, last_ns = random.Random(seed), 0, 0
    for number in range(blocks):
        gone_ns += (lost or {}).get(number, 0)
        heard_ns = 10**12 + round(number * BLOCK_NS * (1 + ppm * 1e-6)) + gone_ns
        late_ns = round(draw.random() ** 4 * jitter_ms * 1e6) if draw.random() < BUSY else 0
        last_ns = max(last_ns + 50_000, heard_ns + BLOCK_NS + late_ns)
        yield last_ns, last_ns - heard_ns


def found(blocks: Iterator[tuple[int, int]], *, told: bool = True) -> dict[int, int]:
    """Block -> samples that the clock finds missing before it."""
    clock, position, missing = SampleClock(RATE), 0, {}
    for number, (arrived_ns, delay_ns) in enumerate(blocks):
        gap = clock.missing(position, FRAMES, arrived_ns, delay_ns if told else 0)
        if gap:
            missing[number] = gap
        position += gap + FRAMES
    return missing


@pytest.mark.parametrize("told", [True, False], ids=["with PortAudio's word", "without"])
@pytest.mark.parametrize("ppm", [-200, -50, 0, 50, 200])
@pytest.mark.parametrize("jitter_ms", [0, 30, 300])
def test_nothing_is_missing_in_ten_healthy_minutes(ppm: float, jitter_ms: float, told: bool) -> None:
    assert found(arrivals(600 * SECOND, ppm=ppm, jitter_ms=jitter_ms), told=told) == {}


@pytest.mark.parametrize("jitter_ms", [0, 100])
@pytest.mark.parametrize("lost_ms", [60, 1000, 30_000])
def test_a_loss_is_found_within_three_seconds_and_measured(lost_ms: int, jitter_ms: float) -> None:
    at = 20 * SECOND
    gaps = found(arrivals(40 * SECOND, ppm=80, jitter_ms=jitter_ms, lost={at: lost_ms * 1_000_000}))
    assert len(gaps) == 1
    (where, samples), *_ = gaps.items()
    assert at < where <= at + 3 * SECOND
    assert samples == pytest.approx(lost_ms * 16, abs=10 * 16)  # jitter leaves less than 10 ms of doubt


def test_small_losses_add_up_until_they_are_found() -> None:
    lost = {20 * SECOND + n * SECOND: BLOCK_NS for n in range(10)}
    gaps = found(arrivals(60 * SECOND, lost=lost))
    assert len(gaps) >= 2
    assert sum(gaps.values()) == pytest.approx(10 * FRAMES, abs=1.2 * MISSING_NS * RATE / 1e9)


def test_a_hole_in_the_arrivals_alone_is_no_loss() -> None:
    """The process was stopped for 2 s, and then gets all that waited."""
    times = [arrived for arrived, _ in arrivals(20 * SECOND)]
    held = [max(each, times[300] + 2 * 10**9) if 300 <= n < 400 else each for n, each in enumerate(times)]
    assert found((each, each - true + BLOCK_NS) for each, true in zip(held, times, strict=True)) == {}


def test_a_block_is_as_old_as_portaudio_says_without_the_jitter() -> None:
    clock, position, errors = SampleClock(RATE), 0, []
    for number, (arrived_ns, delay_ns) in enumerate(arrivals(20 * SECOND, jitter_ms=100)):
        clock.missing(position, FRAMES, arrived_ns, delay_ns)
        captured_ns = clock.captured_ns(position, FRAMES, arrived_ns, delay_ns)
        errors.append(abs(captured_ns - 10**12 - number * BLOCK_NS))
        position += FRAMES
    assert max(errors) < 1_000_000


@pytest.mark.parametrize("delay_ns", [0, -5, 10**12])
def test_an_absurd_word_is_not_believed(delay_ns: int) -> None:
    assert SampleClock(RATE).captured_ns(0, FRAMES, 10**12, delay_ns) == 10**12 - BLOCK_NS


def test_no_block_is_younger_than_it_is_long() -> None:
    clock = SampleClock(RATE)
    for number in range(100):
        arrived_ns = 10**12 + number * BLOCK_NS * 9 // 10  # a card far too fast
        captured_ns = clock.captured_ns(number * FRAMES, FRAMES, arrived_ns, BLOCK_NS)
        assert captured_ns <= arrived_ns - BLOCK_NS
