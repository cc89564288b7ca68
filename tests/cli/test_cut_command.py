"""`edgemm convert --outputs --inputs`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

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


@pytest.mark.parametrize(
    "name", ["/relu1/Relu_output_0", "/flatten/Flatten_output_0", "/pool2/MaxPool_output_0"]
)
def test_a_tflite_source_is_cut_at_its_own_tensors(tmp_path: Path, name: str) -> None:
    """Both parts answer as LiteRT computes the tensor: in the layout of the file."""
    whole, first, rest = tmp_path / "whole.tflite", tmp_path / "first.onnx", tmp_path / "rest.tflite"
    command = ["convert", str(whole), "--scheme", "float"]
    assert main(["convert", str(SOURCE), "-o", str(whole), "--scheme", "float"]) == 0
    assert main([*command, "-o", str(first), "--outputs", name]) == 0
    assert main([*command, "-o", str(rest), "--inputs", name]) == 0

    with pytest.warns(UserWarning, match="preserve_all_tensors"):
        source = Interpreter(str(whole), experimental_preserve_all_tensors=True)
    source.allocate_tensors()
    picture = np.random.default_rng(0).uniform(0, 1, (1, 28, 28, 1)).astype(np.float32)
    source.set_tensor(source.get_input_details()[0]["index"], picture)
    source.invoke()
    inner = next(each for each in source.get_tensor_details() if each["name"] == name)
    expected = source.get_tensor(inner["index"])
    session = onnxruntime.InferenceSession(str(first))
    found = session.run(None, {session.get_inputs()[0].name: picture})[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)

    second = Interpreter(str(rest))
    second.allocate_tensors()
    second.set_tensor(second.get_input_details()[0]["index"], expected)
    second.invoke()
    answer, truth = (each.get_tensor(each.get_output_details()[0]["index"]) for each in (second, source))
    np.testing.assert_allclose(answer, truth, atol=1e-4)


def test_names_that_a_tflite_source_lacks_are_told_with_those_that_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole.tflite"
    assert main(["convert", str(SOURCE), "-o", str(whole), "--scheme", "float"]) == 0
    assert main(["convert", str(whole), "-o", str(tmp_path / "p.onnx"), "--outputs", "/relu1/Relu"]) == 2
    assert "/relu1/Relu_output_0" in capsys.readouterr().err


INSIDE = "/flatten/Flatten_output_0"


def test_a_part_of_a_model_is_pruned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "part.onnx"
    command = [
        "prune",
        str(SOURCE),
        "-o",
        str(out),
        "--target",
        "macs=0.8",
        "--calibrate",
        str(data.path("digits")),
    ]
    assert main([*command, "--outputs", INSIDE, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in said["outputs"]] == [INSIDE]
    assert said["after"]["macs"] <= 0.8 * said["before"]["macs"]
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_outputs()] == [INSIDE]
    assert main(["inspect", str(out), "--json"]) == 0
    steps = [each["step"] for each in json.loads(capsys.readouterr().out)["card"]["history"]]
    assert steps[-2:] == ["cut", "pruned"]


@pytest.mark.parametrize("prune", ["none", "macs=0.8"])
def test_a_part_of_a_model_is_shrunk(tmp_path: Path, prune: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
    out = tmp_path / "part.tflite"
    command = [
        "shrink",
        str(SOURCE),
        "-o",
        str(out),
        "--calibrate",
        str(data.path("digits")),
        "--prune",
        prune,
    ]
    given = ["--epochs", "1", "--samples", "64", "--gate", "off", "--outputs", INSIDE]
    assert main([*command, *given]) == 0
    capsys.readouterr()
    assert main(["inspect", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["card"]["outputs"]] == [INSIDE]
    assert "cut" in [each["step"] for each in found["card"]["history"]]


def test_a_name_that_is_not_there_is_refused_by_prune(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["prune", str(SOURCE), "-o", str(tmp_path / "o.onnx"), "--target", "macs=0.8"]
    assert main([*command, "--calibrate", str(data.path("digits")), "--outputs", "nowhere"]) == 2
    assert "--outputs nowhere: the model has no tensor and no node of that name" in capsys.readouterr().err
