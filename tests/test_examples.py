"""The examples run as they are, from a file when there is no camera or microphone."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgemm import data
from edgemm.app.recipe import read_app
from edgemm.cli import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("artifacts")
    made = folder / "digits.tflite", folder / "keywords.onnx"
    calibration = {"digits": "digits", "keywords": "calibration_words"}
    for path in made:
        source, known = data.path(f"models/{path.stem}.onnx"), data.path(calibration[path.stem])
        assert main(["convert", str(source), "-o", str(path), "--calibrate", str(known)]) == 0
    return made


def test_two_models_through_one_runner(artifacts: tuple[Path, Path]) -> None:
    command = [sys.executable, str(ROOT / "examples" / "two_models.py"), *map(str, artifacts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *results, last = [json.loads(line) for line in done.stdout.splitlines()]
    seen = [line for line in results if line["stream"] == "seen"]
    assert len(seen) == len(list(data.path("digits").glob("*/*.png")))
    right = [line["result"]["labels"][0] == Path(line["origin"]).parent.name for line in seen]
    assert sum(right) >= 0.9 * len(right)
    summary = last["summary"]
    assert summary["seen"]["delivered"] == len(seen)
    assert summary["heard"]["results"] > 100


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_explains_itself(path: Path) -> None:
    done = subprocess.run([sys.executable, str(path), "--help"], capture_output=True, text=True, check=True)
    assert "usage" in done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def test_pictures_are_watched(artifacts: tuple[Path, Path]) -> None:
    command = [sys.executable, str(ROOT / "examples" / "watch_pictures.py"), str(artifacts[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == len(list(data.path("digits").glob("*/*.png"))) + 1


def test_words_are_heard(artifacts: tuple[Path, Path]) -> None:
    command = [sys.executable, str(ROOT / "examples" / "hear_words.py"), str(artifacts[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *words, _ = done.stdout.splitlines()
    assert words
    assert {line.split()[2] for line in words} <= set(data.WORDS)


def test_digits_are_written_down() -> None:
    command = [sys.executable, str(ROOT / "examples" / "write_down.py"), "--hot-words", "seven,two"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *lines, _ = done.stdout.splitlines()
    assert any(line.endswith(" ...") for line in lines)
    words = [line.split()[4] for line in lines if not line.endswith("...")]
    assert len(words) >= 7
    assert set(words) <= set(data.WORDS)


def test_numbers_are_written_as_words() -> None:
    command = [sys.executable, str(ROOT / "examples" / "write_numbers.py"), "12/03/2024 7:30", "21st"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    date, place = done.stdout.splitlines()
    assert date.startswith("12/03/2024 7:30 = twelfth of march twenty twenty four seven thirty (")
    assert place.startswith("21st = twenty first (")


def test_a_module_is_converted(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    output = tmp_path / "small.tflite"
    command = [sys.executable, str(ROOT / "examples" / "convert_module.py"), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert output.is_file()
    assert "same class 100.0%" in done.stdout


def test_a_picture_and_a_word_open_the_door(artifacts: tuple[Path, Path]) -> None:
    command = [sys.executable, str(ROOT / "examples" / "first_project.py"), *map(str, artifacts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = [line.split()[:2] for line in done.stdout.splitlines()]
    assert ["seen", "7"] in said
    assert said.index(["heard", "seven"]) + 1 == said.index(["open"])


def test_the_kiosk_is_an_app_that_is_understood() -> None:
    app = read_app(ROOT / "examples" / "kiosk" / "app.json")
    assert {name: stream.source.partition(":")[0] for name, stream in app.streams.items()} == {
        "seen": "camera",
        "heard": "microphone",
    }


def test_the_unit_of_the_kiosk_runs_the_command_that_there_is() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(ROOT / "examples" / "kiosk" / "edgemm-kiosk.service")
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["ExecStart"].split()[1:] == ["run", "/opt/kiosk/app.json", "--json"]


@pytest.mark.parametrize(("kind", "file"), [(0, "digits/3/003.png"), (1, "spoken_digits/seven.wav")])
def test_an_answer_is_explained(artifacts: tuple[Path, Path], tmp_path: Path, kind: int, file: str) -> None:
    output = tmp_path / "why.svg"
    called = [
        str(ROOT / "examples" / "explain.py"),
        str(artifacts[kind]),
        str(data.path(file)),
        "-o",
        str(output),
    ]
    done = subprocess.run([sys.executable, *called], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("'3' with" if kind == 0 else "'seven' with")
    assert "<svg" in output.read_text(encoding="utf-8")
    own, random = (float(each.split()[0]) for each in done.stdout.splitlines()[1].split(": ")[1].split(", "))
    assert own < random


def test_models_are_judged_and_the_best_one_is_named(artifacts: tuple[Path, Path]) -> None:
    files = [str(data.path("models/digits.onnx")), str(artifacts[0])]
    command = [
        sys.executable,
        str(ROOT / "examples" / "judge_models.py"),
        *files,
        "--data",
        str(data.path("digits")),
    ]
    command += ["--spoilt", "4", "--choose", "accuracy>=0.9, size_kb<=500"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *told, best = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in told] == files
    assert all("top-1 0.975 (0.871 to 0.996)" in line for line in told)
    assert best == f"best: {artifacts[0]}"
