"""Folders of other tools, and other drivers than texts for texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from denoising_bundle import write_denoiser
from level_bundle import write_wav
from needs import package

import edgemm
from edgemm.card.drivers import find_driver
from edgemm.converters import convert_bundle
from edgemm.converters.bundles.measured import measured
from edgemm.media import AudioBlock
from edgemm.tasks.ctc.recipe import CtcRecipe
from edgemm.tasks.driver import TellsItsScores


def tone() -> npt.NDArray[np.float32]:
    return np.asarray(np.sin(np.arange(512) / 9) / 2, np.float32)


@pytest.mark.slow
def test_a_folder_of_sherpa_onnx(tmp_path: Path) -> None:
    """Batches are open there, of caches in their second dimension; cards with the states stand in no file."""
    package("torch")
    from kaldi_features import RATE, fbank
    from sherpa_folders import streaming_transducer
    from transducer_networks import lstm, melody

    folder = tmp_path / "folder"
    streaming_transducer(folder, lstm(fbank(np.repeat(melody(2.0, 99), 2))), "lstm")
    heard = [AudioBlock(np.repeat(melody(1.5, seed), 2).astype(np.float32), RATE, 0, 0) for seed in range(3)]
    done = convert_bundle(
        folder, output=tmp_path / "x.zip", calibrate=heard, scheme="float", parts={"decoder": "dynamic"}
    )
    assert {role: each.file for role, each in done.parts.items()} == {
        role: f"{role}.tflite" for role in ("encoder", "decoder", "joiner")
    }
    assert done.together is not None
    assert done.together.forced is not None
    assert (done.together.forced.role, done.together.forced.output) == ("joiner", "logit")
    assert done.together.forced.steps > 30
    assert done.together.forced.top1_agreement > 0.98
    with edgemm.load_bundle(folder) as source, edgemm.load_bundle(tmp_path / "x.zip") as made:
        states = [pair.input for pair in source.models["encoder"].card.states]
        assert [pair.input for pair in made.models["encoder"].card.states] == states
        assert made.card.recipe == source.card.recipe


@pytest.mark.slow
def test_an_encoder_and_a_decoder_that_hear(tmp_path: Path) -> None:
    package("torch")
    from listening import RATE, bundle, files, sound

    source = bundle(files(tmp_path), tmp_path / "source.zip")
    heard = [AudioBlock(sound(2.0, (0.5, 1.2), seed=seed), RATE, 0, 0) for seed in range(3)]
    done = convert_bundle(
        source, output=tmp_path / "x.zip", evaluate=heard, scheme="float", parts={"encoder": "keep"}
    )
    assert done.together is not None
    assert done.together.forced is not None
    assert (done.together.forced.role, done.together.forced.output) == ("decoder", "logits")
    assert done.together.forced.steps > 20
    assert done.together.forced.top1_agreement == 1.0
    assert done.together.forced.snr_db > 80
    assert done.together.same == 1.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("attention", ("decoder", "logits")),
        ("ctc", ("model", CtcRecipe().output)),
        ("sequence", ("decoder", "logits")),
        ("transducer", ("joiner", "logit")),
    ],
)
def test_drivers_that_decide_by_scores(name: str, expected: tuple[str, str]) -> None:
    driver = find_driver(name)
    assert isinstance(driver, TellsItsScores)
    assert driver.scores(driver.Recipe()) == expected  # type: ignore[attr-defined]


def test_noise_taken_out_is_judged_against_the_clean_sound(tmp_path: Path) -> None:
    source = write_denoiser(tmp_path / "denoiser")
    for kind in ("noisy", "clean"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    draw = np.random.default_rng(0)
    for name in ("a", "b", "c", "d"):
        clean = tone()
        noisy = np.asarray(clean + draw.normal(0, 0.05, 512), np.float32)
        write_wav(tmp_path / "data" / "clean" / f"{name}.wav", clean)
        write_wav(tmp_path / "data" / "noisy" / f"{name}.wav", noisy)
    _as_16_khz(tmp_path / "data")
    done = convert_bundle(source, output=tmp_path / "x.zip", evaluate=tmp_path / "data", scheme="float")
    assert done.together is not None
    assert (done.together.items, done.together.forced, done.together.same) == (4, None, None)
    assert done.together.snr_db is not None
    assert done.together.snr_db > 80
    (task,) = done.together.task
    assert (task.measure, task.holds) == ("SI-SDR", True)
    noise_db = 10 * np.log10(
        0.125 / 0.05**2
    )  # the sine of amplitude 0.5 over the noise: the networks change nothing
    assert task.in_float == pytest.approx(noise_db, abs=0.5)
    assert any(note.startswith("SI-SDR against the truth: 1") for note in done.notes)
    with edgemm.load_bundle(source) as model:
        judge = measured(model, tmp_path / "data", lambda done, total: None)
    assert judge.value() == pytest.approx(task.in_float)


def _as_16_khz(folder: Path) -> None:
    """The rate in the header of WAV files, whose samples stay."""
    for file in folder.rglob("*.wav"):
        content = bytearray(file.read_bytes())
        content[24:32] = (16000).to_bytes(4, "little") + (32000).to_bytes(4, "little")
        file.write_bytes(content)


def test_a_wrong_rate_of_the_truth_is_told(tmp_path: Path) -> None:
    source = write_denoiser(tmp_path / "denoiser")
    data: Any = [(AudioBlock(tone(), 16000, 0, 0), edgemm.Audio(tone(), 8000))]
    with pytest.raises(edgemm.InputError, match="expected 8000 Hz as the truth, found 16000"):
        convert_bundle(source, output=tmp_path / "x.zip", evaluate=data, scheme="float")
