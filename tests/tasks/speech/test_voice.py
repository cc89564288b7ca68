"""Whether there is voice: by the level in quiet and in noise, and by a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

import edgemm
from edgemm.errors import ArtifactError, CardError
from edgemm.tasks.speech.voice import LevelVoice, NetworkVoice

pytestmark = pytest.mark.device


def noise(seconds: float, db: float, seed: int = 0) -> Any:
    samples = np.random.default_rng(seed).standard_normal(round(seconds * 16000)) * 10 ** (db / 20)
    return samples.astype(np.float32)


def heard(voice: Any, samples: Any) -> Any:
    return np.array(
        [voice(samples[at : at + voice.hop]) for at in range(0, len(samples) - voice.hop + 1, voice.hop)]
    )


@pytest.mark.parametrize("floor_db", [-70, -50, -35])
def test_what_is_louder_than_the_noise_is_voice_from_the_first_second_on(floor_db: int) -> None:
    samples = noise(2, floor_db)
    samples[8000:16000] += noise(0.5, floor_db + 18 if floor_db > -60 else -45, 1)
    found = heard(LevelVoice(), samples)
    assert found[26:49].all()
    assert not found[2:24].any()
    assert not found[52:].any()


def test_nothing_stays_behind_after_a_reset() -> None:
    voice = LevelVoice()
    heard(voice, noise(4, -70))
    voice.reset()
    assert not heard(voice, noise(1, -40))[5:].any()


class Scripted:
    """A part that gives what it is told, and notes what it was fed."""

    def __init__(self, answers: list[float], length: int = 12) -> None:
        from edgemm.tensors import TensorSpec

        self.inputs = (TensorSpec("input", (1, length), "float32"),)
        self.outputs = (TensorSpec("output", (1, 1), "float32"),)
        self.answers, self.fed, self.resets = answers, [], 0  # type: ignore[var-annotated]

    def step(self, feeds: Any, signature: str = "") -> Any:
        from edgemm.tasks.outputs import Outputs

        self.fed.append(feeds["input"].copy())
        return Outputs.of(self.outputs, {"output": np.array([[self.answers.pop(0)]], np.float32)})

    def reset(self) -> None:
        self.resets += 1


def network(part: Any, **changes: Any) -> NetworkVoice:
    return NetworkVoice(part, "input", "output", **{"threshold": 0.5, "hop": 8, "window": 12, **changes})


def test_a_network_hears_the_newest_samples_behind_those_before() -> None:
    part = Scripted([0.1] * 3)
    heard(network(part), np.arange(24, dtype=np.float32))
    assert part.fed[2].tolist() == [list(range(12, 24))]
    assert part.fed[0].tolist() == [[0, 0, 0, 0, *range(8)]]


def test_voice_that_was_found_stays_a_little_below_the_threshold() -> None:
    part = Scripted([0.4, 0.5, 0.4, 0.34, 0.4])
    loud = np.repeat(np.array([0, 1, 1, 1, 1], np.float32) / 10, 8)
    assert heard(network(part), loud).tolist() == [False, True, True, False, False]


def test_what_is_as_soft_as_the_noise_is_no_voice_whatever_the_network_still_finds() -> None:
    samples, voice = noise(3, -40), network(Scripted([0.9] * 300, 576), hop=512, window=576)
    samples[16000:32000] += noise(1, -30, 1)
    found = heard(voice, samples)
    assert found[32:62].all()
    assert not found[63:].any()
    assert not found[:31].any()
    voice.reset()
    assert not heard(voice, noise(2, -60))[2:].any()


def test_a_network_that_does_not_fit_or_fails() -> None:
    with pytest.raises(CardError, match=r"an input 'input' \[1, n\] of at least 16 samples"):
        network(Scripted([]), hop=16)
    assert network(Scripted([], -1)).hop == 8
    with pytest.raises(ArtifactError, match="found NaN"):
        network(Scripted([float("nan")]))(np.zeros(8, np.float32))


@pytest.mark.shared
def test_silero_hears_speech_in_noise_and_none_in_noise_alone() -> None:
    package("onnxruntime")
    from edgemm.card.presets import preset
    from tests.by_hand.shared_files import shared

    soundfile = package("soundfile")
    name = "data/read_speech/librivox/sense_and_sensibility_01_austen_64kb-0880.wav"
    speech, _ = soundfile.read(shared(name), dtype="float32")
    path: Path = shared("models/silero_vad_16k_op15.onnx")
    with edgemm.load(path, card=preset("silero-vad")) as model:
        part = model.part()
        voice = NetworkVoice(part, "input", "output", threshold=0.5, hop=512, window=576)
        db = 10 * np.log10(np.mean(speech**2)) - 10
        samples = np.concatenate(
            [noise(1, db), speech + noise(len(speech) / 16000, db)[: len(speech)], noise(2, db)]
        )
        found = heard(voice, samples)
        part.close()
    assert found[:28].mean() < 0.1
    assert found[31 : 31 + len(speech) // 512].mean() > 0.6
    assert found[-50:].mean() < 0.1
