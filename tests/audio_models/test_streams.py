"""Real streaming models on real recordings: what the benchmarks of these names measure must hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from benchmarks import denoise, front_ends, shared, speaker, voice_activity, wake_word

package("soundfile")
pytestmark = pytest.mark.shared


def held(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results, none of which may miss its limit."""
    if not results:
        pytest.skip("the models or recordings are not here: set EDGEMM_SHARED")
    assert [each for each in results if not each["ok"]] == []
    return results


@pytest.mark.slow
def test_a_wake_word_is_found_and_nothing_else() -> None:
    (result,) = held(wake_word.run(wake_word.OTHERS[:3]))
    assert result["details"]["recordings"] == 110


@pytest.mark.slow
def test_voice_activity_on_a_stream_is_that_of_the_whole() -> None:
    held(voice_activity.run())


@pytest.mark.slow
def test_speech_without_its_noise() -> None:
    held(denoise.run())


@pytest.mark.slow
def test_speakers_are_told_apart() -> None:
    package("torch")
    held(speaker.run())


@pytest.mark.slow
def test_the_keyword_network_hears_what_its_publishers_heard() -> None:
    held(front_ends.commands())


def find(*needed: str) -> Path:
    folder = shared.find(*needed)
    if folder is None:
        pytest.skip("the models are not here: set EDGEMM_SHARED")
    return folder


def test_two_streams_of_a_wake_word_do_not_touch() -> None:
    folder = find(wake_word.MODEL, wake_word.WORD)
    said = shared.sound(folder / wake_word.WORD / "0.flac")
    silence = np.zeros_like(said[0]), said[1]
    with edgemm.load(folder / wake_word.MODEL, card="microwakeword") as model:
        one, other = model.session(), model.session()
        alone = wake_word.peak(one, said)
        assert wake_word.peak(other, silence) < 0.1
        assert wake_word.peak(one, said) == alone > 0.9


def test_a_wake_word_through_a_source_and_a_stream(tmp_path: Path) -> None:
    import soundfile

    folder = find(wake_word.MODEL, wake_word.WORD)
    samples, rate = shared.sound(folder / wake_word.WORD / "0.flac")
    soundfile.write(tmp_path / "said.wav", samples, rate, subtype="PCM_16")
    with (
        edgemm.load(folder / wake_word.MODEL, card="microwakeword") as model,
        edgemm.open_source(str(tmp_path / "said.wav")) as source,
        model.stream(source) as stream,
    ):
        heard = [item.value for item in stream if isinstance(item.value, edgemm.Keyword)]
        alone = wake_word.peak(model.session(), (samples, rate))
    assert sum(each.detected for each in heard) == 1
    assert max(each.score for each in heard) == alone


def test_an_lstm_with_its_state_inside_answers_single_calls_alike() -> None:
    folder = find("models/mnist_lstm/trained_lstm.tflite")
    with edgemm.load(folder / "models/mnist_lstm/trained_lstm.tflite") as model:
        assert model.backend.stateful
        (spec,) = model.inputs
        x = {spec.name: np.random.default_rng(0).random(spec.shape, np.float32)}
        first, second = (next(iter(model.run(x).values())) for _ in range(2))
        np.testing.assert_array_equal(first, second)
