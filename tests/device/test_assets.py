"""The committed tiny models are what their script makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[1] / "assets"


def test_the_script_makes_these_bytes(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("ai_edge_litert")
    subprocess.run([sys.executable, str(ASSETS / "make_assets.py"), str(tmp_path)], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in ASSETS.iterdir() if path.suffix in (".tflite", ".onnx")}
    assert made == {name: kept.get(name) for name in made}
