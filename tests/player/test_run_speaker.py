"""`edgemm run --save` of results that are sound: a microphone that is answered, and a WAV file. The bundled recogniser
of digits answers each with its recording."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ear import Ear
from needs import needs
from pulse import RATE, VirtualMicrophone, wait_until

from edgemm.cli import main
from edgemm.data import path, spoken_digits
from edgemm.onnx_runtime import onnx_runtime

pytestmark = pytest.mark.device
needs(onnx_runtime)

MODEL = str(path("models/keywords.onnx"))
_PROGRAM = """
import sys
sys.path[:] = {path!r}
from edgemm.cli import main, run_model
from edgemm.data import WORDS, spoken_digits
from edgemm.results import Audio
from edgemm.tasks.keyword.task import KeywordDecoder
decode = KeywordDecoder.decode
def answered(self, outputs, context, state):
    (heard,) = decode(self, outputs, context, state)
    if heard.detected:
        _, samples, rate = spoken_digits()[(WORDS.index(heard.label) + 1) % 10]
        return (Audio(samples, rate),)
    return ()
KeywordDecoder.decode = answered
run_model._require_sound = lambda *_: None  # its results are sound now, whatever its card says
sys.exit(main(sys.argv[1:]))
"""


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """`edgemm run` with a recogniser that answers; its lines, which hold the samples, go into a file."""
    command = [sys.executable, "-c", _PROGRAM.format(path=sys.path), "run", MODEL, *arguments]
    with (folder / "lines").open("w") as lines:
        return subprocess.Popen(command, cwd=folder, stdout=lines, stderr=subprocess.PIPE, text=True)


def summary(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "lines").read_text().splitlines()[-1])["summary"])


def test_a_request_into_the_microphone_is_answered_and_the_answer_saved(
    virtual: VirtualMicrophone, tmp_path: Path
) -> None:
    options = ["--save", "speaker:", "--save", "said.wav", "--save", "each", "--json"]
    with Ear(virtual) as ear:
        child = start("--source", f"microphone:?rate={RATE}", *options, folder=tmp_path)
        try:
            wait_until(lambda: (tmp_path / "each").exists(), "it listens", 30)
            word = np.repeat(spoken_digits()[3][1], RATE // 8000)
            until = time.monotonic() + 1.5
            wait_until(lambda: time.monotonic() > until, "the model has heard silence")
            virtual.play((word * 32767).astype(np.int16))
            wait_until(lambda: bool(os.listdir(tmp_path / "each")), "it answers", 20)
            before = len(ear.loud_times())
            ear.wait_for(lambda times: len(times) > before, "the answer is heard")
            until = time.monotonic() + 2
            wait_until(lambda: time.monotonic() > until, "it hears nothing more")
        finally:
            child.send_signal(signal.SIGTERM)
            _, errors = child.communicate(timeout=30)
    assert child.returncode == 0, errors
    found = summary(tmp_path)
    spoken = spoken_digits()[4][1]
    speaker = found["sinks"]["speaker:"]
    assert speaker["samples"] == {"accepted": len(spoken), "played": len(spoken), "dropped": {}, "queued": 0}
    assert 0 < speaker["first_sound_ms"] < 2000
    assert found["samples"]["dropped"]["speaking"] > len(spoken) * RATE // 8000
    assert os.listdir(tmp_path / "each") == ["edgemm-000000.wav"]
    for name in ("said.wav", "each/edgemm-000000.wav"):
        with wave.open(str(tmp_path / name), "rb") as file:
            stored = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            assert file.getframerate() == 8000
        assert np.array_equal(stored, np.rint(spoken * 32768))


@pytest.mark.parametrize("place", ["a.wav", "folder"])
def test_a_model_that_makes_no_sound_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    source = str(path("spoken_digits/three.wav"))
    assert main(["run", MODEL, "--source", f"{source}?pause_ms=1000", "--save", str(tmp_path / place)]) == 2
    said = capsys.readouterr().err
    at_once, at_the_end = (
        "a model whose results are sound, found",
        "results that are sound (Audio), found none among",
    )
    assert f"expected {at_once if place.endswith('.wav') else at_the_end}" in said


def test_a_speaker_that_is_not_there_is_an_error_of_the_device(
    virtual: VirtualMicrophone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "edgemm.cli.run_model._require_sound", lambda *_: None
    )  # as if the model's results were sound
    source = str(path("spoken_digits/three.wav"))
    assert main(["run", MODEL, "--source", source, "--save", "speaker:bluetooth"]) == 7
    assert "no speaker is named 'bluetooth'; there is" in capsys.readouterr().err


def test_doctor_lists_speakers(virtual: VirtualMicrophone, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert any("usb_headset (ALSA" in each for each in found["speakers"])
    assert main(["doctor"]) == 0
    assert "speakers: 0 " in capsys.readouterr().out
