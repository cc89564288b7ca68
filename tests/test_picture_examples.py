"""The examples of picture tasks find what is in a film, and write what they show."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from needs import needs

from edgemm import data
from edgemm.cli.demo import scenes, vision
from edgemm.opencv import opencv

needs(opencv)
pytest.importorskip("onnx", reason="the networks are converted first: pip install 'edgemm[all]'")
if find_spec("edgemm.drawing") is None or find_spec("edgemm.tasks.detection") is None:
    pytest.skip("this edgemm has no tasks for pictures yet", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[1]
FRAMES = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The int8 networks, and a film."""
    made = tmp_path_factory.mktemp("scenes")
    for name in vision.NETWORKS:
        vision.convert_network(name, made / f"{name}.int8.tflite", "static", lambda *_: None)
    scenes.write_film(made / "film.avi", scenes.held_out_film(FRAMES))
    return made


def lines(folder: Path, example: str, model: str, *options: str) -> list[str]:
    command = [sys.executable, str(ROOT / "examples" / example), str(folder / model), *options]
    command += ["--source", str(folder / "film.avi"), "--save", str(folder / example)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *found, summary = done.stdout.splitlines()
    assert ast.literal_eval(summary)["delivered"] == FRAMES
    assert len(list((folder / example).glob("*.png"))) == FRAMES
    return found


def test_digits_are_detected_where_they_are(folder: Path) -> None:
    found = lines(folder, "detect_objects.py", "scene_detector.int8.tflite", "--threshold", "0.4")
    right = total = 0
    for line, scene in zip(found, scenes.held_out_film(FRAMES), strict=True):
        boxes = re.findall(r"(\d) \d+% at \[(-?\d+), (-?\d+), (-?\d+), (-?\d+)\]", line)
        for digit, box in zip(scene.class_ids, scene.boxes_xyxy, strict=True):
            near = [
                np.abs(np.array(place, float) - box).max() < 8
                for label, *place in boxes
                if label == str(digit)
            ]
            right, total = right + any(near), total + 1
    assert right >= 0.8 * total


def test_only_the_classes_that_are_asked_for_are_found(folder: Path) -> None:
    found = lines(folder, "detect_objects.py", "scene_detector.int8.tflite", "--classes", "5", "3")
    assert set(re.findall(r"(\d) \d+% at", " ".join(found))) <= {"3", "5"}


def test_most_of_a_scene_is_background(folder: Path) -> None:
    found = lines(folder, "segment_scene.py", "scene_segmenter.int8.tflite")
    shares = [float(re.findall(r"background ([\d.]+)%", line)[0]) / 100 for line in found]
    truth = [float((scene.mask == 0).mean()) for scene in scenes.held_out_film(FRAMES)]
    assert shares == pytest.approx(truth, abs=0.03)


def test_results_that_are_no_landmarks_are_not_printed(folder: Path) -> None:
    example = ROOT / "examples" / "find_landmarks.py"
    command = [sys.executable, str(example), str(folder / "scene_segmenter.int8.tflite")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (summary,) = done.stdout.splitlines()
    assert ast.literal_eval(summary)["delivered"] == len(list(data.path("digits").rglob("*.png")))


def test_a_second_model_looks_closer(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "look_closer.py"), "--save", str(tmp_path / "seen")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *found, times = done.stdout.splitlines()
    assert len(found) == len(list((tmp_path / "seen").glob("*.jpg"))) == 20
    assert sum("['segmentation']" in line for line in found) >= 15
    assert {"detection.infer", "segmentation.infer", "chain"} <= ast.literal_eval(times).keys()
