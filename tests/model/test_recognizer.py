"""A model that makes embeddings, in front of those that are enrolled."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from denoising_bundle import write_denoiser

import edgemm
from edgemm.card import ModelCard, OutputCard
from edgemm.cli import main
from edgemm.errors import InputError
from edgemm.media import AudioBlock
from edgemm.results import Embedding, Identity
from edgemm.session import NO_CLOCK, Gap
from edgemm.tasks.embedding import EmbeddingRecipe

pytestmark = pytest.mark.device
Make = Callable[..., edgemm.Model]
RATE = 8000
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def speaker(make: Make, loud_card: ModelCard) -> edgemm.Model:
    """[1, 0] of loud sound, [-1, 0] of quiet sound."""
    card = replace(
        loud_card,
        task="embedding",
        outputs=(OutputCard("logits", (1, 2)),),
        labels=(),
        recipe=EmbeddingRecipe(),
    )
    return make("loud.tflite", card)


@pytest.fixture
def voices(speaker: edgemm.Model) -> edgemm.Enrolled:
    made = edgemm.Enrolled(0.5, speaker.artifact.sha256())
    for name, level in (("loud lena", 1.0), ("quiet quinn", 0.0)):
        found = speaker(np.full(200, level, np.float32), sample_rate=RATE)
        assert isinstance(found, Embedding)
        made.enrol(name, [found])
    return made


def sound(*levels: float) -> npt.NDArray[np.float32]:
    return np.repeat(np.array(levels, np.float32), 200)


def test_each_window_of_a_stream_has_a_name(speaker: edgemm.Model, voices: edgemm.Enrolled) -> None:
    session = speaker.then(voices).session()
    block = AudioBlock(sound(0.9, 0.0), RATE, 0, 0)
    found = list(session.feed(block, NO_CLOCK))
    assert [each.value.label for each in found] == ["loud lena"] * 4 + ["quiet quinn"] * 5  # type: ignore[attr-defined]
    assert found[0].newest_ns == 80 * 125_000
    assert list(session.gap(Gap(3), NO_CLOCK)) == list(session.finish(NO_CLOCK)) == []


def test_a_recording_has_a_name(speaker: edgemm.Model, voices: edgemm.Enrolled) -> None:
    with speaker.then(voices) as recognizer:
        found = recognizer(sound(1.0), sample_rate=RATE)
        assert (found.label, found.detected) == ("loud lena", True)
        assert recognizer.modality == "audio"
        voices.threshold = 1.0
        voices.enrol("loud lena", [Embedding(np.array([1, 1], np.float32))])
        found = recognizer(sound(1.0), sample_rate=RATE)
        assert isinstance(found, Identity)
        assert not found.detected
    with pytest.raises(InputError, match="closed"):
        speaker(sound(1.0), sample_rate=RATE)


def test_others_than_that_are_refused(
    speaker: edgemm.Model, voices: edgemm.Enrolled, loud: edgemm.Model
) -> None:
    with pytest.raises(InputError, match=r"makes embeddings in front.*found 'keyword'"):
        loud.then(edgemm.Enrolled(0.5))
    with pytest.raises(InputError, match="found nobody"):
        speaker.then(edgemm.Enrolled(0.5))
    voices.model = "0" * 64
    with pytest.raises(InputError, match="Enrol again with this one"):
        speaker.then(voices)


def write_wav(path: Path, samples: npt.NDArray[np.float32]) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def test_on_the_command_line_behind_a_stage(
    tmp_path: Path, speaker: edgemm.Model, voices: edgemm.Enrolled, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "said.wav", sound(0.9))
    voices.save(tmp_path / "voices.json")
    stage = write_denoiser(tmp_path / "slow", rate=RATE)
    command = ["run", str(speaker.artifact.path), "--source", str(tmp_path / "said.wav")]
    enrolled = ["--enrolled", str(tmp_path / "voices.json")]
    for more in ([], ["--before", str(stage)]):
        assert main([*command, *enrolled, *more, "--json"]) == 0
        *lines, _ = (json.loads(line) for line in capsys.readouterr().out.splitlines())
        assert [each["result"]["label"] for each in lines] == ["loud lena"] * 4
    assert main([*command, *enrolled]) == 0
    assert "loud lena 1.00" in capsys.readouterr().out


def test_the_example_enrols_and_names(tmp_path: Path, speaker: edgemm.Model) -> None:
    write_wav(tmp_path / "lena" / "1.wav", sound(0.9))
    write_wav(tmp_path / "quinn" / "1.wav", sound(0.1))
    write_wav(tmp_path / "quinn" / "2.wav", sound(0.0, 0.2))
    write_wav(tmp_path / "said.wav", sound(0.9))
    names = [f"{name}={tmp_path / name}" for name in ("lena", "quinn")]
    command = [
        sys.executable, str(ROOT / "examples" / "know_voices.py"), str(speaker.artifact.path), "--enrol", *names,
        "--voices", str(tmp_path / "voices.json"), "--source", str(tmp_path / "said.wav"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["lena: 1 recordings", "quinn: 2 recordings"]
    assert lines[2:] == ["lena (1.00)"] * 4
