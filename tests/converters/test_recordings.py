"""`--evaluate` on recordings with their texts: the word error of the source and of the file, as a device hears them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import edgemm
from edgemm import data
from edgemm.capture import open_source
from edgemm.cli import main
from edgemm.converters import convert
from edgemm.errors import FidelityMissed, InputError
from edgemm.judge import metric
from edgemm.media import AudioBlock

SOURCE = data.path("models/digits_ctc.onnx")
SHAPES = {"sound": (1, 4, 24)}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten recordings, each with its text; one text is wrong."""
    folder: Path = tmp_path_factory.mktemp("spoken")
    for file in data.path("spoken_digits").glob("*.wav"):
        shutil.copy(file, folder / file.name)
        (folder / f"{file.stem}.txt").write_text(
            "ten" if file.stem == "zero" else file.stem, encoding="utf-8"
        )
    return folder


def heard(model: edgemm.Model, folder: Path) -> float:
    """Word error of the artifact as a device runs it."""
    judge = metric("transcription")
    for file in folder.glob("*.wav"):
        with open_source(str(file)) as source:
            found = []
            while isinstance(block := source.read(), AudioBlock):
                found.append(block)
        samples = np.concatenate([each.samples for each in found])
        judge.add(
            model(samples, sample_rate=found[0].sample_rate),
            file.with_suffix(".txt").read_text(encoding="utf-8"),
        )
    return judge.value()


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_word_error_is_that_of_the_file_on_a_device(spoken: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"step.{suffix}"
    words = data.path("calibration_words")
    done = convert(
        SOURCE,
        output=out,
        calibrate=words,
        evaluate=spoken,
        shapes=SHAPES,
        stepwise=1,
        scheme="static",
        gate="warn",
    )
    (kept,) = done.fidelity.task
    assert kept.measure == "word error"
    assert kept.report["words"] == 10
    with edgemm.load(out) as model:
        assert kept.figure == pytest.approx(heard(model, spoken))
        assert model.card.inputs[0].audio is not None
        assert (model.card.inputs[0].audio.frames, model.card.inputs[0].audio.stride) == (4, 640)
    with edgemm.load(SOURCE) as model:
        assert kept.in_float == pytest.approx(heard(model, spoken))
    assert kept.in_float is not None
    assert kept.in_float >= 0.1  # the wrong text


def test_a_file_that_hears_worse_than_its_source_is_refused(spoken: Path, tmp_path: Path) -> None:
    quiet = [np.full((1, 8, 24), -1.5, np.float32) + 1e-3 * step for step in range(80)]
    with pytest.raises(FidelityMissed, match="word error against the truth"):
        convert(
            SOURCE, output=tmp_path / "deaf.tflite", calibrate=quiet, evaluate=spoken, shapes=SHAPES, stepwise=1,
            scheme="static", repair="off",
        )  # fmt: skip
    assert not (tmp_path / "deaf.tflite").exists()


def test_without_steps_the_windows_stand_for_themselves(spoken: Path, tmp_path: Path) -> None:
    out = tmp_path / "whole.onnx"
    shapes = {"sound": (1, 200, 24)}
    done = convert(SOURCE, output=out, evaluate=spoken, shapes=shapes, scheme="float")
    (kept,) = done.fidelity.task
    assert kept.figure == kept.in_float
    with edgemm.load(out) as model:
        assert kept.figure == pytest.approx(heard(model, spoken))


def test_recordings_that_cannot_be_read_are_named(
    spoken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"no sound")
    (folder / "a.txt").write_text("a", encoding="utf-8")
    with pytest.raises(InputError, match=r"--evaluate: .*a\.wav cannot be read"):
        convert(
            SOURCE, output=tmp_path / "x.onnx", evaluate=folder, shapes=SHAPES, stepwise=1, scheme="float"
        )
    command = [
        "convert",
        str(SOURCE),
        "-o",
        str(tmp_path / "x.onnx"),
        "--shape",
        "sound=1,4,24",
        "--stepwise",
        "1",
    ]
    assert main([*command, "--scheme", "float", "--evaluate", str(folder)]) == 2
    assert "cannot be read" in capsys.readouterr().err
