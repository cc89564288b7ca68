"""`edgemm convert --outputs --inputs`."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from edgemm import data
from edgemm.cli import main

SOURCE = data.path("models/digits.onnx")


def test_a_part_of_a_model_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own card names the input and the classes: the input is still there, the classes are not."""
    nodes = onnx.load(SOURCE).graph.node
    inside = next(node.output[0] for node in nodes if node.op_type in ("Relu", "Conv"))
    out = tmp_path / "features.tflite"
    command = ["convert", str(SOURCE), "-o", str(out), "--scheme", "float", "--json"]
    assert main([*command, "--outputs", inside]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["outputs"]] == [inside]
    assert main(["inspect", str(out), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)["card"]
    assert card["history"][-1]["step"] == "cut"
    assert card["history"][-1]["details"] == {"outputs": [inside]}
    last = tmp_path / "rest.tflite"
    assert main([*command[:3], str(last), *command[4:], "--inputs", inside]) == 0


def test_a_name_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "o.onnx"
    assert main(["convert", str(SOURCE), "-o", str(out), "--scheme", "float", "--outputs", "nowhere"]) != 0
    assert "--outputs nowhere: the model has no tensor and no node of that name" in capsys.readouterr().err
    assert not out.exists()


def test_a_tflite_source_is_not_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "o.tflite"
    assert main(["convert", str(SOURCE), "-o", str(made), "--scheme", "float"]) == 0
    assert main(["convert", str(made), "-o", str(tmp_path / "p.tflite"), "--outputs", "x"]) != 0
    assert "--outputs: cannot be used with a .tflite source" in capsys.readouterr().err
