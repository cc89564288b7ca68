"""`edgemm run --save --show`, and `save` in an app file, on the bundled digits."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs

from edgemm import data
from edgemm.cli import main
from edgemm.onnx_runtime import onnx_runtime
from edgemm.opencv import opencv

pytestmark = pytest.mark.device
cv2 = needs(opencv)
needs(onnx_runtime)

DIGITS = str(data.path("models/digits.onnx"))
FRAMES = 12


@pytest.fixture
def walk(tmp_path: Path) -> str:
    """A film of 12 pictures, 25 a second."""
    path = str(tmp_path / "walk.avi")
    writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240))
    if not writer.isOpened():
        pytest.skip("OpenCV here writes no motion JPEG")
    for number in range(FRAMES):
        writer.write(np.full((240, 320, 3), 20 * number, np.uint8))
    writer.release()
    return path


def count(path: Path) -> int:
    reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    number = 0
    while reader.grab():
        number += 1
    reader.release()
    return number


def last_line(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out.splitlines()[-1])["summary"]


def test_a_film_and_a_folder_have_every_picture_of_a_file(
    tmp_path: Path, walk: str, capsys: pytest.CaptureFixture[str]
) -> None:
    film, folder = tmp_path / "out.mp4", tmp_path / "pictures"
    options = ["--save", str(film), "--save", str(folder), "--json"]
    assert main(["run", DIGITS, "--source", walk, *options]) == 0
    sinks = last_line(capsys)["sinks"]
    assert count(film) == FRAMES == sinks[str(film)]["frames"]
    assert (sinks[str(film)]["fps"], sinks[str(film)]["refused"]) == (25, {})
    assert len(os.listdir(folder)) == FRAMES == sinks[str(folder)]["written"]
    assert sinks[str(film)]["bytes"] == film.stat().st_size


def test_results_are_drawn_in(tmp_path: Path, walk: str) -> None:
    folder = tmp_path / "pictures"
    assert main(["run", DIGITS, "--source", walk, "--save", str(folder)]) == 0
    first = cv2.imread(str(folder / "edgemm-000000.jpg"))
    assert first[:20].max() > 100  # a label on its bar, on a black picture
    assert first[200:].max() < 20


def test_what_was_saved_is_told_in_words(
    tmp_path: Path, walk: str, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "out.mp4"
    assert main(["run", DIGITS, "--source", walk, "--save", str(film), "--limit", "5"]) == 0
    assert capsys.readouterr().out.rstrip().endswith(f"; {film} (mp4v): 5 frames at 25/s")


def test_without_saving_the_summary_is_as_it_was(walk: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", DIGITS, "--source", walk, "--json"]) == 0
    assert "sinks" not in last_line(capsys)


@pytest.mark.parametrize(
    ("save", "said"), [("out.mov", "For a film say .mp4"), ("there/out.mp4", "Make the folder first")]
)
def test_what_cannot_be_saved_is_told_before_anything_runs(
    walk: str, save: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(walk).parent)
    assert main(["run", DIGITS, "--source", walk, "--save", save]) == 2
    assert said in capsys.readouterr().err


def test_a_film_of_sound_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, seven = str(data.path("models/keywords.onnx")), str(data.path("spoken_digits/seven.wav"))
    assert main(["run", words, "--source", seven, "--save", str(tmp_path / "out.mp4")]) == 2
    assert "found sound" in capsys.readouterr().err


def test_show_without_windows_says_what_to_do(
    walk: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgemm.sinks import display

    monkeypatch.setattr(display, "has_windows", lambda module: False)
    assert main(["run", DIGITS, "--source", walk, "--show"]) == 8
    assert "--save out.mp4" in capsys.readouterr().err


def test_an_error_of_a_sink_is_the_program_s_and_the_summary_is_written_all_the_same(
    tmp_path: Path, walk: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgemm import atomic

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "put_in_place", full)
    assert main(["run", DIGITS, "--source", walk, "--save", str(tmp_path / "out.mp4"), "--json"]) == 2
    told = capsys.readouterr()
    assert "Free some space" in told.err
    assert any("edgemm.summary/1" in line for line in told.out.splitlines())
    assert os.listdir(tmp_path) == ["walk.avi"]


@pytest.mark.parametrize("extra", [["--save", "x.mp4"], ["--overwrite"]])
def test_beside_an_app_file_they_are_refused(
    tmp_path: Path, extra: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path / "app.json"), *extra]) == 2
    assert "an app file" in capsys.readouterr().err


@pytest.mark.parametrize("save", ["out.mp4", ["out.mp4", "pictures"]])
def test_an_app_file_names_where_a_stream_is_saved(
    tmp_path: Path, walk: str, save: object, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app.json"
    stream = {"model": DIGITS, "source": walk, "save": save}
    app.write_text(json.dumps({"schema": "edgemm.app/1", "streams": {"seen": stream}}))
    assert main(["run", str(app), "--json"]) == 0
    sinks = last_line(capsys)["streams"]["seen"]["sinks"]
    assert count(tmp_path / "out.mp4") == FRAMES == sinks[str(tmp_path / "out.mp4")]["frames"]
    if isinstance(save, list):
        assert sorted(os.listdir(tmp_path / "pictures"))[0] == "edgemm-seen-000000.jpg"
        assert len(os.listdir(tmp_path / "pictures")) == FRAMES


@pytest.mark.parametrize(
    ("save", "said"), [(3, "expected a text or a list"), ([], "list of names"), ("", "empty")]
)
def test_a_place_in_an_app_file_is_checked(
    tmp_path: Path, walk: str, save: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app.json"
    stream = {"model": DIGITS, "source": walk, "save": save}
    app.write_text(json.dumps({"schema": "edgemm.app/1", "streams": {"seen": stream}}))
    assert main(["run", str(app)]) == 2
    assert said in capsys.readouterr().err


def test_a_film_is_replaced_where_that_is_asked_for(
    tmp_path: Path, walk: str, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "out.mp4"
    film.write_bytes(b"before")
    words = ["run", DIGITS, "--source", walk, "--save", str(film), "--json"]
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert film.read_bytes() == b"before"
    assert main(["run", DIGITS, "--source", walk, "--overwrite"]) == 2
    assert "expected --save" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert count(film) == FRAMES


@pytest.mark.parametrize(("overwrite", "films"), [(False, ["out-2.mp4", "out.mp4"]), (True, ["out.mp4"])])
def test_an_app_that_is_started_again_numbers_its_films(
    tmp_path: Path, walk: str, overwrite: bool, films: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It must start again after a power cut, whatever is there."""
    stream = {"model": DIGITS, "source": walk, "save": "saved/out.mp4", "overwrite": overwrite}
    (tmp_path / "saved").mkdir()
    (tmp_path / "app.json").write_text(json.dumps({"schema": "edgemm.app/1", "streams": {"seen": stream}}))
    for _ in range(2):
        assert main(["run", str(tmp_path / "app.json"), "--json"]) == 0
    assert sorted(os.listdir(tmp_path / "saved")) == films
