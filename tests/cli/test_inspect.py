"""`edgemm inspect`: what a card says, in the words of `edgemm convert`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tflite_operators import Given, Model, Step

from edgemm.artifact import write_artifact
from edgemm.card import ModelCard
from edgemm.cli import main

ASSETS = Path(__file__).parents[1] / "assets"


def shown(folder: Path, card: ModelCard, capsys: pytest.CaptureFixture[str]) -> str:
    write_artifact(folder / "total.onnx", (ASSETS / "total.onnx").read_bytes(), card)
    assert main(["inspect", str(folder / "total.onnx")]) == 0
    return capsys.readouterr().out


def test_a_card_that_says_no_scheme_has_no_line_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "scheme" not in shown(tmp_path, ModelCard(), capsys)
    card = ModelCard(quantization={"scheme": "static", "target": "arm"})
    assert "static for arm" in shown(tmp_path, card, capsys)


def test_shares_are_in_percent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = {"name": "y", "snr_db": 31.25, "top1_agreement": 1, "accuracy": 0.9876, "accuracy_float": 1.0}
    out = shown(tmp_path, ModelCard(fidelity={"outputs": [output]}), capsys)
    (row,) = [line.split() for line in out.splitlines() if line.startswith("y ")]
    assert row == ["y", "31.25", "100.0%", "98.8%", "100.0%"]


def test_a_custom_operator_has_its_own_name_and_computes_in_what_it_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = Given((1, 4), "uint8", scales=(0.1,), zeros=(128,))
    step = Step("CUSTOM", [0], [1], custom="TFLite_Detection_PostProcess")
    path = tmp_path / "m.tflite"
    path.write_bytes(Model([boxes, Given((1, 4))], [step], [0], [1]).payload())
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"\nCUSTOM TFLite_Detection_PostProcess +1 +float\n", out)
    assert "left in float: CUSTOM TFLite_Detection_PostProcess x1" in out
