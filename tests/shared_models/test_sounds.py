"""Real networks of sound: what YAMNet hears, and Silero's segments as its publishers compute them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

import edgemm
from benchmarks import shared
from edgemm.results import Segments, Tags
from edgemm.session import NO_CLOCK

package("soundfile")
pytestmark = pytest.mark.shared

SPEECH = "data/librispeech_test_other"
YAMNET, SILERO = "models/speech/yamnet.tflite", "models/silero_vad_16k_op15.onnx"
RATE = 16000


def find(*needed: str) -> Path:
    folder = shared.find(*needed)
    if folder is None:
        pytest.skip("the models are not here: set EDGEMM_SHARED")
    return folder


def clips(count: int) -> list[npt.NDArray[np.float32]]:
    paths = sorted((find(SPEECH) / SPEECH).glob("*/*.flac"))
    return [shared.sound(path)[0] for path in paths[:: len(paths) // count]][:count]


def test_yamnet_hears_speech_first_in_twenty_recordings_of_ten_speakers() -> None:
    with edgemm.load(find(YAMNET) / YAMNET) as model:
        found: list[Any] = [model(samples, sample_rate=RATE) for samples in clips(20)]
    assert [each.label for each in found] == ["Speech"] * 20
    for each, samples in zip(found, clips(20), strict=True):
        (speech, *_) = (tag for tag in each.ended if tag.label == "Speech")
        assert 0 <= speech.begin_s < 1
        assert len(samples) / RATE - 1 < max(tag.end_s for tag in each.ended) <= len(samples) / RATE


@pytest.mark.parametrize(("label", "least"), [("Sine wave", 0.9), ("White noise", 0.5), ("Silence", 0.7)])
def test_yamnet_hears_what_is_made(label: str, least: float) -> None:
    at = np.arange(3 * RATE) / RATE
    made = {
        "Sine wave": 0.5 * np.sin(2 * np.pi * 440 * at),
        "White noise": np.random.default_rng(0).normal(0, 0.03, len(at)),
        "Silence": np.zeros(len(at)),
    }
    with edgemm.load(find(YAMNET) / YAMNET) as model:
        found = model(made[label].astype(np.float32), sample_rate=RATE)
    assert isinstance(found, Tags)
    assert found.label == label
    assert found.score > least
    assert [(each.begin_s, each.end_s) for each in found.ended if each.label == label] == [(0.0, 3.0)]


def test_segments_are_those_of_silero_vad() -> None:
    torch: Any = pytest.importorskip("torch")
    theirs: Any = pytest.importorskip("silero_vad.utils_vad")
    path = find(SILERO) / SILERO
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is for 16 kHz alone
        network, count = theirs.OnnxWrapper(str(path)), 0
    with edgemm.load(path, card="silero-segments") as model:
        session = model.session()
        for samples in clips(5):
            expected = theirs.get_speech_timestamps(torch.tensor(samples), network)
            session.reset()
            told: list[Any] = [
                each.value
                for at, part in shared.blocks(samples, 777)
                for each in session.feed(edgemm.AudioBlock(part, RATE, 0, at), NO_CLOCK)
            ]
            told += [each.value for each in session.finish(NO_CLOCK)]
            streamed = [each for result in told if result.final for each in result.segments]
            whole = model(samples, sample_rate=RATE)
            assert isinstance(whole, Segments)
            for found in (streamed, whole.segments):
                times = [(each.begin_s * RATE, each.end_s * RATE) for each in found]
                assert len(times) == len(expected)
                assert np.ravel(times) == pytest.approx(
                    [each[key] for each in expected for key in ("start", "end")]
                )
            count += len(expected)
    assert count > 5
