"""What was converted on this machine is opened at once; its copy elsewhere is tried in a process of its own first."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgemm
from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.artifact.trust import is_trusted
from edgemm.converters import convert
from edgemm.model import file_probe

BUNDLED = Path(data.__file__).parent


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_a_converted_file_is_trusted(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(file_probe, "_ask", lambda *_: pytest.fail("it was probed"))
    output = tmp_path / f"digits{suffix}"
    convert(BUNDLED / "models" / "digits.onnx", output=output, scheme="float")
    edgemm.load(output).close()
    monkeypatch.setenv("EDGEMM_CACHE_DIR", str(tmp_path / "another machine"))
    assert not is_trusted(read_artifact(output))
