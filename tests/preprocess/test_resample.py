"""Sound at another rate than the card's."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import AudioRecipe, InputCard
from edgemm.errors import MissingDependency
from edgemm.preprocess import AudioWindow, compile_audio
from edgemm.preprocess.resample import Resampler, resample
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

RECIPE = AudioRecipe(feature="waveform", samples=1600, stride=160)


def window() -> AudioWindow:
    return compile_audio(InputCard(layout="NT", audio=RECIPE), TensorSpec("input", (1, 1600), "float32"))


def sine(rate: int, seconds: float, hertz: float = 440.0) -> npt.NDArray[np.float32]:
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_a_sine_is_the_same_sine_at_the_other_rate(rate: int) -> None:
    pytest.importorskip("soxr")
    heard = resample(sine(rate, 0.5), rate, 16000)
    assert len(heard) == 8000
    np.testing.assert_allclose(heard[1000:-1000], sine(16000, 0.5)[1000:-1000], atol=1e-4)  # soxr HQ: 20 bit


@pytest.mark.parametrize("block", [100, 1234])
def test_a_stream_gives_the_samples_of_the_whole(block: int) -> None:
    pytest.importorskip("soxr")
    samples, stream = sine(44100, 1.0), Resampler(44100, 16000)
    heard = np.concatenate([stream.push(samples[at : at + block]) for at in range(0, len(samples), block)])
    assert len(heard) > 15000  # of 16000: what the filter holds back comes with later blocks
    # Chunked FFTs inside soxr may round differently from one pass over the whole.
    np.testing.assert_allclose(heard, resample(samples, 44100, 16000)[: len(heard)], atol=1e-6)


def test_ends_of_windows_count_the_cards_samples() -> None:
    pytest.importorskip("soxr")
    running, samples = window(), sine(48000, 1.0)
    out = np.empty((1, 1600), np.float32)
    whole = resample(samples, 48000, 16000)
    ends = []
    for at in range(0, len(samples), 480):
        for end in running.push(samples[at : at + 480], 48000):
            running.write(out)
            ends.append(end)
            np.testing.assert_allclose(out[0], whole[end - 1600 : end], atol=1e-6)  # as above
    assert ends == list(range(1600, ends[-1] + 1, 160))
    assert ends[-1] > 15000


def test_a_clip_is_resampled_whole() -> None:
    pytest.importorskip("soxr")
    (tensor,) = window().clip(sine(8000, 0.1), 8000)
    assert np.array_equal(tensor[0], resample(sine(8000, 0.1), 8000, 16000))


def test_after_a_reset_the_rate_may_be_another() -> None:
    pytest.importorskip("soxr")
    running = window()
    list(running.push(sine(48000, 0.1), 48000))
    running.reset()
    assert list(running.push(sine(16000, 0.1), 16000)) == [1600]


def test_equal_rates_need_no_soxr_and_others_tell_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    running = window()
    assert list(running.push(sine(16000, 0.1), 16000)) == [1600]
    running.reset()
    with pytest.raises(MissingDependency, match=r'soxr.*pip install "edgemm\[audio\]"'):
        running.push(sine(8000, 0.1), 8000)
