"""What `edgemm run` writes: results with their scores for people, lines with a schema for programs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm import data
from edgemm.cli import main
from edgemm.cli.answer import answer
from edgemm.cli.run_lines import Lines
from edgemm.results import (
    Classification,
    Detections,
    Embedding,
    Keyword,
    Landmarks,
    Result,
    Scene,
    Segment,
    Segmentation,
    Segments,
    Tag,
    Tags,
    Tensors,
    Thing,
    Transcript,
)
from edgemm.stream.item import Item

pytestmark = pytest.mark.device

DIGITS = data.path("models/digits.onnx")
PICTURES = data.path("digits/3")
BOXES = np.zeros((4, 4), np.float32)


def word(label: str, score: float, detected: bool = True) -> Keyword:
    return Keyword(label, score, 0.0, 1.0, detected)


def f32(values: list[float]) -> npt.NDArray[np.float32]:
    return np.array(values, np.float32)


def i64(values: list[int]) -> npt.NDArray[np.int64]:
    return np.array(values, np.int64)


TRACKED = Thing(
    BOXES[:, :2], BOXES[0], 0.95, "hand", 1, {"hand": Landmarks(BOXES[:, :2], f32([0.9] * 4), 0.987)}
)
RESULTS: list[tuple[Result, str]] = [
    (Classification(("3", "8"), f32([0.914, 0.05]), i64([3, 8])), "3 0.91"),
    (word("seven", 0.876), "seven 0.88"),
    (word("seven", 0.31, False), "not detected (seven 0.31)"),
    (Detections(BOXES[:2], f32([0.9, 0.714]), i64([1, 2]), ("cat", "dog")), "2 found: cat 0.90, dog 0.71"),
    (Detections(BOXES[:1], f32([0.5]), i64([7])), "1 found: class 7 0.50"),
    (Detections(BOXES, f32([0.9] * 4), i64([1] * 4), ("a",) * 4), "4 found: a 0.90, a 0.90, a 0.90, ..."),
    (Detections(BOXES[:0], f32([]), i64([])), "nothing found"),
    (Landmarks(BOXES[:, :2], f32([0.9] * 4), 0.987), "4 points 0.99"),
    (Landmarks(BOXES[:0, :2], f32([]), 0.2), "nothing found"),
    (Scene((TRACKED, TRACKED), detected=False), "2 tracked: hand 0.95 (4 points 0.99), hand 0.95 (4 points 0.99)"),
    (Scene((Thing(BOXES[:, :2], BOXES[0], 0.5),)), "1 found: 0.50"),
    (Scene(()), "nothing found"),
    (Transcript("hello"), "hello"),
    (Transcript("one two", final=False), "one two ..."),
    (Transcript(""), "no words"),
    (Tags(("bark", "rain"), f32([0.8, 0.31]), 0.0, 1.0), "(bark 0.80, rain 0.31)"),
    (Tags((), f32([])), "nothing heard"),
    (Tags(("bark",), f32([0.8]), begun=(Tag("bark", 1.2, 2.0, 0.8),)), "bark begins at 1.20 s"),
    (Tags((), f32([]), ended=(Tag("bark", 1.2, 2.0, 0.8),)), "bark 0.80 from 1.20 to 2.00 s"),
    (Segments((Segment(0.45, 2.1, 0.9),)), "speech 0.45 to 2.10 s"),
    (Segments((Segment(0.45, 2.1, 0.9),), final=False), "speech from 0.45 s ..."),
    (Segments(()), "no speech"),
    (Tensors({"logits": np.zeros((1, 10), np.float32)}), "logits float32[1, 10]"),
    (Embedding(np.zeros(8, np.float32)), "vector float32[8]"),
    (Segmentation(np.zeros((4, 5), np.uint8)), "classes uint8[4, 5]"),
    (Classification(("\x1b[2J",), f32([1.0]), i64([0])), r"\x1b[2J 1.00"),
]  # fmt: skip


@pytest.mark.parametrize(("result", "text"), RESULTS)
def test_a_result_in_words(result: Result, text: str) -> None:
    assert answer(result) == text


def item(result: Result, sequence: int = 0) -> Any:
    return Item(result, SimpleNamespace(origin="a.wav"), sequence, 0, 1.0, False, {})  # type: ignore[arg-type]


def test_people_see_words_alone(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(as_json=False)
    for number, detected in enumerate([False, False, False, True, True, False, False]):
        lines.result(item(word("yes", 0.5, detected), number))
    numbers = [int(line.split()[0]) for line in capsys.readouterr().out.splitlines()]
    assert numbers == [3, 4]


def test_programs_get_every_result(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(as_json=True)
    for _ in range(3):
        lines.result(item(word("yes", 0.5, False)))
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_score_stands_on_the_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from edgemm.card.presets import preset

    (tmp_path / "card.json").write_text(preset("mnist").to_json(), encoding="utf-8")
    words = [
        "run",
        str(DIGITS),
        "--source",
        str(PICTURES),
        "--limit",
        "2",
        "--card",
        str(tmp_path / "card.json"),
    ]
    assert main(words) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [float(line.split()[4]) for line in lines] == pytest.approx([1.0, 1.0], abs=0.05)
    assert last.startswith("summary: 2 captured, 2 delivered, 0 dropped; age ")
    assert "{" not in last


def test_every_line_has_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(DIGITS), "--source", str(PICTURES), "--limit", "3", "--json"]) == 0
    *lines, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["schema"] for line in lines] == ["edgemm.run/1"] * 3
    assert (last["schema"], last["summary"]["delivered"]) == ("edgemm.summary/1", 3)


def test_lines_of_an_app_have_schema_and_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = {"schema": "edgemm.app/1", "streams": {"one": {"model": str(DIGITS), "source": str(PICTURES)}}}
    (tmp_path / "app.json").write_text(json.dumps(app))
    assert main(["run", str(tmp_path / "app.json"), "--json"]) == 0
    *lines, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(line["schema"], line["stream"]) for line in lines} == {("edgemm.run/1", "one")}
    assert (last["schema"], list(last["summary"]["streams"])) == ("edgemm.summary/1", ["one"])
    assert main(["run", str(tmp_path / "app.json"), "--limit", "2"]) == 0
    assert "summary of one: 2 captured, 2 delivered" in capsys.readouterr().out
