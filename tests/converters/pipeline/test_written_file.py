"""What is measured is the written file, opened again; one that does not run names the node, and nothing is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

from edgemm.converters import convert
from edgemm.converters.pipeline import reload as reloading
from edgemm.converters.pipeline import write as writing
from edgemm.converters.written import Written, write_plan
from edgemm.errors import ConversionError, InputError

TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[1,8] x) => (float[1,8] y) {
  [first] a = Relu (x)
  [second] b = Sigmoid (a)
  [third] y = Mul (b, a)
}
"""
DATA = [np.random.default_rng(seed).normal(size=(1, 8)).astype(np.float32) for seed in range(16)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    onnx.save(onnx.parser.parse_model(TEXT), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_file_that_its_runtime_refuses_names_the_node(
    source: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(model: Any, *rest: Any) -> Written:
        made = write_plan(model, *rest)
        bad = any(node.name == "second" for node in model.graph)
        return Written(made.format, b"broken" if bad else made.payload, made.inputs, made.outputs)

    monkeypatch.setattr(writing, "write_plan", broken)
    with pytest.raises(ConversionError, match=r"node 'second' \(Sigmoid\)") as caught:
        convert(source, output=tmp_path / f"out.{suffix}", calibrate=DATA, scheme="static")
    assert caught.value.exit_code == 9
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx"]


def test_an_artifact_that_answers_otherwise_is_not_left(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "replayed", lambda path: [("y", 0.5, 0.1, False)])
    with pytest.raises(ConversionError, match=r"differs by 0\.5"):
        convert(source, output=tmp_path / "out.onnx", calibrate=DATA)
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize("link", [False, True])
def test_the_source_is_never_overwritten(source: Path, tmp_path: Path, link: bool) -> None:
    before = source.read_bytes()
    output = source
    if link:
        output = tmp_path / "link.onnx"
        output.symlink_to(source)
    with pytest.raises(InputError, match="the source file itself"):
        convert(source, output=output)
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ({"gate": "Fail"}, "fail"),
        ({"repair": "of"}, "off"),
        ({"scheme": "statik"}, "static"),
        ({"target": "tensorr"}, "tensorrt"),
        ({"preset": "imagnet"}, "imagenet"),
    ],
)
def test_a_word_that_is_none_names_the_near_one(
    source: Path, tmp_path: Path, word: dict[str, Any], near: str
) -> None:
    with pytest.raises(InputError, match=near):
        convert(source, output=tmp_path / "out.onnx", calibrate=DATA, **word)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0])
def test_a_limit_that_is_no_number_is_refused(source: Path, tmp_path: Path, number: float) -> None:
    with pytest.raises(InputError, match="min_db"):
        convert(source, output=tmp_path / "out.onnx", calibrate=DATA, min_db=number)
