"""Sound that is kept as long as it is needed, its times, and what a resampler holds back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from needs import package

from edgemm.errors import InputError
from edgemm.media import AudioBlock
from edgemm.tasks.speech.heard import Heard

pytestmark = pytest.mark.device

RATE = 1000


def numbered(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float32)


def test_what_was_not_forgotten_is_there_and_memory_does_not_grow() -> None:
    heard, samples = Heard(RATE), numbered(100_000)
    for at in range(0, len(samples), 70):
        heard.push(AudioBlock(samples[at : at + 70], RATE, 0, at))
        end = heard.end
        kept = max(0, end - 1500)
        assert np.array_equal(heard.between(kept, end), samples[kept:end])
        heard.forget(kept)
    assert len(heard._room) <= 4 * 1500


def test_places_have_the_times_of_the_stream_and_of_the_clock() -> None:
    heard = Heard(RATE)
    heard.push(AudioBlock(numbered(500), RATE, 10**9, 3000))
    heard.push(AudioBlock(numbered(500), RATE, 10**9 + 500 * 10**6, 3500))
    assert heard.seconds(250) == 3.25
    assert heard.captured_ns(250) == 10**9 + 250 * 10**6
    assert heard.captured_ns(1000) == heard.captured_ns(5000) == 2 * 10**9


@pytest.mark.parametrize("rate", [500, 4410])
def test_resampled_sound_is_as_long_as_the_sound(rate: int) -> None:
    package("soxr")
    heard = Heard(RATE)
    seconds = np.arange(3 * rate) / rate
    tone = np.sin(2 * np.pi * 20 * seconds).astype(np.float32)
    for at in range(0, len(tone), 97):
        heard.push(AudioBlock(tone[at : at + 97], rate, round(at * 1e9 / rate), at))
    assert heard.end <= 3 * RATE
    heard.finish()
    assert heard.end == 3 * RATE
    expected = np.sin(2 * np.pi * 20 * np.arange(3 * RATE) / RATE)
    assert np.abs(heard.between(0, 3 * RATE) - expected)[100:-100].max() < 0.01
    assert heard.captured_ns(3 * RATE) == pytest.approx(3 * 10**9, abs=2)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros(9, np.int16), r"found int16\[9\]. Convert it: \(samples / 32768\).astype\(numpy.float32\)"),
        (np.zeros(9, np.int32), r"\(samples / 2147483648\).astype"),
        (np.zeros(9), r"found float64\[9\]. Convert it: samples.astype\(numpy.float32\)"),
        (np.zeros((9, 2), np.float32), r"one channel, float32\[n\]; found float32\[9, 2\]. Give one channel"),
        (np.array([0, 0, np.nan, np.inf], np.float32), "2 of 4 are NaN or infinite, the first is sample 2, nan"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_samples_is_told_with_what_to_do(samples: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Heard(RATE).push(AudioBlock(samples, RATE, 0, 0))
